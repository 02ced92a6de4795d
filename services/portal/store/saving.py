"""Writes the read tables: each by one statement a group, from rows as JSON."""

import json
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from services.portal.domain.facts import Row
from shared.database import Connection
from shared.sql import Statements

sql = Statements("services.portal.store", "saving.sql")

TABLES: Final = (
    "accounts",
    "billing_details",
    "pocs",
    "products",
    "prices",
    "orders",
    "items",
    "payments",
    "resources",
    "auto_renewals",
    "wallets",
    "entries",
    "invoices",
    "invoice_payments",
    "credit_notes",
    "notices",
    "notice_preferences",
    "notice_recipients",
    "notice_ends",
    "quotes",
    "usage_reports",
    "letters",
    "runs",
    "ranges",
    "quarantines",
)
"""Those that are written in this order, each by the statement `save_...`."""


async def save_rows(db: Connection, table: str, rows: Sequence[Row]) -> None:
    """Keep what was told of the things of one table; rows come in the order of their keys."""
    if rows:
        await db.execute(sql[f"save_{table}"], as_json(rows))


async def append_events(db: Connection, rows: Sequence[Row]) -> None:
    """Keep events of accounts, each once."""
    if not rows:
        return
    months = sorted({row["time"].date().replace(day=1) for row in rows})
    await db.execute(sql.open_months, months)
    await db.execute(
        sql.append_events,
        [row["account_id"] for row in rows],
        [row["time"] for row in rows],
        [row["event_id"] for row in rows],
        [row["source"] for row in rows],
        [row["type"] for row in rows],
        [row["correlation_id"] for row in rows],
        [row["causation_id"] for row in rows],
        [row["payload"] for row in rows],
    )


async def forget_quotes(db: Connection) -> None:
    """Quotes are for an hour: whoever asks later asks anew."""
    await db.execute(sql.forget_quotes)


def as_json(rows: object) -> str:
    """Rows for Postgres' `jsonb_to_recordset`."""
    return json.dumps(rows, default=_plain)


def _plain(value: object) -> str:
    match value:
        case datetime() | date():
            return value.isoformat()
        case Decimal():
            return f"{value:f}"
        case _:
            raise TypeError(f"{type(value).__name__} has no place in a row")
