"""The portal's worker: its queue, which keeps the read tables, and its pages, in one process."""

import asyncio
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
from shared import http, worker
from shared.database import PassingTrouble, Pool, pool, transaction
from shared.lifetime import beside, until_migrated
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


class Worker:
    """Hears what happens, shows it, and sends it on. As many as an operator likes share the queue,
    logins and errands."""

    def __init__(self, service: Service, settings: Settings, own: PortalSettings) -> None:
        self._service = service
        self._settings = settings
        self._own = own
        self._hearing = worker.Worker(service, settings)
        self._feed: Feed | None = None
        self._errands: Errands | None = None
        self._stopping = asyncio.Event()

    @property
    def ready(self) -> bool:
        """Whether it has its queue and its database."""
        return self._hearing.ready

    def stop(self) -> None:
        """Finish what is in hand, end what pages follow, and return from `run`."""
        self._stopping.set()
        self._hearing.stop()
        if self._feed:
            self._feed.stop()
        if self._errands:
            self._errands.stop()

    async def run(self) -> None:
        """Work until stopped."""
        url = self._settings.database_url.get_secret_value()
        if not await until_migrated(self._service, url, self._stopping):
            return
        own = self._own
        async with (
            pool(url, self._service.name, size=_POOL) as connections,
            httpx.AsyncClient(timeout=_PROVIDER_S) as client,
            sender(answer_s=own.webhook_answer_s, anywhere=own.webhooks_anywhere) as sending,
        ):
            self._feed = feed = Feed(connections, own.poll_s)
            self._errands = Errands(connections, sending, own)
            portal = Portal(
                connections,
                own,
                feed,
                Provider(own, client),
                Attempts(own),
                self._hearing.hand_over,
            )
            if self._stopping.is_set():
                return
            async with (
                http.serving(portal_app(portal), own.port, connections=_CONNECTIONS),
                beside(feed.run(), _tidy(connections, own.webhook_days)),
                asyncio.TaskGroup() as group,
            ):
                group.create_task(self._errands.run())
                await self._hearing.run()
                self._errands.stop()


async def _tidy(connections: Pool, webhook_days: int) -> None:
    """Forget logins that are over, prices that nobody waits for, and what is long past."""
    while True:
        try:
            async with transaction(connections) as db:
                await saving.forget_quotes(db)
                await sessions.forget_sessions(db, now())
                await api_keys.forget_answers(db, now() - _ANSWERS)
                await webhooks.forget_deliveries(db, webhook_days)
        except PassingTrouble:
            pass  # the next round comes
        await asyncio.sleep(_TIDY_S)
