"""The events of accounts: what open pages follow, and timelines are made of."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from shared.database import Connection, Row
from shared.sql import Statements

sql = Statements("services.portal.store", "events.sql")


@dataclass(frozen=True, slots=True)
class News:
    """That something happened to an account, at a place in the order in which it was heard."""

    position: int
    account_id: str
    type: str


async def find_news(
    db: Connection, after: int, missing: Collection[int], at_most: int
) -> list[News]:
    """What was heard after a position, and what of missing positions came to be seen since."""
    rows = await db.fetch(sql.find_news, after, list(missing), at_most)
    return [News(row["position"], row["account_id"], row["type"]) for row in rows]


async def get_position(db: Connection, account_id: str | None = None) -> int:
    """The last position, of all or of an account; 0 where nothing was heard."""
    position: int = await (
        db.fetchval(sql.get_position)
        if account_id is None
        else db.fetchval(sql.get_account_position, account_id)
    )
    return position


async def find_types_after(db: Connection, account_id: str, after: int) -> list[News]:
    """What an account's pages missed since a position."""
    rows = await db.fetch(sql.find_types_after, account_id, after)
    return [News(row["position"], account_id, row["type"]) for row in rows]


async def find_chain(db: Connection, account_id: str, correlation_id: str) -> list[Row]:
    """What an act or an order led to so far, in the order in which it was heard."""
    return await db.fetch(sql.find_chain, account_id, correlation_id)


async def find_events(
    db: Connection, account_id: str, *, before: tuple[datetime, int] | None = None, limit: int = 50
) -> list[Row]:
    """An account's timeline, newest first, a page at a time."""
    at, position = before or (None, None)
    return await db.fetch(sql.find_events, account_id, at, position, limit)
