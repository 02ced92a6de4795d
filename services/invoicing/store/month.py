"""The month's run: its ranges, and the one statement that invoices a range."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple

from services.invoicing.store.invoices import Numbers, lock_series, use_numbers
from shared.database import Connection
from shared.messages.invoicing import InvoiceKind
from shared.sql import Statements

sql = Statements("services.invoicing.store", "month.sql")

ACCOUNTS_IN_A_RANGE: Final = 500
FIRST_TIME: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""No message has an earlier time."""


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
class Stretch:
    """What is to be invoiced: the use of some accounts, or of some of one's resources, in a
    stretch of time.

    `corrections_of` is the period whose corrections are due with it; `name` tells invoices' ids
    apart, and `period` is set for those of a billing month.
    """

    kind: InvoiceKind
    first_account: str
    next_account: str | None
    start: datetime
    end: datetime
    corrections_of: str
    name: str
    period: str | None = None
    resource_ids: Sequence[str] | None = None
    left_out: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Issued:
    """Invoices that were issued, and the accounts whose use could not be invoiced."""

    numbers: Numbers
    unbillable: Sequence[str]

    @property
    def invoices(self) -> int:
        return self.numbers.end - self.numbers.first


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
) -> list[Range]:
    """Begin a month's run and cut its accounts into ranges; none if it was begun before."""
    if await db.fetchval(sql.save_run, period, tick_at) is None:
        return []
    rows = await db.fetch(sql.append_ranges, period, accounts_in_a_range)
    return [
        Range(
            RangeKey(period, row["range_number"]),
            row["first_account"],
            row["next_account"],
            tick_at,
            done=False,
        )
        for row in sorted(rows, key=lambda row: row["range_number"])
    ]


async def lock_ranges(db: Connection, keys: Collection[RangeKey]) -> dict[RangeKey, Range]:
    """Hold ranges while they are worked on."""
    ordered = sorted(keys)
    rows = await db.fetch(
        sql.lock_ranges, [key.period for key in ordered], [key.range_number for key in ordered]
    )
    ranges = (
        Range(
            RangeKey(row["period"], row["range_number"]),
            row["first_account"],
            row["next_account"],
            row["tick_at"],
            row["done"],
        )
        for row in rows
    )
    return {one.key: one for one in ranges}


async def append_range(db: Connection, one: Range) -> None:
    """Add a range to a run: accounts that are run again by themselves."""
    await db.execute(
        sql.append_range,
        one.key.period,
        one.key.range_number,
        one.first_account,
        one.next_account,
    )


async def find_runs(db: Connection, periods: Collection[str]) -> dict[str, datetime]:
    """When those of these months' runs were due that were begun."""
    rows = await db.fetch(sql.find_runs, sorted(periods))
    return {row["period"]: row["tick_at"] for row in rows}


async def lock_accounts_of_range(
    db: Connection, first_account: str, next_account: str | None
) -> None:
    """Hold the accounts of a range, so that their use does not change while it is invoiced."""
    await db.execute(sql.lock_accounts_of_range, first_account, next_account)


async def find_earliest_open_use(
    db: Connection, first_account: str, next_account: str | None, time_zone: str
) -> datetime | None:
    """Since when an account of a range has, or may have, use that is not invoiced.

    `time_zone` is the billing zone, in which the months of reports begin.
    """
    earliest: datetime | None = await db.fetchval(
        sql.find_earliest_open_use, first_account, next_account, time_zone
    )
    return earliest


async def issue_invoices(
    db: Connection, stretch: Stretch, year: int, issued_at: datetime, due_at: datetime
) -> Issued:
    """Invoice use: one unpaid invoice for each resource with use in the stretch (domain 3.3).

    For kind `usage` the accounts' month is closed; those that can't be invoiced are left as they
    are and put in quarantine.

    Args:
        db: whose accounts are held.
        stretch: whose use, and when.
        year: of the invoices' numbers.
        issued_at: business time.
        due_at: business time.
    """
    series, first = await lock_series(db, year)
    (row,) = await db.fetch(
        sql.issue_invoices,
        stretch.first_account,
        stretch.next_account,
        list(stretch.left_out),
        stretch.start,
        stretch.end,
        stretch.corrections_of,
        stretch.kind,
        stretch.period,
        stretch.name,
        None if stretch.resource_ids is None else list(stretch.resource_ids),
        series,
        first,
        issued_at,
        due_at,
    )
    if row["invoices"]:
        await use_numbers(db, series, row["invoices"])
    return Issued(Numbers(series, first, first + row["invoices"]), row["unbillable"])


async def conclude_final_invoices(db: Connection, numbers: Numbers, corrections_of: str) -> None:
    """Note that the use on final invoices is not the month's run's any more."""
    await db.execute(
        sql.conclude_final_invoices, numbers.series, numbers.first, numbers.end, corrections_of
    )


async def save_run_totals(db: Connection, key: RangeKey, numbers: Numbers) -> None:
    """Add what was issued to the totals of its range."""
    await db.execute(sql.save_run_totals, *key, numbers.series, numbers.first, numbers.end)


async def conclude_range(db: Connection, key: RangeKey, invoices: int, quarantined: int) -> None:
    """Note that a range is done."""
    await db.execute(sql.conclude_range, *key, invoices, quarantined)


async def complete_runs(db: Connection, periods: Collection[str]) -> list[Completed]:
    """Complete those of these runs whose ranges are all done, each once."""
    if not await db.fetch(sql.lock_runs, sorted(periods)):
        return []
    rows = await db.fetch(sql.complete_runs, sorted(periods))
    return [
        Completed(row["period"], row["invoices"], row["quarantined"], json.loads(row["amounts"]))
        for row in rows
    ]
