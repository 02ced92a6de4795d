"""What every page has at hand."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Final, TypeVar

from services.portal.settings import PortalSettings
from services.portal.web.feed import Feed
from services.portal.web.provider import Attempts, Provider
from shared.database import Connection, Pool, connection
from shared.outbox import OutboxRow

T = TypeVar("T")

_SOON_S: Final = 0.02


def now() -> datetime:
    """When a person does something: the business time of their act."""
    return datetime.now(UTC)


async def later(_rows: Sequence[OutboxRow]) -> None:
    """Leave publishing to the relay that finds the rows."""


@dataclass(frozen=True, slots=True)
class Portal:
    """Connections, settings, news, and how what is said is published at once."""

    connections: Pool
    settings: PortalSettings
    feed: Feed
    provider: Provider
    attempts: Attempts
    publish: Callable[[Sequence[OutboxRow]], Awaitable[None]] = later
    clock: Callable[[], datetime] = now

    async def until(
        self, look: Callable[[Connection], Awaitable[T | None]], wait_s: float
    ) -> T | None:
        """What is looked for, such as the answer of another service, once it is there.

        Most answers come at once: it is looked for soon, and then ever more rarely.

        Returns:
            None where that takes longer than `wait_s`.
        """
        until, pause = monotonic() + wait_s, _SOON_S
        while True:
            async with connection(self.connections) as db:
                found = await look(db)
            if found is not None or monotonic() >= until:
                return found
            await asyncio.sleep(min(pause, self.settings.poll_s))
            pause *= 2
