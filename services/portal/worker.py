"""The portal's worker: its queue, which keeps the read tables, and its pages, in one process."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

import httpx

from services.portal.settings import PortalSettings
from services.portal.store import api_keys, saving, sessions, webhooks
from services.portal.web.app import portal_app
from services.portal.web.feed import Feed
from services.portal.web.portal import Portal, now
from services.portal.web.provider import Attempts, Provider
from services.portal.webhooks.errands import Errands
from services.portal.webhooks.sending import sender
from shared import companions, http
from shared.companions import Companion
from shared.database import Pool, pool, transaction
from shared.lifetime import again_and_again, beside
from shared.service import Service
from shared.settings import Settings

_CONNECTIONS: Final = 1_000
"""Of browsers: each open page has one for its news."""
_POOL: Final = 10
_TIDY_S: Final = 600
_ANSWERS: Final = timedelta(days=30)
"""How long programs are answered the same: their acts stay the same acts for ever."""
_PROVIDER_S: Final = 10
"""How long the OpenID Connect provider may take to answer."""


class Worker(companions.Worker):
    """Hears what happens, shows it, and sends it on. As many as an operator likes share the queue,
    logins and errands."""

    def __init__(self, service: Service, settings: Settings, own: PortalSettings) -> None:
        super().__init__(service, settings)
        self._own = own

    @asynccontextmanager
    async def companions(self, url: str) -> AsyncIterator[Sequence[Companion]]:
        """The errands that send webhooks, and the news that open pages follow; beside the pages."""
        own = self._own
        async with (
            pool(url, self.service.name, size=_POOL) as connections,
            httpx.AsyncClient(timeout=_PROVIDER_S) as client,
            sender(answer_s=own.webhook_answer_s, anywhere=own.webhooks_anywhere) as sending,
        ):
            feed = Feed(connections, own.poll_s)
            portal = Portal(
                connections,
                own,
                feed,
                Provider(own, client),
                Attempts(own),
                self.hearing.hand_over,
            )
            async with (
                http.serving(portal_app(portal), own.port, connections=_CONNECTIONS),
                beside(again_and_again(_TIDY_S, lambda: _tidy(connections, own.webhook_days))),
            ):
                yield [Errands(connections, sending, own), feed]


async def _tidy(connections: Pool, webhook_days: int) -> None:
    """Forget logins that are over, prices that nobody waits for, and what is long past."""
    async with transaction(connections) as db:
        await saving.forget_quotes(db)
        await sessions.forget_sessions(db, now())
        await api_keys.forget_answers(db, now() - _ANSWERS)
        await webhooks.forget_deliveries(db, webhook_days)
