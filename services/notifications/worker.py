"""The notifications' worker: its queue, and its errands, in one process."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from services.notifications import store
from services.notifications.errands import Errands
from services.notifications.settings import NotificationSettings
from shared import companions
from shared.companions import Companion
from shared.database import Pool, pool, transaction
from shared.lifetime import again_and_again, beside
from shared.service import Service
from shared.settings import Settings

_TIDY_S: Final = 3_600
_FORGOTTEN_AT_ONCE: Final = 5_000


class Worker(companions.Worker):
    """Hears what users are to be told, and mails it."""

    def __init__(self, service: Service, settings: Settings, own: NotificationSettings) -> None:
        super().__init__(service, settings)
        self._own = own

    @asynccontextmanager
    async def companions(self, url: str) -> AsyncIterator[Sequence[Companion]]:
        """The errands; meanwhile notices that ended long ago are forgotten."""
        zone, poll_s = self.settings.billing_time_zone, self.settings.outbox_poll_s
        days = max(self._own.notice_days, self.settings.inbox_days)
        async with (
            pool(url, self.service.name) as connections,
            beside(again_and_again(_TIDY_S, lambda: _tidy(connections, days))),
        ):
            yield [Errands(connections, self._own, zone, poll_s)]


async def _tidy(connections: Pool, days: int) -> None:
    """Forget ended notices that are older than so many days, a few thousand at a time."""
    forgotten = _FORGOTTEN_AT_ONCE
    while forgotten == _FORGOTTEN_AT_ONCE:
        async with transaction(connections) as db:
            forgotten = await store.forget_notices(db, days=days, at_most=_FORGOTTEN_AT_ONCE)
