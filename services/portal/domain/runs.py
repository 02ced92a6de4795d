"""What messages tell of the month's runs (domain 3.3): how far they are, and whom they left out."""

from collections.abc import Iterator
from typing import Any

from services.portal.domain.facts import Fact
from shared.messages import Message
from shared.messages.invoicing import (
    InvoiceRunAccountQuarantined,
    InvoiceRunAccountResolved,
    InvoiceRunBegan,
    InvoiceRunCompleted,
    InvoiceRunProgressed,
)


def of_run(message: Message) -> Iterator[Fact]:
    """A run: its size, and what it came to."""
    told: dict[str, Any]
    match message:
        case InvoiceRunBegan():
            told = {"ranges": message.ranges, "began_at": message.time}
        case InvoiceRunProgressed():
            told = {"ranges": message.ranges}
        case InvoiceRunCompleted():
            told = {
                "completed_at": message.time,
                "invoices": message.invoices,
                "quarantined": message.quarantined,
                "amounts": dict(message.amounts),
            }
        case _:
            return
    yield (message.period,), {"period": message.period} | told


def of_range(message: Message) -> Iterator[Fact]:
    """A range of a run that is done, or an account that was run again alone."""
    if isinstance(message, InvoiceRunProgressed):
        yield (
            (message.period, f"{message.range_number:010d}"),
            {
                "period": message.period,
                "range_number": message.range_number,
                "account_id": message.account_id,
                "invoices": message.invoices,
                "quarantined": message.quarantined,
                "at": message.time,
            },
        )


def of_quarantine(message: Message) -> Iterator[Fact]:
    """An account that a run left out, or no longer."""
    match message:
        case InvoiceRunAccountQuarantined():
            told = {"reason": message.reason, "detail": message.detail, "resolved": False}
        case InvoiceRunAccountResolved():
            told = {"reason": None, "detail": None, "resolved": True}
        case _:
            return
    key = {"period": message.period, "account_id": message.account_id, "at": message.time}
    yield (message.period, message.account_id), key | told
