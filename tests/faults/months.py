"""What follows orders as months pass: ends, recoveries, invoices and their payment."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from shared.ids import derived_id
from shared.messages import Message
from shared.messages.billing import PaymentRequested
from shared.messages.invoicing import Invoice, InvoiceIssued, InvoicesIssued
from shared.messages.product_teams import ProductFailed, ProductRequested, ProductSucceeded
from shared.messages.scheduler import TickDay, TickMinute, TickMonth
from shared.messages.upstream import TopUpReceived
from tests.builders import NOON, said
from tests.faults.load import Load
from tests.faults.portal import IMAGE_VND, corrected, paid_by, paid_through_bank, recorded

_BILLING_ZONE: Final = ZoneInfo("Asia/Ho_Chi_Minh")
_FIRST_MONTH: Final = 2026 * 12 + 10
"""November 2026, as months since the year 0."""
_OVERDUE: Final = timedelta(days=19, hours=8)


def period_of(load: Load) -> str:
    """The billing month that is closed after this load."""
    year, month = divmod(_FIRST_MONTH + load.months_later, 12)
    return f"{year}-{month + 1:02}"


def end_of(load: Load) -> datetime:
    """When that month's tick comes."""
    year, month = divmod(_FIRST_MONTH + load.months_later + 1, 12)
    return datetime(year, month + 1, 1, 0, 5, tzinfo=_BILLING_ZONE).astimezone(UTC)


def overdue_at(load: Load) -> datetime:
    """When what was not paid of its invoices is overdue."""
    return end_of(load) + _OVERDUE


def passing_time(load: Load) -> list[list[Message]]:
    """Ticks and what customers do between: each wave after the one before is done."""
    recoveries = [
        load.ordered(account_id, resource_id, "recover", NOON + timedelta(days=12))
        for account_id, kind, resource_id in load.created
        if kind in ("trash", "poc") and load.chance.random() < 0.5
    ]
    starts = [
        load.ordered(account_id, resource_id, "start", NOON + timedelta(days=6))
        for account_id, resource_id in load.stopped
    ]
    back = load.switch("rich-2", "prepaid", end_of(load) + timedelta(hours=1))
    days: list[list[Message]] = [
        [said(TickDay(), at=NOON + timedelta(days=day))] for day in range(2, 6)
    ]
    return [
        *days,
        _relief(load),
        starts,
        [said(TickMinute(), at=NOON + timedelta(days=8))],
        _too_late(load),
        [said(TickMinute(), at=NOON + timedelta(days=11))],
        recoveries,
        [said(TickMonth(period=period_of(load)), at=end_of(load)), back],
    ]


def _relief(load: Load) -> list[Message]:
    """Money for those whose holds lacked credit for days."""
    top_ups = [
        TopUpReceived(
            top_up_id=f"{load.name}-relief-{number}",
            account_id=f"{load.name}-tight-{number}",
            amount=1_000_000,
            gateway="bank",
            gateway_reference=f"{load.name}-relief-{number}",
        )
        for number in range(load.accounts)
    ]
    return [said(one, at=NOON + timedelta(days=5, hours=1)) for one in top_ups]


def _too_late(load: Load) -> list[Message]:
    """What is paid for orders that were cancelled by then."""
    return [
        said(
            paid_through_bank(derived_id("payment", order_id), IMAGE_VND),
            at=NOON + timedelta(days=9),
        )
        for _, kind, order_id in load.created
        if kind == "abandoned"
    ]


def provisioned(load: Load, heard: Sequence[Message]) -> list[Message]:
    """What a product's own team says it did, or could not do, of what it was asked for."""
    at = NOON + timedelta(hours=13)
    asked = [
        message
        for message in heard
        if isinstance(message, ProductRequested) and message.resource_id.startswith(load.name)
    ]
    return [
        said(
            ProductSucceeded(request_id=one.request_id, at=at)
            if number % 2 == 0
            else ProductFailed(request_id=one.request_id, reason="no room"),
            at=at,
        )
        for number, one in enumerate(sorted(asked, key=lambda one: one.request_id))
    ]


def payments(load: Load, heard: Sequence[Message]) -> list[Message]:
    """What customers and Sales do about the invoices of the month."""
    at = end_of(load) + timedelta(days=2)
    messages: list[Message] = []
    for number, invoice in enumerate(_unpaid(load, heard)):
        match number % 5:
            case 0:
                pass  # it becomes overdue
            case 1:
                messages.append(said(paid_by(invoice, "credit"), at=at))
            case 2:
                messages.append(said(paid_by(invoice, "gateway"), at=at))
            case 3:
                part = invoice.gross - 1 if invoice.gross > 1 else 1
                messages.append(said(recorded(invoice, part, "part"), at=at))
            case _:
                messages.append(said(corrected(invoice), at=at))
    return messages


def asked_of_gateways(load: Load, heard: Sequence[Message]) -> list[PaymentRequested]:
    """The payments of invoices that gateways were asked for."""
    asked = (
        message
        for message in heard
        if isinstance(message, PaymentRequested)
        and message.invoice_id is not None
        and message.method == "gateway"
        and load.is_ours(message.account_id)
    )
    return sorted(asked, key=lambda one: one.payment_id)


def overdue(load: Load) -> list[Message]:
    """The days on which what was not paid becomes overdue."""
    return [said(TickMinute(), at=overdue_at(load)), said(TickDay(), at=overdue_at(load))]


def refused(load: Load, heard: Sequence[Message]) -> list[Message]:
    """A switch that is refused, because something is overdue (domain 10)."""
    accounts = [one.account_id.removeprefix(f"{load.name}-") for one in _unpaid(load, heard)[:1]]
    at = overdue_at(load) + timedelta(seconds=30)
    return [load.switch(account, "prepaid", at) for account in accounts]


def settling(load: Load, heard: Sequence[Message]) -> list[Message]:
    """What was left unpaid is paid by bank transfer."""
    at = overdue_at(load) + timedelta(days=1)
    messages = [load.switch("late-0", "prepaid", overdue_at(load) + timedelta(minutes=1))]
    for number, invoice in enumerate(_unpaid(load, heard)):
        if number % 5 == 0:
            messages.append(said(recorded(invoice, invoice.gross, "rest"), at=at))
    return messages


def _unpaid(load: Load, heard: Sequence[Message]) -> list[Invoice]:
    invoices: dict[str, Invoice] = {}
    for message in heard:
        several: Sequence[Invoice] = ()
        if isinstance(message, InvoicesIssued):
            several = message.invoices
        elif isinstance(message, InvoiceIssued):
            several = (message,)
        for invoice in several:
            ours = load.is_ours(invoice.account_id)
            if ours and invoice.status != "paid" and invoice.gross > 0:
                invoices[invoice.invoice_id] = invoice
    return [invoices[invoice_id] for invoice_id in sorted(invoices)]
