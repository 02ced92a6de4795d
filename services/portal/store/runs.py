"""The month's runs, as invoicing told of them."""

import json
from typing import Any

from shared.database import Connection, Row
from shared.sql import Statements

sql = Statements("services.portal.store", "runs.sql")


async def find_runs(db: Connection, period: str | None = None) -> list[dict[str, Any]]:
    """The month's runs, the latest first, or one of them."""
    return [
        {**row, "amounts": json.loads(row["amounts"]) if row["amounts"] else {}}
        for row in await db.fetch(sql.find_runs, period)
    ]


async def find_quarantined(
    db: Connection, period: str, after: str = "", limit: int = 100
) -> list[Row]:
    """Accounts that a run left out, a page at a time."""
    return await db.fetch(sql.find_quarantined, period, after, limit)


async def find_reruns(db: Connection, period: str) -> list[Row]:
    """Accounts that were run again alone, the latest first."""
    return await db.fetch(sql.find_reruns, period)
