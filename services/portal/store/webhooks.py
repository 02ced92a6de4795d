"""Webhooks: endpoints, what is sent there, and what came of it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.portal.domain.webhooks import Outgoing
from shared.database import Connection, Row
from shared.sql import Statements

sql = Statements("services.portal.store", "webhooks.sql")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an account wants to be told, and of which types of events; none are all."""

    account_id: str
    endpoint_id: str
    url: str
    description: str
    event_types: tuple[str, ...]
    secret: str
    created_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Errand:
    """A delivery that is to be tried now, by whoever leased it."""

    account_id: str
    endpoint_id: str
    event_id: str
    body: str
    url: str
    secrets: tuple[str, ...]

    @property
    def key(self) -> tuple[str, str, str]:
        """Which delivery it is."""
        return self.account_id, self.endpoint_id, self.event_id


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a try: a status, or the error that there was instead of an answer."""

    took_ms: int
    status: int | None = None
    error: str | None = None
    answer: str = ""

    @property
    def arrived(self) -> bool:
        """Whether the receiver took it."""
        return self.status is not None and 200 <= self.status < 300


async def find_listening(db: Connection, account_ids: Collection[str]) -> set[str]:
    """Those of these accounts that have endpoints."""
    rows = await db.fetch(sql.find_listening, list(account_ids))
    return {row["account_id"] for row in rows}


async def append_deliveries(
    db: Connection, outgoing: Sequence[Outgoing], give_up_after_s: float
) -> None:
    """Have events sent to the endpoints that want them."""
    await db.execute(
        sql.append_deliveries,
        [one.account_id for one in outgoing],
        [one.event_id for one in outgoing],
        [one.type for one in outgoing],
        [one.body for one in outgoing],
        give_up_after_s,
    )


async def claim_deliveries(
    db: Connection,
    *,
    lease_s: float,
    of_one: int,
    at_most: int,
    on_their_way: Mapping[str, int] | None = None,
) -> list[Errand]:
    """Lease deliveries that are due.

    Args:
        db: a connection.
        lease_s: how long they belong to the caller.
        of_one: how many of one endpoint may be on their way at once.
        at_most: of all endpoints.
        on_their_way: how many of an endpoint the caller has already.
    """
    busy = on_their_way or {}
    numbers = (lease_s, of_one, at_most, list(busy), list(busy.values()))
    rows = await db.fetch(sql.claim_deliveries, *numbers)
    return [
        Errand(
            row["account_id"],
            row["endpoint_id"],
            row["event_id"],
            row["body"],
            row["url"],
            tuple(filter(None, (row["secret"], row["old_secret"]))),
        )
        for row in rows
    ]


async def lock_endpoint(db: Connection, errand: Errand) -> Row | None:
    """Where something was sent, held; None where it was removed meanwhile."""
    return await db.fetchrow(sql.lock_endpoint, errand.account_id, errand.endpoint_id)


async def lock_delivery(db: Connection, errand: Errand) -> Row | None:
    """A delivery that was tried, held, after its endpoint."""
    return await db.fetchrow(sql.lock_delivery, *errand.key)


async def append_attempt(db: Connection, errand: Errand, attempt: int, tried: Tried) -> None:
    """Note what came of a try."""
    await db.execute(
        sql.append_attempt,
        *errand.key,
        attempt,
        tried.took_ms,
        tried.status,
        tried.error,
        tried.answer,
    )


async def save_delivered(db: Connection, errand: Errand) -> None:
    """It has arrived."""
    await db.execute(sql.save_delivered, *errand.key)


async def save_tried(db: Connection, errand: Errand) -> None:
    """It was tried once more though it was concluded already."""
    await db.execute(sql.save_tried, *errand.key)


async def save_undelivered(db: Connection, errand: Errand, pause_s: float | None) -> None:
    """It has not arrived, and is tried again after a pause; None: no more."""
    await db.execute(sql.save_undelivered, *errand.key, pause_s)


async def disable_endpoint(db: Connection, account_id: str, endpoint_id: str, because: str) -> bool:
    """Send nothing there any more; whether something was until now."""
    return await db.fetchval(sql.disable_endpoint, account_id, endpoint_id, because) is not None


async def append_endpoint(db: Connection, endpoint: Endpoint) -> bool:
    """Keep where an account wants to be told; whether it is new."""
    new = await db.fetchval(
        sql.append_endpoint,
        endpoint.account_id,
        endpoint.endpoint_id,
        endpoint.url,
        endpoint.description,
        list(endpoint.event_types),
        endpoint.secret,
        endpoint.created_by,
        endpoint.created_at,
    )
    return new is not None


async def count_endpoints(db: Connection, account_id: str) -> int:
    """How many endpoints an account has; who adds one at the same time waits."""
    await db.execute(sql.lock_endpoints, account_id)
    number: int = await db.fetchval(sql.count_endpoints, account_id)
    return number


async def find_endpoints(db: Connection, account_id: str) -> list[Row]:
    """An account's endpoints, without their secrets."""
    return await db.fetch(sql.find_endpoints, account_id)


async def find_endpoint(db: Connection, account_id: str, endpoint_id: str) -> Row | None:
    """An endpoint, without its secret."""
    return await db.fetchrow(sql.find_endpoint, account_id, endpoint_id)


async def save_endpoint(
    db: Connection,
    account_id: str,
    endpoint_id: str,
    *,
    url: str | None = None,
    description: str | None = None,
    event_types: Collection[str] | None = None,
) -> bool:
    """Change an endpoint; None is as it was. Whether there is one."""
    types = None if event_types is None else list(event_types)
    arguments = (account_id, endpoint_id, url, description, types)
    return await db.fetchval(sql.save_endpoint, *arguments) is not None


async def enable_endpoint(db: Connection, account_id: str, endpoint_id: str) -> None:
    """Send there again."""
    await db.execute(sql.enable_endpoint, account_id, endpoint_id)


async def save_secret(
    db: Connection, account_id: str, endpoint_id: str, secret: str, both_s: float
) -> bool:
    """Sign with another secret from now on, and with the old one too for a while."""
    arguments = (account_id, endpoint_id, secret, both_s)
    return await db.fetchval(sql.save_secret, *arguments) is not None


async def remove_endpoint(db: Connection, account_id: str, endpoint_id: str) -> bool:
    """Forget an endpoint and what was sent there; whether there was one."""
    return await db.fetchval(sql.remove_endpoint, account_id, endpoint_id) is not None


async def list_deliveries(db: Connection, *arguments: object) -> list[Row]:
    """An endpoint's log: the account, the endpoint, filters, a place, a limit."""
    return await db.fetch(sql.list_deliveries, *arguments)


async def find_delivery(
    db: Connection, account_id: str, endpoint_id: str, event_id: str
) -> Row | None:
    """What was sent to an endpoint of one event."""
    return await db.fetchrow(sql.find_delivery, account_id, endpoint_id, event_id)


async def find_attempts(
    db: Connection, account_id: str, endpoint_id: str, event_id: str
) -> list[Row]:
    """What came of each try, the first first."""
    return await db.fetch(sql.find_attempts, account_id, endpoint_id, event_id)


async def deliver_again(
    db: Connection, account_id: str, endpoint_id: str, event_id: str, give_up_after_s: float
) -> bool:
    """Send an event once more; False where there is none, or nothing is sent there."""
    arguments = (account_id, endpoint_id, event_id, give_up_after_s)
    return await db.fetchval(sql.deliver_again, *arguments) is not None


async def forget_deliveries(db: Connection, days: int) -> None:
    """Forget the log of times long past."""
    await db.execute(sql.forget_deliveries, days)
