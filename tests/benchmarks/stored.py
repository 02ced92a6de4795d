"""What an order, an invoice of the month's end and a report of usage cost: bytes that stay, bytes
that are written ahead, processor time. From these the capacity of larger machines is reckoned."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Any, Final, TypeAlias

import uvloop
from rich.console import Console
from rich.table import Table

from shared.database import Connection, connect
from tests.benchmarks import month, usage
from tests.benchmarks.orders import INVOLVED, Shop
from tests.benchmarks.processes import Meter

_STAYS: Final = "^(?!inbox|outbox|suspect|migration)"
_INVOICES: Final = "^invoice"
_REPORTS: Final = "^usage_report"
_BYTES: Final = """
    select coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'r' and n.nspname = any ($1::text[]) and c.relname ~ $2"""
_WRITTEN: Final = "select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8"

NewDatabase: TypeAlias = Callable[[], AbstractContextManager[str]]


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one unit of work, with its indexes. `inbox_bytes` go with the days that are forgotten."""

    unit: str
    count: int
    stays_bytes: float
    inbox_bytes: float
    written_bytes: float
    cpu_ms: Mapping[str, float]


def show(costs: list[Cost]) -> list[dict[str, Any]]:
    """Print what each unit costs.

    Returns:
        The same as rows for JSON.
    """
    table = Table(title="What one costs, with its indexes")
    for column in ("", "bytes that stay", "of inboxes", "written ahead", "CPU ms"):
        table.add_column(column, justify="right" if column else "left")
    for one in costs:
        figures = (one.stays_bytes, one.inbox_bytes, one.written_bytes)
        bytes_ = (f"{figure:,.0f}" if figure else "" for figure in figures)
        cpu_ms = sum(one.cpu_ms.values())
        table.add_row(one.unit, *bytes_, f"{cpu_ms:.3f}" if cpu_ms else "")
    Console().print(table)
    return [asdict(one) for one in costs]


def measure(amqp_url: str, new_database: NewDatabase, orders: int) -> list[Cost]:
    """Measure so many orders, ten times as many invoices, and a hundred times as many reports.

    Args:
        amqp_url: a broker whose queues nobody else uses.
        new_database: makes an empty one for as long as its body runs.
        orders: to be counted.
    """
    with new_database() as url, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        order = runner.run(_order(amqp_url, url, orders))
    with new_database() as url:
        run = month.measure(amqp_url, url, orders * 10)
        stays = asyncio.run(_bytes_of(url, _INVOICES))
    written = run.wal_megabytes * 1e6
    invoice = _per("invoice of a month", run.resources, stays, 0, written, run.cpu_s)
    with new_database() as url:
        taken_in = usage.measure(amqp_url, url, orders * 100)[0]
        stays = asyncio.run(_bytes_of(url, _REPORTS))
    report = _per("report of usage", taken_in.count, stays, 0, 0, {})
    return [order, invoice, report]


async def _order(amqp_url: str, url: str, orders: int) -> Cost:
    db = await connect(url, wait_s=10)
    try:
        async with Shop.open(amqp_url, url, workers=1) as shop:
            await shop.drain("first", orders)
            before = await _sizes(db)
            meter = await Meter.of(amqp_url, url, shop.processes)
            await shop.drain("counted", orders)
            used = meter.used()
            stays, inbox, written = (
                now - then for now, then in zip(await _sizes(db), before, strict=True)
            )
    finally:
        await db.close()
    return _per("prepaid order", orders, stays, inbox, written, used)


async def _sizes(db: Connection) -> tuple[float, float, float]:
    """Bytes that stay, of inboxes, and written ahead until now."""
    return (
        await db.fetchval(_BYTES, list(INVOLVED), _STAYS),
        await db.fetchval(_BYTES, list(INVOLVED), "^inbox"),
        await db.fetchval(_WRITTEN),
    )


async def _bytes_of(url: str, tables: str) -> float:
    db = await connect(url)
    try:
        size: int = await db.fetchval(_BYTES, ["invoicing"], tables)
        return size
    finally:
        await db.close()


def _per(
    unit: str,
    count: int,
    stays: float,
    inbox: float,
    written: float,
    cpu_s: Mapping[str, float],
) -> Cost:
    return Cost(
        unit=unit,
        count=count,
        stays_bytes=stays / count,
        inbox_bytes=inbox / count,
        written_bytes=written / count,
        cpu_ms={name: seconds / count * 1000 for name, seconds in cpu_s.items()},
    )
