"""Dead letters: what could not be handled, with its reason, until an operator decides."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.amqp_values import storable
from shared.database import Connection, Row
from shared.inbox import sql
from shared.outbox import OWN_QUEUE, Parcel, append
from shared.wire import parse


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


async def append_dead_letters(db: Connection, letters: Sequence[DeadLetter]) -> None:
    """Put messages away, in the caller's transaction."""
    if not letters:
        return
    await db.execute(
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


async def replay(db: Connection, queue: str, numbers: Sequence[int]) -> list[int]:
    """Put waiting dead letters back on their queue, as if they came for the first time.

    A message of a day that the inbox has forgotten is taken again: that is the operator's decision.

    Returns:
        The numbers of those that were waiting.
    """
    rows = await db.fetch(sql.lock_dead_letters, list(numbers))
    await append(db, [_again(row, queue) for row in rows])
    for row in rows:
        if row["reason"] == "too_old":
            await db.execute(sql.reopen_day, parse(row["body"]).time.date())
        if row["reason"] == "suspected_crash":
            await db.execute(sql.clear_suspects, [row["source"]], [row["message_id"]])
    return await _conclude(db, rows, "replayed")


async def discard(db: Connection, numbers: Sequence[int]) -> list[int]:
    """Conclude waiting dead letters without handling them; they stay in the table."""
    return await _conclude(db, await db.fetch(sql.lock_dead_letters, list(numbers)), "discarded")


async def _conclude(db: Connection, rows: Sequence[Row], conclusion: str) -> list[int]:
    numbers = [row["number"] for row in rows]
    await db.execute(sql.conclude_dead_letters, numbers, conclusion)
    return numbers


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
