"""The notifications' worker: its queue, and its errands, in one process."""

import asyncio
from typing import Final

from services.notifications import store
from services.notifications.errands import Errands
from services.notifications.settings import NotificationSettings
from shared import worker
from shared.database import PassingTrouble, Pool, pool, transaction
from shared.lifetime import beside, until_migrated
from shared.service import Service
from shared.settings import Settings

_TIDY_S: Final = 3_600
_FORGOTTEN_AT_ONCE: Final = 5_000


class Worker:
    """Hears what users are to be told, and mails it. As many as an operator likes share the queue
    and the errands."""

    def __init__(self, service: Service, settings: Settings, own: NotificationSettings) -> None:
        self._service = service
        self._settings = settings
        self._own = own
        self._hearing = worker.Worker(service, settings)
        self._errands: Errands | None = None
        self._stopping = asyncio.Event()

    @property
    def ready(self) -> bool:
        """Whether it has its queue and its database."""
        return self._hearing.ready

    def stop(self) -> None:
        """Finish what is in hand, and return from `run`."""
        self._stopping.set()
        self._hearing.stop()
        if self._errands:
            self._errands.stop()

    async def run(self) -> None:
        """Work until stopped."""
        url = self._settings.database_url.get_secret_value()
        if not await until_migrated(self._service, url, self._stopping):
            return
        async with pool(url, self._service.name) as connections:
            zone, poll_s = self._settings.billing_time_zone, self._settings.outbox_poll_s
            self._errands = Errands(connections, self._own, zone, poll_s)
            if self._stopping.is_set():
                return
            days = max(self._own.notice_days, self._settings.inbox_days)
            async with beside(_tidy(connections, days)), asyncio.TaskGroup() as group:
                group.create_task(self._hearing.run())
                group.create_task(self._errands.run())


async def _tidy(connections: Pool, days: int) -> None:
    """Forget ended notices that are older than so many days, a few thousand at a time."""
    while True:
        forgotten = _FORGOTTEN_AT_ONCE
        try:
            while forgotten == _FORGOTTEN_AT_ONCE:
                async with transaction(connections) as db:
                    forgotten = await store.forget_notices(
                        db, days=days, at_most=_FORGOTTEN_AT_ONCE
                    )
        except PassingTrouble:
            pass  # the next round comes
        await asyncio.sleep(_TIDY_S)
