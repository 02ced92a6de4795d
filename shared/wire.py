"""From bytes off a queue to a message of the contract, or to the reason why it is none."""

import json
from functools import cache
from typing import Annotated, Final, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from shared.envelope import Envelope
from shared.messages.model import MESSAGE_TYPES, Id, Message, Time

LARGEST_BYTES: Final = max(message_type.max_bytes for message_type in MESSAGE_TYPES.values())
_NUL: Final = b"\\u0000"
_NO_CONTROLS: Final = r"^[^\x00-\x1f\x7f]+$"

M = TypeVar("M", bound=Message)


class BadMessage(Exception):
    """A message that can't be read.

    Attributes:
        reason: `not_json`, `not_cloudevent`, `unknown_type`, `bad_field` or `too_large`.
        detail: which field, and what is wrong with it; never the value itself.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class _Wire(BaseModel, Generic[M]):
    """A CloudEvent in structured JSON mode around data of one type."""

    model_config = ConfigDict(extra="ignore")

    specversion: Literal["1.0"]
    id: Id
    source: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_NO_CONTROLS)]
    type: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    time: Time
    subject: Id | None = None
    correlationid: Id | None = None
    causationid: Id | None = None
    traceparent: Annotated[str, StringConstraints(max_length=64)] | None = None
    data: M


@cache
def _wire(message_type: type[Message]) -> type[_Wire[Message]]:
    return _Wire[message_type]  # type: ignore[valid-type]


def parse(body: bytes, hint: str | None = None, attempt: int = 0) -> Message:
    """The message in `body`, in its envelope.

    Args:
        body: the whole event as JSON in UTF-8.
        hint: the type that AMQP's properties name; the body's own type is the truth.
        attempt: how often handling it was put off or failed.

    Raises:
        BadMessage: if it is none of the contract's.
    """
    message_type = MESSAGE_TYPES.get(hint or "") or _type_named_in(body)
    if len(body) > message_type.max_bytes:
        raise BadMessage(
            "too_large",
            f"{len(body)} bytes; {message_type.type} has at most {message_type.max_bytes}",
        )
    try:
        wire = _wire(message_type).model_validate_json(body)
    except ValidationError as error:
        actual = _type_named_in(body)
        if actual is not message_type:
            return parse(body, actual.type, attempt)
        raise _explained(error) from None
    if wire.type != message_type.type:
        return parse(body, wire.type, attempt)
    if _NUL in body and _holds_nul(json.loads(body)):
        raise BadMessage("bad_field", "a text holds the character U+0000")
    return wire.data.within(
        Envelope(
            id=wire.id,
            source=wire.source,
            type=wire.type,
            time=wire.time,
            subject=wire.subject,
            correlation_id=wire.correlationid,
            causation_id=wire.causationid,
            traceparent=wire.traceparent,
            attempt=attempt,
        )
    )


def _type_named_in(body: bytes) -> type[Message]:
    if len(body) > LARGEST_BYTES:
        raise BadMessage(
            "too_large", f"{len(body)} bytes; no message has more than {LARGEST_BYTES}"
        )
    try:
        event = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadMessage("not_json", str(error)[:200]) from None
    if not isinstance(event, dict) or not isinstance(event.get("type"), str):
        raise BadMessage("not_cloudevent", "an object with a type is expected")
    try:
        return MESSAGE_TYPES[event["type"]]
    except KeyError:
        raise BadMessage("unknown_type", f"no message is called {event['type'][:100]!r}") from None


def _holds_nul(value: object) -> bool:
    """Whether a text somewhere in JSON holds what Postgres can't store."""
    match value:
        case str():
            return "\x00" in value
        case dict():
            return any(_holds_nul(one) for pair in value.items() for one in pair)
        case list():
            return any(map(_holds_nul, value))
        case _:
            return False


def _explained(error: ValidationError) -> BadMessage:
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    if faults[0]["type"] == "json_invalid":
        return BadMessage("not_json", faults[0]["msg"][:200])
    in_data = all(fault["loc"][:1] == ("data",) for fault in faults)
    detail = "; ".join(
        f"{'.'.join(map(str, fault['loc']))}: {fault['msg'][:200]}" for fault in faults[:5]
    )
    return BadMessage("bad_field" if in_data else "not_cloudevent", detail)
