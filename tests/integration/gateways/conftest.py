"""The gateways' worker in this process, with a stand-in for ZaloPay."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import httpx
import pytest
from starlette.applications import Starlette

from services.gateways import adapters
from services.gateways import settings as own
from services.gateways.app import SERVICE
from services.gateways.errands import Errands
from services.gateways.webhook import webhook
from shared.database import Connection, Pool, pool
from shared.messages import MESSAGE_TYPES, Message, Said
from shared.wire import parse
from tests.integration.gateways.stand_in import StandIn, zalopay

M = TypeVar("M", bound=Message)

WITHIN_S = 60


class Office:
    """What a test sees and does of the gateways' worker. There is no relay: what is said stays in
    the outbox, where a test reads it."""

    def __init__(self, connections: Pool, http: httpx.AsyncClient) -> None:
        self.connections = connections
        self.app: Starlette = webhook(connections, adapters.gateways())
        self._http = http

    async def handle(self, *messages: Message) -> list[Said]:
        """Have a group of messages handled in a transaction."""
        answers: list[Said] = []
        async with self.connections.acquire() as db, db.transaction():
            for handler in dict.fromkeys(SERVICE.handlers.values()):
                if mine := [one for one in messages if SERVICE.handlers[type(one)] is handler]:
                    answers += await handler(mine, db)
        return answers

    @asynccontextmanager
    async def working(self) -> AsyncIterator[Errands]:
        """Errands are done meanwhile; pauses and leases are short."""
        errands = Errands(self.connections, self._http, own.settings(), poll_s=0.02)
        task = asyncio.create_task(errands.run())
        try:
            yield errands
        finally:
            errands.stop()
            await asyncio.wait_for(task, WITHIN_S)

    async def work(self) -> None:
        """Do errands until none is left."""
        async with self.working():
            await self.until(self._idle)

    async def _idle(self, db: Connection) -> bool:
        return not await db.fetchval("select exists (select from errand)")

    async def until(self, that: Callable[[Connection], Awaitable[bool]]) -> None:
        """Wait until something holds in the database."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                async with self.connections.acquire() as db:
                    if await that(db):
                        return
                await asyncio.sleep(0.02)

    async def said(self, message_type: type[M]) -> list[M]:
        """What of this type is in the outbox, in the order in which it was said."""
        async with self.connections.acquire() as db:
            rows = await db.fetch("select body, type from outbox order by row_id")
        messages = [parse(row["body"], row["type"]) for row in rows]
        assert all(message.type in MESSAGE_TYPES for message in messages)
        return [message for message in messages if isinstance(message, message_type)]

    async def fetch(self, statement: str) -> list[tuple[object, ...]]:
        """Rows, as the worker sees them."""
        async with self.connections.acquire() as db:
            return [tuple(row) for row in await db.fetch(statement)]

    async def post(self, body: bytes, gateway: str = "zalopay") -> httpx.Response:
        """A gateway calls back."""
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://till") as http:
            return await http.post(f"/gateways/{gateway}/callback", content=body)


@pytest.fixture
async def stand_in() -> AsyncIterator[StandIn]:
    """ZaloPay's stand-in."""
    async with zalopay() as answering:
        yield answering


@pytest.fixture
async def office(
    database_url: str, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Office]:
    """The gateways, of which ZaloPay is the chosen one."""
    environment = stand_in.environment() | {
        "gateway_lease_s": "10",
        "gateway_longest_pause_s": "0.05",
        "gateways_url": "https://till.example.com/",
        "simulated_gateway_key": "a key for the demo",
    }
    for name, value in environment.items():
        monkeypatch.setenv(f"CLOUDTILL_{name.upper()}", value)
    own.settings.cache_clear()
    adapters.gateways.cache_clear()
    async with pool(database_url, "gateways") as connections, httpx.AsyncClient(timeout=30) as http:
        yield Office(connections, http)
    monkeypatch.undo()
    own.settings.cache_clear()
    adapters.gateways.cache_clear()
