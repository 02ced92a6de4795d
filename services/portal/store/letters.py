"""Dead letters of all services, as they told of them."""

from datetime import datetime

from shared.database import Connection, Row
from shared.sql import Statements

sql = Statements("services.portal.store", "letters.sql")


async def find_letters(
    db: Connection,
    *,
    also_concluded: bool = False,
    service: str | None = None,
    reason: str | None = None,
    before: tuple[datetime, str, int] | None = None,
    limit: int = 50,
) -> list[Row]:
    """Dead letters, newest first, a page at a time."""
    at, of, number = before or (None, None, None)
    return await db.fetch(sql.find_letters, also_concluded, service, reason, at, of, number, limit)


async def count_letters(db: Connection) -> list[Row]:
    """How many wait, by service and reason."""
    return await db.fetch(sql.count_letters)


async def find_letter(db: Connection, service: str, number: int) -> Row | None:
    """A dead letter of a service."""
    return await db.fetchrow(sql.find_letter, service, number)


async def find_letters_of_account(db: Connection, account_id: str) -> list[Row]:
    """Those that wait and are about an account."""
    return await db.fetch(sql.find_letters_of_account, account_id)


async def find_letters_of_act(
    db: Connection, message_id: str, account_id: str | None, correlation_id: str
) -> list[Row]:
    """Those that an act's message became, at any service, and those that wait of what it led to."""
    return await db.fetch(sql.find_letters_of_act, message_id, account_id, correlation_id)
