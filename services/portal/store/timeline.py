"""Timelines: everything that happened to an account, and the messages behind it."""

import json
from collections.abc import Collection
from datetime import datetime
from typing import Any

from shared.database import Connection, Row
from shared.sql import Statements

sql = Statements("services.portal.store", "timeline.sql")


async def find_timeline(
    db: Connection,
    account_id: str,
    *,
    order_id: str | None = None,
    resource_id: str | None = None,
    before: tuple[datetime, int] | None = None,
    limit: int = 50,
) -> list[Row]:
    """An account's timeline, newest first, a page at a time; of an order or a resource alone."""
    at, position = before or (None, None)
    return await db.fetch(sql.find_timeline, account_id, order_id, resource_id, at, position, limit)


async def find_event(db: Connection, account_id: str, position: int) -> dict[str, Any] | None:
    """An event of an account."""
    row = await db.fetchrow(sql.find_event, account_id, position)
    return _read(row) if row else None


async def find_kin(
    db: Connection, account_ids: Collection[str], correlation_id: str
) -> list[dict[str, Any]]:
    """What came of one thing, in the order in which it was heard."""
    rows = await db.fetch(sql.find_kin, list(account_ids), correlation_id)
    return [_read(row) for row in rows]


def _read(row: Row) -> dict[str, Any]:
    return {**row, "payload": json.loads(row["payload"])}
