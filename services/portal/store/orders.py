"""Orders, as pages show them."""

import json
from datetime import datetime
from typing import Any

from shared.database import Connection, Row
from shared.sql import Statements

sql = Statements("services.portal.store", "orders.sql")


async def find_orders(
    db: Connection, account_id: str, *, before: tuple[datetime, str] | None = None, limit: int = 50
) -> list[Row]:
    """An account's orders, newest first, a page at a time."""
    at, order_id = before or (None, None)
    return await db.fetch(sql.find_orders, account_id, at, order_id, limit)


async def find_order(db: Connection, account_id: str, order_id: str) -> Row | None:
    """An order of an account."""
    return await db.fetchrow(sql.find_order, account_id, order_id)


async def find_items(db: Connection, account_id: str, order_id: str) -> list[dict[str, Any]]:
    """An order's items, each with its price where it has one."""
    return [
        {**row, "priced": json.loads(row["priced"]) if row["priced"] else None}
        for row in await db.fetch(sql.find_items, account_id, order_id)
    ]


async def find_orders_of_resource(db: Connection, account_id: str, resource_id: str) -> list[Row]:
    """What was ordered for a resource, newest first."""
    return await db.fetch(sql.find_orders_of_resource, account_id, resource_id)
