"""What the Support console shows of accounts, and how it finds them."""

import re
from typing import Final

from shared.database import Connection, Row
from shared.sql import Statements

sql = Statements("services.portal.store", "finding.sql")

_WORD: Final = re.compile(r"\w+")


async def find_by_words(db: Connection, typed: str, limit: int = 50) -> list[Row]:
    """Accounts by whatever somebody knows of them; each with what was known (`by`)."""
    words = " & ".join(f"{word}:*" for word in _WORD.findall(typed)[:8])
    return await db.fetch(sql.find_by_words, typed, words, limit)


async def look(db: Connection) -> Row:
    """How many dead letters wait for somebody, and accounts in quarantine."""
    row = await db.fetchrow(sql.look)
    assert row is not None
    return row


async def find_latest_orders(db: Connection, account_id: str, limit: int) -> list[Row]:
    """What an account ordered lately, newest first."""
    return await db.fetch(sql.find_latest_orders, account_id, limit)


async def find_latest_invoices(db: Connection, account_id: str, limit: int) -> list[Row]:
    """What an account was invoiced lately, newest first."""
    return await db.fetch(sql.find_latest_invoices, account_id, limit)


async def find_open_invoices(db: Connection, account_id: str, limit: int = 500) -> list[Row]:
    """What an account has yet to pay, the older first."""
    return await db.fetch(sql.find_open_invoices, account_id, limit)


async def find_latest_payments(db: Connection, account_id: str, limit: int) -> list[Row]:
    """What an account paid lately, newest first."""
    return await db.fetch(sql.find_latest_payments, account_id, limit)


async def find_recorded_transfer(db: Connection, top_up_id: str) -> Row | None:
    """For whom and when a transfer was noted before, if it was."""
    return await db.fetchrow(sql.find_recorded_transfer, top_up_id)


async def find_recorded_payment(db: Connection, account_id: str, payment_id: str) -> Row | None:
    """When an invoice's payment was noted before, if it was."""
    return await db.fetchrow(sql.find_recorded_payment, account_id, payment_id)


async def find_invoice(db: Connection, account_id: str, invoice_id: str) -> Row | None:
    """An invoice of an account."""
    return await db.fetchrow(sql.find_invoice, account_id, invoice_id)
