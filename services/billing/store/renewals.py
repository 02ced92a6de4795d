"""Automatic renewals that were tried, and reminders."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from services.billing.domain.reminders import Ending
from services.billing.domain.renewals import Attempt
from shared.database import Connection, Row
from shared.sql import Statements

sql = Statements("services.billing.store", "renewals.sql")


@dataclass(frozen=True, slots=True)
class Concluded:
    """A try that has just ended."""

    order_id: str
    account_id: str
    resource_id: str
    ends_at: datetime


async def find_due_resources(
    db: Connection, until: datetime, account_ids: Collection[str] | None, *, at_most: int
) -> list[str]:
    """The resource of each account (of these, or of all) whose renewal is the next to be tried."""
    accounts = None if account_ids is None else list(account_ids)
    rows = await db.fetch(sql.find_due_renewals, until, accounts, at_most)
    return [row["resource_id"] for row in rows]


async def expire_renewals(db: Connection, at: datetime) -> None:
    """Renew nothing any more that has ended by a time."""
    await db.execute(sql.expire_renewals, at)


async def append_attempts(db: Connection, attempts: Sequence[tuple[Attempt, datetime]]) -> set[str]:
    """Note what is tried, each with when; returns the order ids of those that may go ahead."""
    if not attempts:
        return set()
    rows = await db.fetch(
        sql.append_attempts,
        [attempt.resource.resource_id for attempt, _ in attempts],
        [attempt.ends_at for attempt, _ in attempts],
        [attempt.at for attempt, _ in attempts],
        [attempt.resource.account_id for attempt, _ in attempts],
        [attempt.order_id for attempt, _ in attempts],
        [made_at for _, made_at in attempts],
    )
    return {row["order_id"] for row in rows}


async def conclude_attempts(db: Connection, outcomes: Mapping[str, str | None]) -> list[Concluded]:
    """Note how tries ended, by order: paid, or why not."""
    rows = await db.fetch(
        sql.conclude_attempts,
        list(outcomes),
        ["paid" if reason is None else "failed" for reason in outcomes.values()],
        list(outcomes.values()),
    )
    return [Concluded(**row) for row in rows]


async def lapse_attempts(db: Connection, at: datetime) -> None:
    """Wait no longer for tries of which nothing was heard for a day."""
    await db.execute(sql.lapse_attempts, at)


async def take_reminders(db: Connection, at: datetime, day: date, *, at_most: int) -> list[Ending]:
    """Resources whose users are to be reminded on a day, and were not yet."""
    return [Ending(**row) for row in await db.fetch(sql.take_reminders, at, day, at_most)]


async def show_attempts(db: Connection, resource_id: str) -> list[Row]:
    """The automatic renewals of a resource, for people."""
    return await db.fetch(sql.show_attempts, resource_id)
