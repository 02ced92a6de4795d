"""What an order costs after ten times the history: no query's time may grow with it, and neither
outbox nor inbox may bloat.

Counted are the pages that Postgres touches for an order: they say whether a query reads more as
tables grow, whatever else the machine does meanwhile.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import uvloop
from rich.console import Console
from rich.table import Table

from shared.database import Connection, connect
from tests.benchmarks.orders import INVOLVED, Shop
from tests.benchmarks.processes import Meter

TIMES: Final = 10
GROWTH_AT_MOST: Final = 1.5
"""An index is a page deeper with ten times the rows, and a statement passes four of its levels
where it passed three."""

_TOLD_AFTER_S: Final = 12
"""A connection that became idle tells its statistics within ten seconds."""
_PAGES: Final = """
    select schemaname as service,
           sum(coalesce(heap_blks_hit, 0) + coalesce(heap_blks_read, 0) + coalesce(idx_blks_hit, 0)
               + coalesce(idx_blks_read, 0))::float8 as pages
    from pg_statio_user_tables where schemaname = any ($1::text[]) and relname <> 'outbox'
    group by schemaname"""
_QUEUED: Final = """
    select coalesce(sum(n_tup_ins), 0)::bigint from pg_stat_user_tables
    where relname = 'outbox' and schemaname = any ($1::text[])"""
_MEGABYTES: Final = """
    select sum(pg_total_relation_size(c.oid)) / 1e6
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'r' and n.nspname = any ($1::text[]) and c.relname ~ $2"""


@dataclass(frozen=True, slots=True)
class Measured:
    """What an order cost when there had been so many before it."""

    before: int
    pages: Mapping[str, float]
    """Touched by Postgres for an order, by service, but for the outbox: that keeps no history, and
    relays look into it also where nothing is to be said."""
    cpu_ms: float
    outbox_megabytes: float
    """Of all services, with indexes and what is dead."""
    inbox_bytes: float
    """An order."""


@dataclass(frozen=True, slots=True)
class Result:
    """What an order cost at first, and with ten times the history."""

    first: Measured
    last: Measured
    said: int
    """Messages that went through the outboxes."""

    @property
    def growth(self) -> Mapping[str, float]:
        """How many times as many pages, by service."""
        return {name: self.last.pages[name] / self.first.pages[name] for name in self.first.pages}


def show(result: Result) -> list[dict[str, Any]]:
    """Print what grew.

    Returns:
        The same as rows for JSON.
    """
    table = Table(title=f"An order after {result.first.before:,} and {result.last.before:,} others")
    for column in ("", f"{result.first.before:,}", f"{result.last.before:,}", "times", "at most"):
        table.add_column(column, justify="right" if column else "left")
    for name, growth in result.growth.items():
        figures = (f"{one.pages[name]:,.0f}" for one in (result.first, result.last))
        table.add_row(f"pages of {name}", *figures, f"{growth:.2f}", f"{GROWTH_AT_MOST:g}")
    for what, first, last in (
        ("CPU ms", result.first.cpu_ms, result.last.cpu_ms),
        ("inbox bytes", result.first.inbox_bytes, result.last.inbox_bytes),
        ("outboxes, MB in all", result.first.outbox_megabytes, result.last.outbox_megabytes),
    ):
        table.add_row(what, f"{first:,.2f}", f"{last:,.2f}", f"{last / first:.2f}", "")
    table.caption = f"{result.said:,} messages went through the outboxes"
    Console().print(table)
    return [asdict(result) | {"growth": dict(result.growth)}]


def measure(amqp_url: str, database_url: str, orders: int) -> Result:
    """Measure so many orders at first, and again after ten times as many.

    Args:
        amqp_url: a broker whose queues nobody else uses.
        database_url: an empty database.
        orders: measured each time.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_measure(amqp_url, database_url, orders))


async def _measure(amqp_url: str, database_url: str, orders: int) -> Result:
    db = await connect(database_url, wait_s=10)
    try:
        async with Shop.open(amqp_url, database_url, workers=1) as shop:
            await shop.drain("history-0", orders)
            first = await _window(shop, db, amqp_url, database_url, "first", orders, orders)
            for number in range(1, TIMES - 1):
                await shop.drain(f"history-{number}", orders)
            before = orders * TIMES
            last = await _window(shop, db, amqp_url, database_url, "last", orders, before)
        said = await db.fetchval(_QUEUED, list(INVOLVED))
    finally:
        await db.close()
    return Result(first, last, said)


async def _window(
    shop: Shop,
    db: Connection,
    amqp_url: str,
    database_url: str,
    run: str,
    orders: int,
    before: int,
) -> Measured:
    """Let some orders through, at a pace that makes groups alike, and see what they cost."""
    pages = await _pages(db)
    inbox = await _megabytes(db, "^inbox_")
    meter = await Meter.of(amqp_url, database_url, shop.processes)
    await shop.drain(run, orders)
    cpu_s = sum(meter.used().values())
    after = await _pages(db)
    return Measured(
        before=before,
        pages={name: (after[name] - pages[name]) / orders for name in INVOLVED},
        cpu_ms=cpu_s / orders * 1000,
        outbox_megabytes=await _megabytes(db, "^outbox$"),
        inbox_bytes=(await _megabytes(db, "^inbox_") - inbox) * 1e6 / orders,
    )


async def _pages(db: Connection) -> dict[str, float]:
    """Pages touched until now, once the workers' connections have told their statistics."""
    await asyncio.sleep(_TOLD_AFTER_S)
    return {row["service"]: row["pages"] for row in await db.fetch(_PAGES, list(INVOLVED))}


async def _megabytes(db: Connection, tables: str) -> float:
    return float(await db.fetchval(_MEGABYTES, list(INVOLVED), tables))
