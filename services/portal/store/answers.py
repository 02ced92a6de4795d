"""What pages asked of billing and invoicing, and what they were answered."""

from datetime import datetime
from typing import Final

from pydantic import TypeAdapter

from shared.database import Connection, Row
from shared.messages.billing import QuoteGiven
from shared.messages.invoicing import UsageReportGiven
from shared.sql import Statements

sql = Statements("services.portal.store", "answers.sql")

_QUOTE: Final = TypeAdapter(QuoteGiven)
_USAGE: Final = TypeAdapter(UsageReportGiven)


async def find_quote(db: Connection, account_id: str, quote_id: str) -> QuoteGiven | None:
    """What an order would cost, once it is answered."""
    given = await db.fetchval(sql.find_quote, account_id, quote_id)
    return _QUOTE.validate_json(given) if given else None


async def find_usage_report(
    db: Connection, account_id: str, period: str, since: datetime | None = None
) -> UsageReportGiven | None:
    """What an account used in a month, by the latest answer that is from `since` or later."""
    given = await db.fetchval(sql.find_usage_report, account_id, period, since)
    return _USAGE.validate_json(given) if given else None


async def find_notices(db: Connection, account_id: str, limit: int = 20) -> list[Row]:
    """What a user was told, newest first, and how it ended where that is known."""
    return await db.fetch(sql.find_notices, account_id, limit)
