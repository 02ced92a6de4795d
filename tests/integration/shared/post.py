"""The broker's side of a test of the core: queues of its own, and what arrives in them."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from aiormq import Channel
from pamqp.commands import Basic
from pydantic import SecretStr

from shared import broker, outbox
from shared.database import Pool
from shared.outbox import EXCHANGE, OWN_QUEUE, Parcel
from shared.relay import Relay
from shared.settings import Settings
from tests.integration.shared.rooms import QUICK

WITHIN_S: Final = 60


def settings_for(amqp_url: str, **more: Any) -> Settings:
    """Impatient settings with the test's own virtual host."""
    return QUICK.model_copy(update={"amqp_url": SecretStr(amqp_url), **more})


async def eventually(that: Callable[[], Awaitable[bool]], within_s: float = WITHIN_S) -> None:
    """Wait until something holds, with a limit."""
    async with asyncio.timeout(within_s):
        while True:
            if await that():
                return
            await asyncio.sleep(0.02)


class PostOffice:
    """A channel of the test's own, with the exchange declared."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel

    async def declare(self, queue: str, *keys: str, **arguments: Any) -> None:
        """A durable queue, bound to the exchange, and to the one by which it is put off."""
        await self.channel.queue_declare(queue, durable=True, arguments=arguments)
        await self.channel.queue_bind(queue, OWN_QUEUE, queue)
        for key in keys:
            await self.channel.queue_bind(queue, EXCHANGE, key)

    async def count(self, queue: str) -> int:
        """Messages that are ready in a queue."""
        found = await self.channel.queue_declare(queue, passive=True)
        return found.message_count or 0

    async def take(self, queue: str) -> tuple[bytes, dict[str, Any]] | None:
        """Take one message off a queue: its body and its properties."""
        got = await self.channel.basic_get(queue, no_ack=True)
        if not isinstance(got.delivery, Basic.GetOk):
            return None
        properties = got.header.properties
        return got.body, {
            "message_id": properties.message_id,
            "type": properties.message_type,
            "delivery_mode": properties.delivery_mode,
            "headers": properties.headers or {},
        }

    async def bodies(self, queue: str, count: int) -> list[str]:
        """The bodies of the next messages of a queue, in order."""
        await self.has(queue, count)
        taken = [await self.take(queue) for _ in range(count)]
        return [one[0].decode() for one in taken if one]

    async def gone(self, queue: str) -> None:
        """Wait until no message of a queue is ready: all are on their way to a consumer."""

        async def empty() -> bool:
            return await self.count(queue) == 0

        await eventually(empty)

    async def has(self, queue: str, count: int) -> None:
        """Wait until as many messages are ready in a queue."""

        async def there() -> bool:
            return await self.count(queue) >= count

        await eventually(there)


@asynccontextmanager
async def post_office(amqp_url: str) -> AsyncIterator[PostOffice]:
    """A post office in the test's own virtual host."""
    async with broker.connected(amqp_url, "test") as connection:
        channel = await connection.channel(publisher_confirms=False)
        underlay = await channel.get_underlay_channel()
        assert isinstance(underlay, Channel)
        for exchange in (EXCHANGE, OWN_QUEUE):
            await underlay.exchange_declare(exchange, exchange_type="topic", durable=True)
        yield PostOffice(underlay)


def parcel(number: int, key: str = "news", **more: Any) -> Parcel:
    """A message whose body is its number."""
    fields: dict[str, Any] = {
        "exchange": EXCHANGE,
        "routing_key": key,
        "message_id": f"m-{number}",
        "type": key,
        "correlation_id": None,
        "attempt": 0,
        "must_arrive": True,
        "body": json.dumps(number).encode(),
        **more,
    }
    return Parcel(**fields)


async def post(connections: Pool, *parcels: Parcel) -> None:
    """Put messages into the outbox, for whichever relay comes first."""
    async with connections.acquire() as db:
        await outbox.append(db, parcels)


async def left(connections: Pool) -> int:
    """Messages in the outbox."""
    async with connections.acquire() as db:
        return int(await db.fetchval("select count(*) from outbox"))


@asynccontextmanager
async def relaying(connections: Pool, settings: Settings) -> AsyncIterator[Relay]:
    """A relay at work."""
    relay = Relay("wallet", connections, settings)
    running = asyncio.create_task(relay.run())
    try:
        yield relay
        assert not running.done()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
