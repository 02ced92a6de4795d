"""Dead letters: what could not be handled, with its reason, until an operator decides.

A service tells of each that it puts away and of what became of it, so that people can look at those
of all services in one place, though nobody reads another service's tables.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Final, Literal

from shared.amqp_values import storable
from shared.database import Connection, Row
from shared.envelope import Envelope
from shared.inbox import sql
from shared.masking import masked_text
from shared.messages import Message
from shared.messages.dead_letters import (
    BODY_SHOWN,
    TOLD_OF_LETTERS,
    DeadLetterConcluded,
    DeadLetterRecorded,
)
from shared.outbox import OWN_QUEUE, Parcel, append, say
from shared.wire import parse

_NOT_TOLD: Final = frozenset(one.type for one in TOLD_OF_LETTERS)
_BYTES_READ: Final = 256 * 1024
"""Of a body, to be told: more than that is not looked at."""
_NAME: Final = 200
_ID: Final = 64


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message to be put away. `reason` is a stable code, `detail` says more to people."""

    reason: str
    detail: str
    body: bytes
    source: str | None = None
    message_id: str | None = None
    type: str | None = None
    attempt: int = 0
    properties: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """Who wants dead letters concluded and why, as far as they say; `cause` is their message."""

    by: str | None = None
    reason: str | None = None
    cause: Message | None = None


SILENT: Final = Decision()


async def append_dead_letters(
    db: Connection, service: str, letters: Sequence[DeadLetter]
) -> list[Message]:
    """Put messages away, in the caller's transaction.

    Returns:
        What the service says of those that did not lie there already.
    """
    if not letters:
        return []
    rows = await db.fetch(
        sql.append_dead_letters,
        [letter.source for letter in letters],
        [letter.message_id for letter in letters],
        [letter.type and storable(letter.type) for letter in letters],
        [letter.reason for letter in letters],
        [storable(letter.detail)[:2_000] for letter in letters],
        [letter.attempt for letter in letters],
        [letter.body for letter in letters],
        [_jsonb(letter.properties) for letter in letters],
    )
    return [_recorded(service, row) for row in rows if row["type"] not in _NOT_TOLD]


async def list_dead_letters(
    db: Connection,
    *,
    after: int = 0,
    reason: str | None = None,
    type: str | None = None,
    limit: int = 50,
) -> list[Row]:
    """The waiting dead letters of a service, oldest first."""
    return await db.fetch(sql.list_dead_letters, after, reason, type, limit)


async def find_dead_letter(db: Connection, number: int) -> Row | None:
    """One dead letter with its body and the properties it came with."""
    return await db.fetchrow(sql.get_dead_letter, number)


async def get_service(db: Connection) -> str:
    """Whose dead letters a connection sees."""
    service: str = await db.fetchval(sql.get_service)
    return service


async def replay(
    db: Connection, service: str, numbers: Sequence[int], decision: Decision = SILENT
) -> list[int]:
    """Put waiting dead letters back on their service's queue, as if they came for the first time.

    A message of a day that the inbox has forgotten is taken again: that is the operator's decision.

    Returns:
        The numbers of those that were waiting.
    """
    rows = await db.fetch(sql.lock_dead_letters, list(numbers))
    await append(db, [_again(row, service) for row in rows])
    for row in rows:
        if row["reason"] == "too_old":
            await db.execute(sql.reopen_day, parse(row["body"]).time.date())
        if row["reason"] == "suspected_crash":
            await db.execute(sql.clear_suspects, [row["source"]], [row["message_id"]])
    return await _conclude(db, service, rows, "replayed", decision)


async def discard(
    db: Connection, service: str, numbers: Sequence[int], decision: Decision = SILENT
) -> list[int]:
    """Conclude waiting dead letters without handling them; they stay in the table.

    Returns:
        The numbers of those that were waiting.
    """
    rows = await db.fetch(sql.lock_dead_letters, list(numbers))
    return await _conclude(db, service, rows, "discarded", decision)


