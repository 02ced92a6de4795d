"""A use-priced product, its resources, and a wallet that answers as it is told to."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from shared.messages import Message, Said
from shared.messages.billing import (
    AccountSwitched,
    InvoicePaymentConfirmed,
    PaymentCollect,
    PaymentFailed,
)
from shared.messages.catalogue import ProductPublished
from shared.messages.items import PricedItem
from shared.messages.provisioning import ResourceProvisioned
from shared.messages.scheduler import TickDay
from shared.messages.wallet import WalletDeclined, WalletHeld, WalletHold
from tests.builders import said
from tests.integration.invoicing.house import (
    BEGINNING,
    Invoicing,
    hanoi,
    of_type,
    price,
    product,
    provisioned,
    registered,
)

DAY = timedelta(days=1)
NOVEMBER = hanoi("2026-11-01 00:00")
BEGUN = hanoi("2026-11-10 00:00")
NODES = (("node", 2),)
"""Two nodes of 9,000,000 for 30 days: 600,000 a day (domain 8)."""


def use_priced(**fields: Any) -> ProductPublished:
    """`vserver`, paid by use by whoever has it."""
    plain = product().model_dump() | {"use_priced": True} | fields
    return said(ProductPublished(**plain), at=BEGINNING)


async def open_shop(invoicing: Invoicing, *accounts: str, **fields: Any) -> None:
    """Accounts, the product and its price."""
    await invoicing.hear(
        *(registered(account_id) for account_id in accounts or ("acc-1",)),
        use_priced(**fields),
        price(9_000_000, sku="node"),
    )


def ordered(
    at: datetime = BEGUN,
    resource_id: str = "res-1",
    *,
    held: int | None = 1_800_000,
    discount_rate: str = "0",
    account_id: str = "acc-1",
    components: Sequence[tuple[str, str | int]] = NODES,
) -> ResourceProvisioned:
    """A resource that was ordered with credit held for it is Active."""
    item = PricedItem.model_validate(
        {
            "item_id": resource_id,
            "resource_id": resource_id,
            "action": "create",
            "product": "vserver",
            "name": "web-1",
            "user_type": "postpaid",
            "currency": "VND",
            "discount_rate": discount_rate,
            "held": held,
        }
    )
    return provisioned(at, resource_id, account_id=account_id, components=components, item=item)


def day(at: datetime) -> TickDay:
    """A day's tick."""
    return said(TickDay(), at=at)


def asked(answers: Sequence[Said]) -> dict[str, int]:
    """What the wallet is to hold, by resource."""
    return {one.hold_id: one.amount for one in of_type(answers, WalletHold)}


def held(command: WalletHold) -> WalletHeld:
    """The wallet holds what it was told to."""
    return WalletHeld(**_answer(command, 0)).because(command)


def declined(command: WalletHold, available: int = 0) -> WalletDeclined:
    """The wallet has not enough."""
    return WalletDeclined(**_answer(command, available)).because(command)


def _answer(command: WalletHold, available: int) -> dict[str, Any]:
    return {
        "account_id": command.account_id,
        "wallet": "credit",
        "amount": command.amount,
        "balance": command.amount + available,
        "held": command.amount,
        "available": available,
        "reason": command.reason,
        "reference": command.hold_id,
        "change_id": command.change_id,
    }


async def granted(invoicing: Invoicing, answers: Sequence[Said]) -> list[Said]:
    """The wallet holds all that it was told to."""
    return await invoicing.hear(*(held(one) for one in of_type(answers, WalletHold)))


def confirmed(collect: PaymentCollect, amount: int | None = None) -> InvoicePaymentConfirmed:
    """Billing has collected for an invoice: all, or what there was."""
    return InvoicePaymentConfirmed(
        payment_id=collect.payment_id,
        invoice_id=collect.invoice_id,
        account_id=collect.account_id,
        amount=amount or collect.amount,
        currency="VND",
        method="credit",
    ).because(collect)


def failed(collect: PaymentCollect) -> PaymentFailed:
    """There was nothing to collect."""
    return PaymentFailed(
        payment_id=collect.payment_id,
        invoice_id=collect.invoice_id,
        account_id=collect.account_id,
        reason="insufficient_credit",
    ).because(collect)


def switched(to: str, at: datetime, account_id: str = "acc-1") -> Message:
    """Billing tells of a switch."""
    return said(
        AccountSwitched.model_validate(
            {
                "account_id": account_id,
                "from": "prepaid" if to == "postpaid" else "postpaid",
                "to": to,
                "requested_by": "sales",
                "reason": "contract",
            }
        ),
        at=at,
    )


async def held_now(invoicing: Invoicing) -> dict[str, tuple[int, str | None]]:
    """What was asked for last, and its answer, by resource."""
    rows = await invoicing.rows("select resource_id, asked, answer from credit_hold order by 1")
    return {row["resource_id"]: (row["asked"], row["answer"]) for row in rows}
