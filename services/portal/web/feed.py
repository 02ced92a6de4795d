"""News of accounts for open pages of this process.

The worker that handles an event may be another process than the one whose page waits for it, and
what both share is Postgres: while pages are open, one poller a process reads what was heard since
its last look, by position. No NOTIFY: it costs a lock at each commit, and poolers lose it.
Positions are drawn before they are committed, so those that are missing are asked for again for a
while.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from time import monotonic
from typing import Final

from services.portal.store import events
from services.portal.store.events import News
from shared.database import PassingTrouble, Pool, connection

_AT_MOST: Final = 2_000
_BACK: Final = 200
"""Positions before the last that are read again at the start: some may be committed late."""
_GAP_S: Final = 30.0
"""How long a missing position may still come: no transaction of a worker takes longer."""
_GAPS_AT_MOST: Final = 10_000


class Feed:
    """What happens, account by account."""

    def __init__(self, connections: Pool, poll_s: float) -> None:
        """
        Args:
            connections: of the portal's schema.
            poll_s: how often to look while somebody listens.
        """
        self._connections = connections
        self._poll_s = poll_s
        self._listeners: defaultdict[str, set[asyncio.Queue[News | None]]] = defaultdict(set)
        self._wanted = asyncio.Event()
        self._stopped = False
        self._last = 0
        self._gaps: dict[int, float] = {}

    def stop(self) -> None:
        """End `run` and whoever listens."""
        self._stopped = True
        self._wanted.set()
        for queues in self._listeners.values():
            for queue in queues:
                queue.put_nowait(None)

    async def run(self) -> None:
        """Look for news while somebody listens, until stopped."""
        while not self._stopped:
            if not self._listeners:
                self._wanted.clear()
                await self._wanted.wait()
                self._last, self._gaps = -1, {}
                continue
            with suppress(PassingTrouble):
                await self._look()
            await asyncio.sleep(self._poll_s)

    async def _look(self) -> None:
        async with connection(self._connections) as db:
            if self._last < 0:
                self._last = max(0, await events.get_position(db) - _BACK)
            news = await events.find_news(db, self._last, self._gaps, _AT_MOST)
        now = monotonic()
        for one in news:
            self._gaps.pop(one.position, None)
            if one.position > self._last:
                missing = range(self._last + 1, one.position)
                self._gaps.update(dict.fromkeys(missing[-_GAPS_AT_MOST:], now + _GAP_S))
                self._last = one.position
            for queue in self._listeners.get(one.account_id, ()):
                queue.put_nowait(one)
        self._gaps = {place: until for place, until in self._gaps.items() if until > now}

    @asynccontextmanager
    async def listening(self, account_id: str) -> AsyncIterator[asyncio.Queue[News | None]]:
        """News of an account while the body runs; None is the end."""
        queue: asyncio.Queue[News | None] = asyncio.Queue()
        if self._stopped:
            queue.put_nowait(None)
        self._listeners[account_id].add(queue)
        self._wanted.set()
        try:
            yield queue
        finally:
            self._listeners[account_id].discard(queue)
            if not self._listeners[account_id]:
                del self._listeners[account_id]
