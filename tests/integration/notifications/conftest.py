"""The notifications' worker in this process, with a real mail server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest

from services.notifications.app import SERVICE
from services.notifications.errands import Errands
from services.notifications.settings import NotificationSettings
from services.notifications.settings import settings as own_settings
from shared.database import Connection, Pool, pool
from shared.messages import Message, Said
from shared.wire import parse
from tests.integration.notifications.post_office import PostOffice, post_office

M = TypeVar("M", bound=Message)

WITHIN_S = 60


class Desk:
    """What a test sees and does of the notifications' worker. There is no relay: what is said stays
    in the outbox, where a test reads it."""

    def __init__(self, connections: Pool, office: PostOffice) -> None:
        self.connections = connections
        self.office = office

    async def handle(self, *messages: Message) -> list[Said]:
        """Have a group of messages handled in a transaction."""
        answers: list[Said] = []
        async with self.connections.acquire() as db, db.transaction():
            for message_type, handler in SERVICE.handlers.items():
                if mine := [one for one in messages if type(one) is message_type]:
                    answers += await handler(mine, db)
        return answers

    @asynccontextmanager
    async def working(self, **settings: Any) -> AsyncIterator[Errands]:
        """Errands are done meanwhile; pauses and leases are short."""
        own = NotificationSettings.model_validate(
            {
                "smtp_url": self.office.url,
                "mail_from": "Cloudtill <billing@cloud.example>",
                "mail_longest_pause_s": 0.05,
                "mail_lease_s": 10,
                "mail_answer_s": 5,
                "portal_url": "https://portal.example.com",
                **settings,
            }
        )
        errands = Errands(self.connections, own, "Asia/Ho_Chi_Minh", poll_s=0.02)
        task = asyncio.create_task(errands.run())
        try:
            yield errands
        finally:
            errands.stop()
            await asyncio.wait_for(task, WITHIN_S)

    async def work(self, **settings: Any) -> None:
        """Do errands until none is left."""
        async with self.working(**settings):
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
        return [message for message in messages if isinstance(message, message_type)]

    async def fetch(self, statement: str) -> list[tuple[object, ...]]:
        """Rows, as the worker sees them."""
        async with self.connections.acquire() as db:
            return [tuple(row) for row in await db.fetch(statement)]

    async def outcomes(self) -> list[tuple[object, ...]]:
        """How notices ended."""
        return await self.fetch("select outcome, reason from notice_outcome order by 1, 2")


@pytest.fixture
def office() -> Iterator[PostOffice]:
    """A mail server."""
    with post_office() as office:
        yield office


@pytest.fixture
async def desk(
    database_url: str, office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Desk]:
    """The notifications, of a database of their own."""
    monkeypatch.setenv("CLOUDTILL_PORTAL_URL", "https://portal.example.com")
    own_settings.cache_clear()
    async with pool(database_url, "notifications") as connections:
        yield Desk(connections, office)
    monkeypatch.undo()
    own_settings.cache_clear()
