"""The events of an account: what its timeline is made of."""

from collections.abc import Iterator

from services.portal.domain.facts import Fact
from shared.messages import Message
from shared.messages.billing import QuoteGiven
from shared.messages.invoicing import InvoiceIssued, InvoicesIssued, UsageReportGiven


def of_event(message: Message) -> Iterator[Fact]:
    """An event of the account that it is about; answers to pages are none.

    One message of a month's run tells of many invoices: each is an event of its account.
    """
    if isinstance(message, QuoteGiven | UsageReportGiven):
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
            "correlation_id": envelope.correlation_id,
            "causation_id": envelope.causation_id,
            "payload": payload,
        },
    )
