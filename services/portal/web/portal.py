"""What every page has at hand."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from services.portal.settings import PortalSettings
from services.portal.web.feed import Feed
from services.portal.web.provider import Attempts, Provider
from shared.database import Pool
from shared.outbox import OutboxRow


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
