"""Resources, as pages show them."""

from datetime import datetime

from shared.database import Connection, Row
from shared.sql import Statements

sql = Statements("services.portal.store", "resources.sql")


async def find_resources(
    db: Connection,
    account_id: str,
    *,
    with_deleted: bool = False,
    words: str | None = None,
    after: str | None = None,
    limit: int = 1_000,
) -> list[Row]:
    """An account's resources by name, a page at a time.

    Args:
        db: to read from.
        account_id: whose.
        with_deleted: those that are gone too.
        words: only the one of this id, and those with this in their names.
        after: the resource behind which to begin.
        limit: how many at most.
    """
    return await db.fetch(sql.find_resources, account_id, with_deleted, words, after, limit)


async def find_resource(db: Connection, account_id: str, resource_id: str) -> Row | None:
    """A resource of an account."""
    return await db.fetchrow(sql.find_resource, account_id, resource_id)


async def find_ending(db: Connection, account_id: str, until: datetime) -> list[Row]:
    """Resources in use whose term ends by a time, the next first."""
    return await db.fetch(sql.find_ending, account_id, until)


async def count_states(db: Connection, account_id: str) -> dict[str, int]:
    """How many resources there are in each state."""
    return {row["state"]: row["count"] for row in await db.fetch(sql.count_states, account_id)}


async def find_on_trial(db: Connection, account_id: str, limit: int = 100) -> list[Row]:
    """Resources that the POC wallet pays for (domain 9)."""
    return await db.fetch(sql.find_on_trial, account_id, limit)
