"""What pages were answered, and what users were told."""

from collections.abc import Iterator

from services.portal.domain.facts import Fact
from shared.messages import Message
from shared.messages.billing import QuoteGiven
from shared.messages.invoicing import UsageReportGiven
from shared.messages.notifications import NotificationRequested


def of_quote(message: Message) -> Iterator[Fact]:
    """What an order would cost."""
    if isinstance(message, QuoteGiven):
        yield (
            (message.account_id, message.quote_id),
            {
                "account_id": message.account_id,
                "quote_id": message.quote_id,
                "at": message.time,
                "given": message.model_dump(mode="json", exclude_none=True),
            },
        )


def of_usage_report(message: Message) -> Iterator[Fact]:
    """What was used in a month, by the latest answer."""
    if isinstance(message, UsageReportGiven):
        yield (
            (message.account_id, message.period),
            {
                "account_id": message.account_id,
                "period": message.period,
                "until": message.until,
                "request_id": message.request_id,
                "given": message.model_dump(mode="json", exclude_none=True),
            },
        )


def of_notice(message: Message) -> Iterator[Fact]:
    """A notice to a user."""
    if isinstance(message, NotificationRequested):
        event_id = message.envelope.id
        yield (
            (message.account_id, event_id),
            {
                "account_id": message.account_id,
                "event_id": event_id,
                "template": message.template,
                "facts": message.facts,
                "at": message.time,
            },
        )
