"""The month's runs: their ranges, which of them are handed out, and what they have come to."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from services.invoicing.store.invoices import Numbers
from shared.database import Connection, Row
from shared.sql import Statements

sql = Statements("services.invoicing.store", "runs.sql")

ACCOUNTS_IN_A_RANGE: Final = 200


class RangeKey(NamedTuple):
    """One range of a month's run."""

    period: str
    range_number: int


@dataclass(frozen=True, slots=True)
class Range:
    """Accounts from `first_account` up to but not `next_account`, and when their run was due."""

    key: RangeKey
    first_account: str
    next_account: str | None
    tick_at: datetime
    done: bool


@dataclass(frozen=True, slots=True)
class Begun:
    """A run: when it was due, and how many ranges it was cut into."""

    tick_at: datetime
    ranges: int


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Why an account is in quarantine."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Completed:
    """A completed run, with the gross total of each currency."""

    period: str
    invoices: int
    quarantined: int
    amounts: dict[str, int]


async def save_run(
    db: Connection,
    period: str,
    tick_at: datetime,
    accounts_in_a_range: int = ACCOUNTS_IN_A_RANGE,
) -> bool:
    """Begin a month's run and cut its accounts into ranges; false if it was begun before."""
    if await db.fetchval(sql.save_run, period, tick_at) is None:
        return False
    await db.execute(sql.append_ranges, period, accounts_in_a_range)
    await db.execute(sql.save_ranges, period)
    return True


async def hand_out_ranges(db: Connection, period: str, at_most: int) -> list[Range]:
    """The next ranges of a run that nobody was given yet; its run is held from now on."""
    return _ranges(await db.fetch(sql.hand_out_ranges, period, at_most))


async def lock_ranges(db: Connection, keys: Collection[RangeKey]) -> dict[RangeKey, Range]:
    """Hold ranges while they are worked on."""
    ordered = sorted(keys)
    rows = await db.fetch(
        sql.lock_ranges, [key.period for key in ordered], [key.range_number for key in ordered]
    )
    return {one.key: one for one in _ranges(rows)}


def _ranges(rows: Iterable[Row]) -> list[Range]:
    return [
        Range(
            RangeKey(row["period"], row["range_number"]),
            row["first_account"],
            row["next_account"],
            row["tick_at"],
            row["done"],
        )
        for row in rows
    ]


async def append_range(db: Connection, one: Range) -> None:
    """Add a range to a run: accounts that are run again by themselves."""
    await db.execute(
        sql.append_range,
        one.key.period,
        one.key.range_number,
        one.first_account,
        one.next_account,
    )


async def append_account_range(db: Connection, period: str, account_id: str, begun: Begun) -> Range:
    """Add a range to a run: an account that is run again alone, one at a time in a month."""
    await db.execute(sql.lock_reruns, period)
    after = f"{account_id} "  # no id lies between: a space is the first character
    number: int = await db.fetchval(sql.append_account_range, period, account_id, after)
    return Range(RangeKey(period, number), account_id, after, begun.tick_at, done=False)


async def find_runs(db: Connection, periods: Collection[str]) -> dict[str, Begun]:
    """Those of these months' runs that were begun."""
    rows = await db.fetch(sql.find_runs, sorted(periods))
    return {row["period"]: Begun(row["tick_at"], row["ranges"]) for row in rows}


async def find_quarantined(
    db: Connection, first_account: str, next_account: str | None
) -> dict[tuple[str, str], LeftOut]:
    """What is left out of a range of accounts, by account and month."""
    rows = await db.fetch(sql.find_quarantined, first_account, next_account)
    return {
        (row["account_id"], row["period"]): LeftOut(row["reason"], row["detail"]) for row in rows
    }


async def append_totals(db: Connection, key: RangeKey, month: str, numbers: Numbers) -> None:
    """Note what a range issued for a month."""
    await db.execute(sql.append_totals, *key, month, numbers.series, numbers.first, numbers.end)


async def conclude_range(db: Connection, key: RangeKey, invoices: int, quarantined: int) -> None:
    """Note that a range is done."""
    await db.execute(sql.conclude_range, *key, invoices, quarantined)


async def complete_runs(db: Connection, periods: Collection[str]) -> list[Completed]:
    """Complete those of these runs whose ranges are all done, each once, with a close report.

    A run that was completed before has a new report where more was invoiced since.
    """
    ordered = sorted(periods)
    await db.fetch(sql.lock_runs, ordered)
    completed = [row["period"] for row in await db.fetch(sql.complete_runs, ordered)]
    await db.execute(sql.append_reports, ordered)
    if not completed:
        return []
    rows = await db.fetch(sql.find_first_reports, completed)
    return [
        Completed(row["period"], row["invoices"], row["quarantined"], json.loads(row["amounts"]))
        for row in rows
    ]
