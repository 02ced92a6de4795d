"""The events of an account: what its timeline is made of."""

from collections.abc import Iterator
from typing import Final

from services.portal.domain.facts import Fact
from shared.messages import Message
from shared.messages.billing import QuoteGiven
from shared.messages.dead_letters import (
    DeadLetterConcluded,
    DeadLetterNotWaiting,
    DeadLetterRecorded,
)
from shared.messages.invoicing import (
    InvoiceIssued,
    InvoiceRunAccountQuarantined,
    InvoiceRunAccountResolved,
    InvoiceRunBegan,
    InvoiceRunCompleted,
    InvoiceRunProgressed,
    InvoicesIssued,
    UsageReportGiven,
)

OF_NO_ACCOUNT: Final = ""
"""Whose events those are that are about the whole house: only the Support console follows them. No
account has this id."""
_OF_THE_HOUSE: Final = (
    DeadLetterRecorded,
    DeadLetterConcluded,
    DeadLetterNotWaiting,
    InvoiceRunBegan,
    InvoiceRunProgressed,
    InvoiceRunAccountQuarantined,
    InvoiceRunAccountResolved,
    InvoiceRunCompleted,
)
_OF_LETTERS: Final = (DeadLetterRecorded, DeadLetterConcluded, DeadLetterNotWaiting)
"""Of the house alone, whichever account they are about: customers don't see them."""


def of_event(message: Message) -> Iterator[Fact]:
    """An event of the account that it is about; answers to pages are none.

    One message of a month's run tells of many invoices: each is an event of its account.
    """
    if isinstance(message, QuoteGiven | UsageReportGiven):
        return
    if isinstance(message, _OF_THE_HOUSE):
        payload = message.model_dump_json(exclude_none=True, by_alias=True, exclude={"body"})
        yield _event(message, OF_NO_ACCOUNT, message.envelope.id, message.type, payload)
        if isinstance(message, _OF_LETTERS):
            return
    envelope = message.envelope
    if isinstance(message, InvoicesIssued):
        for invoice in message.invoices:
            payload = invoice.model_dump_json(exclude_none=True, by_alias=True)
            yield _event(
                message, invoice.account_id, invoice.invoice_id, InvoiceIssued.type, payload
            )
        return
    account_id = getattr(message, "account_id", None) or envelope.subject
    if account_id is None:
        return
    payload = message.model_dump_json(exclude_none=True, by_alias=True)
    yield _event(message, account_id, envelope.id, message.type, payload)


def _event(message: Message, account_id: str, event_id: str, type_: str, payload: str) -> Fact:
    envelope = message.envelope
    return (
        (account_id, envelope.time.isoformat(), envelope.source, event_id),
        {
            "account_id": account_id,
            "time": envelope.time,
            "event_id": event_id,
            "source": envelope.source,
            "type": type_,
            # What comes of a message that names nothing it belongs to, carries that message's id.
            "correlation_id": envelope.correlation_id or envelope.id,
            "causation_id": envelope.causation_id,
            "payload": payload,
        },
    )
