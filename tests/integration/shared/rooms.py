"""Rooms for tests of the core: a service with handlers of the test's own in the wallet's schema."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from shared.broker import Delivery
from shared.database import Connection, Pool, connect, owner_of, pool
from shared.handling import Handling
from shared.messages import Message, Said
from shared.messages.upstream import TopUpReceived
from shared.messages.wallet import WalletCredited
from shared.outbox import OWN_QUEUE, OutboxRow
from shared.service import Handler, Service
from shared.settings import Settings
from tests.builders import said

QUICK = Settings(
    retry_delays_s=(0.1, 0.2, 0.3),
    transient_pause_s=0.05,
    outbox_poll_s=0.05,
    outbox_lease_s=0.5,
    publish_timeout_s=5,
)


def top_up(id: str, amount: int = 1_000, **envelope: Any) -> TopUpReceived:
    """A top-up; its message's id is its own."""
    return said(
        TopUpReceived(
            top_up_id=id,
            account_id="acc-1",
            amount=amount,
            gateway="bank",
            gateway_reference="r",
        ),
        id=id,
        **envelope,
    )


def credited(cause: Message, amount: int = 1_000) -> WalletCredited:
    """Something to say."""
    return WalletCredited(
        account_id="acc-1",
        wallet="credit",
        amount=amount,
        balance=amount,
        held=0,
        available=amount,
        reason="top_up",
        reference=cause.envelope.id,
    ).because(cause)


async def recording(top_ups: Sequence[TopUpReceived], db: Connection) -> list[Said]:
    """Write a row for each, which would fail the second time, and say that it is done."""
    await db.execute(
        "insert into done (id) select * from unnest($1::text[])", [one.top_up_id for one in top_ups]
    )
    return [credited(one) for one in top_ups]


def service(handler: Handler = recording, name: str = "wallet") -> Service:
    """A service of one handler."""
    return Service(name=name, package="services.wallet", handlers={TopUpReceived: handler})


def delivered(
    message: Message | bytes,
    *,
    attempt: int = 0,
    redelivered: bool = False,
    type: str | None = None,
    headers: dict[str, Any] | None = None,
) -> Delivery:
    """A message as it comes off the queue."""
    return Delivery(
        tag=1,
        body=message if isinstance(message, bytes) else message.encode(),
        type=type or (None if isinstance(message, bytes) else message.type),
        attempt=attempt,
        redelivered=redelivered,
        properties={"message_id": "m", "headers": headers or {}},
    )


class Room:
    """A handling with its database, and what can be seen of it afterwards."""

    def __init__(self, connections: Pool, handler: Handler, settings: Settings) -> None:
        self.connections = connections
        self.stopping = asyncio.Event()
        self._handling = Handling(
            service(handler), connections, connections, settings, self.stopping
        )

    @property
    def days(self) -> Any:
        return self._handling.days

    async def conclude(self, *deliveries: Delivery) -> list[OutboxRow]:
        return await self._handling.conclude(deliveries)

    async def fetch(self, query: str, *arguments: object) -> list[Any]:
        """The only column of a query's rows."""
        async with self.connections.acquire() as db:
            return [row[0] for row in await db.fetch(query, *arguments)]

    async def done(self) -> list[str]:
        """The ids that `recording` handled."""
        return await self.fetch("select id from done order by id")

    async def letters(self) -> dict[str | None, str]:
        """Reasons of the dead letters, by message id."""
        async with self.connections.acquire() as db:
            rows = await db.fetch("select message_id, reason from dead_letter")
        return {row["message_id"]: row["reason"] for row in rows}

    async def put_off(self) -> list[tuple[str, int]]:
        """What waits on the ladder of retries: id and attempt."""
        async with self.connections.acquire() as db:
            rows = await db.fetch(
                "select message_id, attempt from outbox where exchange = $1 order by message_id",
                OWN_QUEUE,
            )
        return [(row["message_id"], row["attempt"]) for row in rows]


@asynccontextmanager
async def room(
    database_url: str, handler: Handler = recording, settings: Settings = QUICK
) -> AsyncIterator[Room]:
    """A room in a database of the test's own."""
    db = await connect(database_url)
    try:
        await db.execute(f"""
            set role {owner_of("wallet")};
            create table if not exists wallet.done (id text primary key)""")
    finally:
        await db.close()
    async with pool(database_url, "wallet", size=4) as connections:
        yield Room(connections, handler, settings)
