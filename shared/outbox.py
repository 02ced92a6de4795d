"""The outbox: what a transaction says, kept in it until the broker has confirmed it.

A queue, not a log: rows are deleted once confirmed. A row belongs to whoever leased it until its
`due_at`; then any relay of the service may claim it.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from shared.amqp_values import storable
from shared.database import Connection, Row
from shared.messages import Later, Message
from shared.sql import Statements

sql = Statements("shared", "messaging.sql")

EXCHANGE: Final = "cloudtill"
OWN_QUEUE: Final = "cloudtill.own"
"""The exchange by which a service puts something back on its own queue, named by the routing key.

Not the broker's default exchange: whoever may write to that may write to everybody's queue."""

_REASON_AT_MOST: Final = 500
"""Characters: the text of an error may be long, and is kept whole with the dead letter."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message as it is to be published, `delay_s` seconds from now; with a `reason` for people
    where it was put off."""

    exchange: str
    routing_key: str
    message_id: str
    type: str
    correlation_id: str | None
    attempt: int
    must_arrive: bool
    body: bytes
    delay_s: float = 0
    reason: str | None = None

    @classmethod
    def of(cls, said: Message | Later) -> "Parcel":
        """For everybody who listens."""
        message, delay_s = (
            (said.message, said.delay.total_seconds()) if isinstance(said, Later) else (said, 0.0)
        )
        envelope = message.envelope
        return cls(
            exchange=EXCHANGE,
            routing_key=message.routing_key,
            message_id=envelope.id,
            type=envelope.type,
            correlation_id=envelope.correlation_id,
            attempt=0,
            must_arrive=message.must_arrive,
            body=message.encode(),
            delay_s=delay_s,
        )


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A row of the outbox that is leased to this relay."""

    row_id: int
    parcel: Parcel
    failures: int = 0

    @classmethod
    def from_row(cls, row: Row) -> "OutboxRow":
        """A row as the claim returns it."""
        return cls(
            row["row_id"],
            Parcel(
                exchange=row["exchange"],
                routing_key=row["routing_key"],
                message_id=row["message_id"],
                type=row["type"],
                correlation_id=row["correlation_id"],
                attempt=row["attempt"],
                must_arrive=row["must_arrive"],
                body=row["body"],
            ),
            row["failures"],
        )


async def append(
    db: Connection, parcels: Sequence[Parcel], *, lease_s: float = 0
) -> list[OutboxRow]:
    """Write parcels in the caller's transaction.

    Of a message that is put off, copies become one: nothing keeps two workers from putting off the
    same, and each of two would have copies of its own the next time.

    Args:
        lease_s: for how long the rows that are due at once belong to the caller, who hands them
            to its relay after the commit. 0: whichever relay comes first publishes them.

    Returns:
        The rows that are due at once, in their order.
    """
    copies = {(one.message_id, one.attempt, one.body): one for one in parcels if one.attempt}
    if copies:
        put_off = [copies[copy] for copy in sorted(copies)]
        reasons = [
            parcel.reason and storable(parcel.reason)[:_REASON_AT_MOST] for parcel in put_off
        ]
        await db.execute(sql.append_put_off, *_columns(put_off, lease_s=0), reasons)
        parcels = [parcel for parcel in parcels if not parcel.attempt]
    if not parcels:
        return []
    rows = await db.fetch(sql.append_outbox, *_columns(parcels, lease_s))
    written = list(zip(rows, parcels, strict=True))
    if any(row["message_id"] != parcel.message_id for row, parcel in written):
        raise RuntimeError("Postgres returned the outbox's rows in another order")
    return [OutboxRow(row["row_id"], parcel) for row, parcel in written if not parcel.delay_s]


def _columns(parcels: Sequence[Parcel], lease_s: float) -> tuple[list[Any], ...]:
    return (
        [parcel.exchange for parcel in parcels],
        [parcel.routing_key for parcel in parcels],
        [parcel.message_id for parcel in parcels],
        [parcel.type for parcel in parcels],
        [parcel.correlation_id for parcel in parcels],
        [parcel.attempt for parcel in parcels],
        [parcel.must_arrive for parcel in parcels],
        [parcel.body for parcel in parcels],
        [parcel.delay_s or lease_s for parcel in parcels],
    )


async def claim(db: Connection, *, lease_s: float, at_most: int) -> list[OutboxRow]:
    """Lease rows that are due, oldest first."""
    return [OutboxRow.from_row(row) for row in await db.fetch(sql.claim_outbox, lease_s, at_most)]


async def show_put_off(db: Connection, correlation_id: str, limit: int) -> list[Row]:
    """What of one order or run is tried again later and why, the next first, for people."""
    return await db.fetch(sql.show_put_off, OWN_QUEUE, correlation_id, limit)


async def delete(db: Connection, row_ids: Collection[int]) -> None:
    """Forget rows that the broker confirmed."""
    await db.execute(sql.delete_outbox, list(row_ids))


async def postpone(db: Connection, delays_s: Iterable[tuple[int, float]]) -> None:
    """Put off rows that the broker could not take, each by its delay in seconds."""
    postponed = list(delays_s)
    await db.execute(
        sql.postpone_outbox,
        [row_id for row_id, _ in postponed],
        [delay_s for _, delay_s in postponed],
    )


async def say(db: Connection, messages: Sequence[Message | Later]) -> None:
    """Say messages from outside a worker: a relay of the service publishes them when it polls."""
    await append(db, [Parcel.of(message) for message in messages])
