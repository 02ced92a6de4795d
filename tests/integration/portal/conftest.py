"""The portal's pages on a real database, and its handlers as the worker calls them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from services.portal.handlers import heard
from services.portal.settings import PortalSettings
from services.portal.web import provider as providers
from services.portal.web.app import portal_app
from services.portal.web.feed import Feed
from services.portal.web.portal import Portal
from services.portal.web.provider import Attempts
from shared.database import Pool, pool, transaction
from shared.messages import Message
from shared.wire import parse
from tests.builders import NOON
from tests.integration.portal.browser import Browser
from tests.integration.portal.stand_in import ISSUER, Provider


class Office:
    """What a test sees and does of the portal. There is no relay: what is said stays in the outbox,
    where a test reads it. Its clock stands at noon until a test moves it."""

    def __init__(self, connections: Pool, closing: AsyncExitStack) -> None:
        self.connections = connections
        self.now = NOON
        self.settings = PortalSettings(development_login=True, poll_s=0.02, quote_wait_s=0.2)
        self.feed = Feed(connections, self.settings.poll_s)
        self._closing = closing
        self.http = httpx.AsyncClient()
        """By which the provider is asked."""

    def portal(self) -> Portal:
        """What the pages have at hand."""
        return Portal(
            self.connections,
            self.settings,
            self.feed,
            providers.Provider(self.settings, self.http),
            Attempts(self.settings),
            clock=lambda: self.now,
        )

    async def hear(self, *messages: Message) -> None:
        """Have a group of messages handled, in a transaction."""
        async with transaction(self.connections) as db:
            assert await heard(messages, db) == []

    async def said(self) -> list[Message]:
        """What is in the outbox, in the order in which it was said."""
        return [
            parse(row["body"], row["type"])
            for row in await self.rows("select body, type from outbox order by row_id")
        ]

    async def rows(self, statement: str, *arguments: object) -> list[dict[str, Any]]:
        """What the database holds."""
        async with self.connections.acquire() as db:
            return [dict(row) for row in await db.fetch(statement, *arguments)]

    async def browser(self, **headers: str) -> Browser:
        """A browser that nobody has used."""
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(portal_app(self.portal()), raise_app_exceptions=True),
            base_url="http://portal.example.com",
            headers={"accept-language": "en", **headers},
        )
        return Browser(await self._closing.enter_async_context(client))

    async def customer(
        self, *account_ids: str, roles: Sequence[str] = ("customer",), **headers: str
    ) -> Browser:
        """A browser in which somebody with these accounts has logged in."""
        browser = await self.browser(**headers)
        await browser.open("/login")
        await browser.fill_in(
            "/login/development",
            {
                "subject": f"{'-'.join(account_ids) or 'nobody'}@example.com",
                "accounts": ", ".join(account_ids),
                "role": list(roles),
            },
        )
        return browser

    def later(self, **more: float) -> datetime:
        """Let time pass."""
        self.now += timedelta(**more)
        return self.now


@pytest.fixture
async def office(database_url: str) -> AsyncIterator[Office]:
    """The portal."""
    async with AsyncExitStack() as closing:
        connections = await closing.enter_async_context(pool(database_url, "portal"))
        yield Office(connections, closing)


@pytest.fixture
async def provider(office: Office) -> AsyncIterator[Provider]:
    """The provider of the office."""
    stand_in = Provider()
    office.settings = PortalSettings(issuer=ISSUER, url="http://portal.example.com")
    transport = httpx.ASGITransport(stand_in.app)
    async with httpx.AsyncClient(transport=transport) as http:
        office.http = http
        yield stand_in
