"""What messages tell of dead letters."""

from collections.abc import Iterator

from services.portal.domain.facts import Fact
from shared.messages import Message
from shared.messages.dead_letters import DeadLetterConcluded, DeadLetterRecorded


def of_letter(message: Message) -> Iterator[Fact]:
    """A dead letter of a service, and how it was concluded."""
    match message:
        case DeadLetterRecorded():
            told = {
                "died_at": message.time,
                "reason": message.reason,
                "detail": message.detail,
                "letter_type": message.letter_type,
                "letter_source": message.letter_source,
                "letter_id": message.letter_id,
                "account_id": message.account_id,
                "correlation_id": message.envelope.correlation_id,
                "body": message.body,
                "cut": message.cut,
            }
        case DeadLetterConcluded():
            told = {
                "conclusion": message.conclusion,
                "concluded_at": message.time,
                "concluded_by": message.concluded_by,
                "concluded_because": message.reason,
            }
        case _:
            return
    key = {"service": message.service, "number": message.number}
    yield (message.service, f"{message.number:020d}"), key | told
