"""Wallets and their histories, as pages show them."""

from datetime import datetime

from shared.database import Connection, Row
from shared.sql import Statements

sql = Statements("services.portal.store", "wallets.sql")


async def find_wallets(db: Connection, account_id: str) -> dict[str, Row]:
    """An account's wallets, by kind."""
    return {row["wallet"]: row for row in await db.fetch(sql.find_wallets, account_id)}


async def find_entries(
    db: Connection,
    account_id: str,
    wallet: str,
    *,
    before: tuple[datetime, str] | None = None,
    limit: int = 50,
) -> list[Row]:
    """A wallet's history, newest first, a page at a time."""
    at, event_id = before or (None, None)
    return await db.fetch(sql.find_entries, account_id, wallet, at, event_id, limit)


async def find_pocs(db: Connection, account_id: str) -> list[Row]:
    """Proofs of concept that were granted, newest first."""
    return await db.fetch(sql.find_pocs, account_id)


async def find_poc_end(db: Connection, account_id: str) -> datetime | None:
    """When an account's POC wallet ends, or ended; None where Sales granted none."""
    ends_at: datetime | None = await db.fetchval(sql.find_poc_end, account_id)
    return ends_at