async def _conclude(
    db: Connection,
    service: str,
    rows: Sequence[Row],
    conclusion: Literal["replayed", "discarded"],
    decision: Decision,
) -> list[int]:
    numbers = [row["number"] for row in rows]
    await db.execute(sql.conclude_dead_letters, numbers, conclusion, decision.by, decision.reason)
    told = (
        _concluded(service, row, conclusion, decision)
        for row in rows
        if row["type"] not in _NOT_TOLD
    )
    await say(db, list(told))
    return numbers


def _concluded(
    service: str, row: Row, conclusion: Literal["replayed", "discarded"], decision: Decision
) -> Message:
    message = DeadLetterConcluded(
        service=service,
        number=row["number"],
        conclusion=conclusion,
        concluded_by=decision.by,
        reason=decision.reason,
    )
    if decision.cause is not None:
        return message.because(decision.cause, key=str(row["number"]))
    return message.within(_envelope(service, row, message, row["concluded_at"], None, None))


def _recorded(service: str, row: Row) -> Message:
    """What a service tells of a letter, with what can be read of it."""
    text = storable(row["body"][:_BYTES_READ].decode(errors="backslashreplace"))
    shown = storable(masked_text(text))
    event = _event(row["body"])
    data = event.get("data")
    account_id = _id(data.get("account_id") if isinstance(data, dict) else None)
    message = DeadLetterRecorded(
        service=service,
        number=row["number"],
        reason=row["reason"][:_NAME] or "unknown",
        detail=masked_text(row["detail"])[:2_000],
        letter_type=_name(row["type"] or event.get("type")),
        letter_source=_name(row["source"] or event.get("source")),
        letter_id=_name(row["message_id"] or event.get("id")),
        account_id=account_id or _id(event.get("subject")),
        body=shown[:BODY_SHOWN],
        cut=len(shown) > BODY_SHOWN or len(row["body"]) > _BYTES_READ,
    )
    return message.within(
        _envelope(
            service,
            row,
            message,
            row["died_at"],
            _id(event.get("correlationid")) or _id(event.get("id")),
            _id(event.get("id")),
        )
    )


def _envelope(
    service: str,
    row: Row,
    message: Message,
    at: datetime,
    correlation_id: str | None,
    causation_id: str | None,
) -> Envelope:
    """The envelope of what is told of a letter. Its id has the letter's time in it: a number comes
    again where a database was restored."""
    name = f"{service}\n{row['number']}\n{row['died_at'].isoformat()}\n{message.type}"
    return Envelope(
        id=blake2b(name.encode(), digest_size=16).hexdigest(),
        source=message.source,
        type=message.type,
        time=at,
        subject=getattr(message, "account_id", None),
        correlation_id=correlation_id,
        causation_id=causation_id,
    )


def _event(body: bytes) -> dict[str, object]:
    """A body's fields, where it is an object of JSON."""
    try:
        event = json.loads(body) if len(body) <= _BYTES_READ else None
    except (ValueError, RecursionError):
        return {}
    return event if isinstance(event, dict) else {}


def _id(value: object) -> str | None:
    """What the envelope and the messages take as an id; nothing else."""
    if isinstance(value, str) and 0 < len(value) <= _ID and value.isprintable():
        return value
    return None


def _name(value: object) -> str | None:
    return storable(value)[:_NAME] if isinstance(value, str) and value else None


def _again(row: Row, queue: str) -> Parcel:
    return Parcel(
        exchange=OWN_QUEUE,
        routing_key=queue,
        message_id=row["message_id"] or f"dead-{row['number']}",
        type=row["type"] or "unknown",
        correlation_id=None,
        attempt=0,
        must_arrive=True,
        body=row["body"],
    )


def _jsonb(properties: Mapping[str, object]) -> str:
    return json.dumps(_plain(properties), ensure_ascii=False)


def _plain(value: object) -> object:
    """What AMQP's headers may hold, as jsonb takes it."""
    match value:
        case None | bool() | int():
            return value
        case Mapping():
            return {storable(str(key)): _plain(one) for key, one in value.items()}
        case list() | tuple():
            return [_plain(one) for one in value]
        case bytes() | bytearray():
            return storable(value.decode(errors="backslashreplace"))
        case _:
            return storable(str(value))
