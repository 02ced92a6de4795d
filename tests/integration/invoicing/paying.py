"""What tests of payments and of credit notes begin with, and look at."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from shared.messages import Message, Said
from shared.messages.billing import InvoicePaymentConfirmed, PaymentCollect, PaymentFailed
from shared.messages.notifications import NotificationRequested
from shared.messages.upstream import InvoicePaymentRequested
from tests.builders import said
from tests.integration.at_once import one_after_the_other
from tests.integration.invoicing.house import (
    Invoicing,
    handle,
    hanoi,
    invoices_in,
    month_over,
    of_type,
    price,
    product,
    provisioned,
    registered,
)

NOVEMBER, TICK = hanoi("2026-11-01 00:00"), hanoi("2026-12-01 00:05")
SOON = TICK + timedelta(hours=1)


async def one_invoice(invoicing: Invoicing, amount: int = 300_000) -> str:
    """An unpaid invoice of November."""
    await invoicing.hear(registered(), product(), price(amount))
    await invoicing.hear(provisioned(NOVEMBER))
    (invoice,) = invoices_in(await invoicing.settle(month_over("2026-11", TICK)))
    return invoice.invoice_id


def asked(
    invoice_id: str, amount: int | None = None, *, account_id: str = "acc-1", attempt: int = 0
) -> InvoicePaymentRequested:
    """That a customer pays it, or so much of it."""
    return said(
        InvoicePaymentRequested(
            invoice_id=invoice_id, account_id=account_id, method="credit", amount=amount
        ),
        at=SOON,
        attempt=attempt,
    )


def confirmed(collect: PaymentCollect, amount: int | None = None) -> InvoicePaymentConfirmed:
    """That billing took what was to be collected, or so much of it."""
    return said(
        InvoicePaymentConfirmed(
            payment_id=collect.payment_id,
            invoice_id=collect.invoice_id,
            account_id=collect.account_id,
            amount=amount or collect.amount,
            currency="VND",
            method=collect.method,
        ),
        at=SOON,
    )


def failed(collect: PaymentCollect) -> PaymentFailed:
    """That billing could not take it."""
    return said(
        PaymentFailed(
            payment_id=collect.payment_id,
            invoice_id=collect.invoice_id,
            account_id=collect.account_id,
            reason="insufficient_credit",
        ),
        at=SOON,
    )


def templates(answers: list[Said]) -> list[str]:
    """Which notices were asked for."""
    return [one.template for one in of_type(answers, NotificationRequested)]


async def at_one_instant(
    database_url: str, first: Sequence[Message], second: Sequence[Message]
) -> list[Said]:
    """What two workers of invoicing say, each to a group; the second waits for the first."""
    return await one_after_the_other(
        database_url, "invoicing", partial(handle, first), partial(handle, second)
    )


async def state_of(invoicing: Invoicing) -> tuple[int, int, str]:
    """What is paid and reserved of the one invoice, and how it stands."""
    (row,) = await invoicing.rows("select paid, reserved, status from invoice_state")
    return row["paid"], row["reserved"], row["status"]
