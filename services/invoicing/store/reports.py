"""Reports of metered use, in a partition for each billing month."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, cast

from services.invoicing.domain.reports import Fault, Report
from shared.database import Connection, Row
from shared.sql import Statements

sql = Statements("services.invoicing.store", "reports.sql")

REPORTS_AT_ONCE: Final = 20_000
"""Reports in one statement, at most: what a worker holds in memory has an end."""


async def open_months(db: Connection, months: Collection[str]) -> set[str]:
    """Make the partitions that are missing for these billing months.

    Returns:
        Those that are archived, and take no reports any more.
    """
    rows = {row["month"]: row["archived"] for row in await db.fetch(sql.find_months, list(months))}
    for month in sorted(set(months) - set(rows)):
        if await db.fetchval(sql.add_month, month):
            table = _table(month)
            await db.execute(f"create table {table} (like usage_report including all)")
            await db.execute(
                f"alter table usage_report attach partition {table} for values in ('{month}')"
            )
    return {month for month, archived in rows.items() if archived}


async def hold_accounts(db: Connection, account_ids: Collection[str]) -> None:
    """Hold accounts, so that no month's run closes them meanwhile."""
    await db.execute(sql.hold_accounts, sorted(account_ids))


async def append_reports(
    db: Connection, reports: Sequence[Report], time_zone: str
) -> dict[int, Fault]:
    """Count reports of held accounts, each once; what was counted before is no fault.

    Args:
        db: whose transaction holds the accounts.
        reports: sorted; their months are open.
        time_zone: the billing time zone.

    Returns:
        The places of those that can't be counted, each with the reason.
    """
    faults: dict[int, Fault] = {}
    for start in range(0, len(reports), REPORTS_AT_ONCE):
        some = reports[start : start + REPORTS_AT_ONCE]
        again: list[int] = []
        for row in await db.fetch(sql.append_reports, *_columns(some), time_zone):
            place = start + row["place"] - 1
            if row["reason"] == "again":
                again.append(place)
            else:
                faults[place] = cast(Fault, row["reason"])
        if again:
            columns = _columns([reports[place] for place in again])[:7]
            for row in await db.fetch(sql.find_other_content, *columns, again):
                faults[row["place"]] = "id_reused"
    return faults


async def keep_waiting(db: Connection, reports: Sequence[Report], wait: timedelta) -> None:
    """Keep reports until their resource is known, or that long after they were reported."""
    if reports:
        columns = _columns(reports)
        until = [one.reported_at + wait for one in reports]
        await db.execute(sql.keep_waiting, *columns[:7], columns[8], until)


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
    table = _table(month)
    await db.execute(f"alter table usage_report detach partition {table}")
    await db.execute(sql.forget_keys, month)
    return table


def _table(month: str) -> str:
    return f"usage_report_{month.replace('-', '')}"


def _columns(reports: Sequence[Report]) -> list[list[object]]:
    columns = [list(column) for column in zip(*reports, strict=True)]
    columns[4] = [str(quantity) for quantity in columns[4]]
    return columns


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
            month="",
            reported_at=row["reported_at"],
        )
