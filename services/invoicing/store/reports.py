"""Reports of metered use, in a partition for each billing month."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias, cast

from services.invoicing.domain.reports import Fault, Limits, Report
from shared.database import Connection, PassingTrouble, Row
from shared.sql import Statements

sql = Statements("services.invoicing.store", "reports.sql")

Columns: TypeAlias = list[list[Any]]
"""Reports, a list for each field of `Report` in its order: there are many, and no object is made
of each."""
REPORTS_AT_ONCE: Final = 60_000
"""Reports in one statement, at most."""


async def _open_month(db: Connection, month: str) -> None:
    """Make the partition of a billing month.

    Raises:
        PassingTrouble: if another worker was quicker. This transaction has the table open already,
            and would not see the new partition; the next one does.
    """
    if await db.fetchval(sql.add_month, month) is None:
        raise PassingTrouble(f"another worker has just opened {month}")
    await db.execute(sql.open_month, month)


async def hold_accounts(db: Connection, account_ids: Collection[str]) -> None:
    """Hold accounts, so that no month's run closes them meanwhile."""
    await db.execute(sql.hold_accounts, sorted(account_ids))


async def append_reports(
    db: Connection, reports: Columns, limits: Limits
) -> list[tuple[int, Fault]]:
    """Count reports of held accounts, each once; what was counted before is no fault.

    Returns:
        The places of those that can't be counted, each with the reason.
    """
    faults: list[tuple[int, Fault]] = []
    await db.execute(sql.plan_each_time)
    for chunk in _chunks(reports):
        places = chunk
        while places:
            places = await _append(db, reports, places, limits, faults)
    await db.execute(sql.plan_once)
    return sorted(faults)


def _chunks(reports: Columns) -> Iterator[Sequence[int]]:
    """The places of as many reports as one statement takes.

    Each takes its keys in sorted order. So do several after one another: two workers with the same
    reports would else wait for each other in a circle.
    """
    everything: Sequence[int] = range(len(reports[0]))
    if len(everything) > REPORTS_AT_ONCE:
        resource_ids, report_ids, account_ids = reports[0], reports[1], reports[2]
        everything = sorted(
            everything,
            key=lambda place: (account_ids[place], resource_ids[place], report_ids[place]),
        )
    for start in range(0, len(everything), REPORTS_AT_ONCE):
        yield everything[start : start + REPORTS_AT_ONCE]


async def _append(
    db: Connection,
    reports: Columns,
    places: Sequence[int],
    limits: Limits,
    faults: list[tuple[int, Fault]],
) -> list[int]:
    """Count the reports at these places, or note why not; returns those whose month had first to be
    opened."""
    columns = _at(reports, places)
    texts = ["\x1e".join(column) for column in columns[:5]]
    rows = await db.fetch(sql.append_reports, *texts, *columns[5:], *limits)
    again: list[int] = []
    once_more: list[int] = []
    months: set[str] = set()
    for row in rows:
        place = places[row["place"] - 1]
        match row["fault"]:
            case "again":
                again.append(place)
            case "no_month":
                once_more.append(place)
                months.add(row["month"])
            case fault:
                faults.append((place, cast(Fault, fault)))
    for month in sorted(months):
        await _open_month(db, month)
    if again:
        columns = _at(reports, again)
        rows = await db.fetch(sql.find_other_content, *columns[:7], again)
        faults += [(row["place"], "id_reused") for row in rows]
    return once_more


async def keep_waiting(db: Connection, reports: Sequence[Report], wait: timedelta) -> None:
    """Keep reports until their resource is known, or that long after they were reported."""
    if reports:
        until = [one.reported_at + wait for one in reports]
        await db.execute(sql.keep_waiting, *columns_of(reports), until)


async def take_waiting(db: Connection, resource_ids: Collection[str]) -> list[Report]:
    """Take out what waited for these resources."""
    return list(_reports(await db.fetch(sql.take_waiting, sorted(resource_ids))))


async def take_waited(db: Connection, at: datetime) -> list[Report]:
    """Take out what waits no more: its resource is known, or its time is over."""
    return list(_reports(await db.fetch(sql.take_waited, at)))


async def archive_month(db: Connection, month: str) -> str | None:
    """Detach the partition of a billing month all of whose use is on invoices.

    From then on reports of that month are refused, so their ids are forgotten. The table stays, to
    be dumped and dropped by an operator; nothing else refers to it.

    Returns:
        The table's name; None if the month can't be archived, or was before.
    """
    if await db.fetchval(sql.close_usage_month, month) is None:
        return None
    await db.execute(sql.detach_month, month)
    await db.execute(sql.forget_keys, month)
    return f"usage_report_{month.replace('-', '')}"


@dataclass(frozen=True, slots=True)
class MonthStanding:
    """Where a billing month with reports stands. `missing` says what keeps it from being archived,
    where it is not."""

    is_archived: bool
    missing: str


async def find_month_standing(db: Connection, month: str) -> MonthStanding | None:
    """Where a billing month stands; None where nothing was reported of it."""
    row = await db.fetchrow(sql.find_month_standing, month)
    if row is None:
        return None
    if row["unfinished"]:
        missing = f"the run of {row['unfinished']} is not completed"
    else:
        missing = f"{row['quarantined']} accounts are in quarantine"
    return MonthStanding(row["archived_at"] is not None, missing)


def columns_of(reports: Sequence[Report]) -> Columns:
    """Reports as statements take them: a list for each field."""
    columns = [list(column) for column in zip(*reports, strict=True)] or [
        [] for _ in Report._fields
    ]
    columns[4] = [str(quantity) for quantity in columns[4]]
    return columns


def _at(columns: Columns, places: Sequence[int]) -> Columns:
    if isinstance(places, range):
        return [column[places.start : places.stop] for column in columns]
    return [[column[place] for place in places] for column in columns]


def _reports(rows: Sequence[Row]) -> Iterator[Report]:
    for row in rows:
        yield Report(
            resource_id=row["resource_id"],
            report_id=row["report_id"],
            account_id=row["account_id"],
            meter=row["meter"],
            quantity=row["quantity"],
            used_from=row["used_from"],
            used_to=row["used_to"],
            reported_at=row["reported_at"],
        )
