"""The scheduler's SQL."""

from services.scheduler.domain import LastTicks
from shared.database import Connection
from shared.periods import BillingMonth
from shared.sql import Statements

sql = Statements("services.scheduler")


async def lock_last_ticks(db: Connection, beginning: LastTicks) -> LastTicks:
    """What was said last; `beginning` where nothing was ever said."""
    await db.execute(sql.begin_ticks, beginning.minute, beginning.day, str(beginning.month))
    row = await db.fetchrow(sql.lock_last_ticks)
    if row is None:
        raise LookupError("the row of the last ticks is gone")
    return LastTicks(row["minute"], row["day"], BillingMonth.parse(row["month"]))


async def save_last_ticks(db: Connection, last: LastTicks) -> None:
    """Remember what is said last, now. Its row is locked."""
    await db.execute(sql.save_last_ticks, last.minute, last.day, str(last.month))
