"""What each service tells of its dead letters, and what it obeys about them: the same for all."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from shared.messages.model import Id, Message, Name, Text

LETTERS_AT_ONCE = 500
BODY_SHOWN = 16_000
"""Characters of a dead letter's body that are told; the whole of it stays where it lies."""

ServiceName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
LetterNumber = Annotated[int, Field(strict=True, gt=0, lt=2**63)]
Why = Annotated[str, StringConstraints(min_length=1, max_length=2_000, pattern=r"^[^\x00]+$")]
_EVERYBODY = "/cloudtill"


class _OfALetter(Message):
    service: ServiceName
    number: LetterNumber


class DeadLetterRecorded(_OfALetter):
    """A service put a message away that it could not handle. Its time is when: a message that
    can't be read has no business time.

    `body` is the message's, personal data masked, its first 16,000 characters where it is `cut`.
    `letter_...` and `account_id` are what could be read of it.
    """

    type: ClassVar[str] = "dead_letter.recorded"
    source: ClassVar[str] = _EVERYBODY
    must_arrive: ClassVar[bool] = False

    reason: Name
    detail: Text
    letter_type: Name | None = None
    letter_source: Name | None = None
    letter_id: Name | None = None
    account_id: Id | None = None
    body: Annotated[str, StringConstraints(max_length=BODY_SHOWN, pattern=r"^[^\x00]*$")]
    cut: bool = False


class DeadLetterConcluded(_OfALetter):
    """An operator had a dead letter replayed or discarded; who and why, where that was said."""

    type: ClassVar[str] = "dead_letter.concluded"
    source: ClassVar[str] = _EVERYBODY
    must_arrive: ClassVar[bool] = False

    conclusion: Literal["replayed", "discarded"]
    concluded_by: Name | None = None
    reason: Text | None = None


class DeadLetterNotWaiting(_OfALetter):
    """What was asked for a dead letter was not done: it does not wait any more, or is not there."""

    type: ClassVar[str] = "dead_letter.not_waiting"
    source: ClassVar[str] = _EVERYBODY
    must_arrive: ClassVar[bool] = False


class _Request(Message):
    service: ServiceName
    numbers: Annotated[tuple[LetterNumber, ...], Field(min_length=1, max_length=LETTERS_AT_ONCE)]
    requested_by: Name
    reason: Why

    @property
    def routing_key(self) -> str:
        return f"{self.type}.{self.service}"

    @classmethod
    def bound_to(cls, _service: str) -> str:
        return f"{cls.type}.{_service}"


class DeadLetterReplayRequested(_Request):
    """Have a service handle dead letters of its own as if they came for the first time; routed to
    `dead_letter.replay_requested.<service>`."""

    type: ClassVar[str] = "dead_letter.replay_requested"
    source: ClassVar[str] = "/support"


class DeadLetterDiscardRequested(_Request):
    """Have a service conclude dead letters of its own unhandled; routed to
    `dead_letter.discard_requested.<service>`."""

    type: ClassVar[str] = "dead_letter.discard_requested"
    source: ClassVar[str] = "/support"


TOLD_OF_LETTERS = (DeadLetterRecorded, DeadLetterConcluded, DeadLetterNotWaiting)
"""What tells of dead letters. One of these that becomes a dead letter itself is not told of, or it
would be for ever."""
