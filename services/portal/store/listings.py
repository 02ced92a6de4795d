"""Lists and single things of an account, as programs read them: lists a page at a time."""

from collections.abc import Sequence
from typing import Any

from shared.database import Connection, Row
from shared.sql import Statements

sql = Statements("services.portal.store", "listings.sql")


async def list_rows(db: Connection, statement: str, *arguments: object) -> list[Row]:
    """The rows of one of the lists; its arguments are the account, filters, a place, a limit."""
    return await db.fetch(sql[statement], *arguments)


async def find_row(db: Connection, statement: str, account_id: str, id: str) -> Row | None:
    """One thing of an account."""
    return await db.fetchrow(sql[statement], account_id, id)


async def items_of(
    db: Connection, account_id: str, order_ids: Sequence[str]
) -> dict[str, list[Row]]:
    """The items of orders, by order."""
    found: dict[str, list[Row]] = {order_id: [] for order_id in order_ids}
    for row in await db.fetch(sql.find_items, account_id, list(order_ids)):
        found[row["order_id"]].append(row)
    return found


async def find_given(db: Connection, account_id: str, quote_id: str) -> Any | None:
    """The answer to a question for a price, as JSON; None while there is none."""
    return await db.fetchval(sql.find_quote, account_id, quote_id)
