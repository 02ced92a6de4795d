"""The audit trail of people's acts."""

from collections.abc import Sequence
from datetime import datetime

from shared.database import Connection, Row
from shared.sql import Statements

sql = Statements("services.portal.store", "audit.sql")


async def find_audit(
    db: Connection,
    *,
    actor: str | None = None,
    account_id: str | None = None,
    roles: Sequence[str] | None = None,
    before: tuple[datetime, str] | None = None,
    limit: int = 50,
) -> list[Row]:
    """Acts, newest first, a page at a time, each with the types of what came of it."""
    at, act_id = before or (None, None)
    return await db.fetch(
        sql.find_audit, actor, account_id, list(roles) if roles else None, at, act_id, limit
    )


async def find_act_of_key(db: Connection, actor: str, key: str) -> str | None:
    """The act that somebody did with a form before, if they did."""
    act_id: str | None = await db.fetchval(sql.find_act_of_key, actor, key)
    return act_id
