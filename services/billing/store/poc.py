"""What Sales granted for proofs of concept (domain 9)."""

from collections.abc import Sequence
from datetime import datetime

from shared.database import Connection
from shared.messages.upstream import PocGranted
from shared.sql import Statements

sql = Statements("services.billing.store", "poc.sql")


def grant_id_of(grant: PocGranted) -> str:
    """A grant has no id of its own; the wallet derives the same from its message."""
    return grant.envelope.derived_id("grant")


async def append_grants(db: Connection, grants: Sequence[PocGranted]) -> set[str]:
    """Note what was granted; returns the ids of the grants that are new."""
    if not grants:
        return set()
    rows = await db.fetch(
        sql.append_grants,
        [grant_id_of(one) for one in grants],
        [one.account_id for one in grants],
        [one.amount for one in grants],
        [one.ends_at for one in grants],
        [one.granted_by for one in grants],
        [one.time for one in grants],
    )
    return {row["grant_id"] for row in rows}


async def take_reminders(
    db: Connection, at: datetime, *, at_most: int
) -> list[tuple[str, datetime]]:
    """Accounts whose POC wallet ends within a week, each with that end, and once for it."""
    rows = await db.fetch(sql.take_reminders, at, at_most)
    return [(row["account_id"], row["ends_at"]) for row in rows]
