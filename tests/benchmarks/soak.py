"""Orders at an even pace for a while, looked at each minute: outbox and inbox must not bloat, and
no order may touch more pages than those before it."""

import asyncio
import statistics
from dataclasses import asdict, dataclass
from typing import Any, Final

import uvloop
from rich.console import Console
from rich.table import Table

from shared.database import Connection, connect
from tests.benchmarks.orders import INVOLVED, Shop
from tests.benchmarks.processes import Meter

GROWTH_AT_MOST: Final = 1.5
"""Of the outboxes' size and of an order's pages, from the second minute to the last."""

_MINUTE_S: Final = 60
_WARM_UP: Final = 500
_LOOK: Final = """
    select
        (select sum(pg_relation_size(relid)) / 1e6 from pg_stat_user_tables
         where relname = 'outbox' and schemaname = any ($1::text[]))::float8 as outbox_mb,
        (select sum(pg_indexes_size(relid)) / 1e6 from pg_stat_user_tables
         where relname = 'outbox' and schemaname = any ($1::text[]))::float8 as outbox_indexes_mb,
        (select sum(n_dead_tup) from pg_stat_user_tables
         where relname = 'outbox' and schemaname = any ($1::text[]))::bigint as outbox_dead,
        (select sum(n_tup_ins) from pg_stat_user_tables
         where relname = 'outbox' and schemaname = any ($1::text[]))::bigint as said,
        (select sum(pg_relation_size(relid)) / 1e6 from pg_stat_user_tables
         where relname ~ '^inbox_[0-9]' and schemaname = any ($1::text[]))::float8 as inbox_mb,
        (select sum(pg_indexes_size(relid)) / 1e6 from pg_stat_user_tables
         where relname ~ '^inbox_[0-9]' and schemaname = any ($1::text[]))::float8
            as inbox_indexes_mb,
        (select sum(n_tup_ins) from pg_stat_user_tables
         where relname ~ '^inbox_[0-9]' and schemaname = any ($1::text[]))::bigint as handled,
        (select sum(n_dead_tup) from pg_stat_user_tables
         where relname ~ '^inbox_[0-9]' and schemaname = any ($1::text[]))::bigint as inbox_dead,
        (select sum(coalesce(heap_blks_hit, 0) + coalesce(heap_blks_read, 0)
                  + coalesce(idx_blks_hit, 0) + coalesce(idx_blks_read, 0))
         from pg_statio_user_tables
         where relname <> 'outbox' and schemaname = any ($1::text[]))::float8 as pages,
        (select sum(coalesce(heap_blks_hit, 0) + coalesce(heap_blks_read, 0)
                  + coalesce(idx_blks_hit, 0) + coalesce(idx_blks_read, 0))
         from pg_statio_user_tables
         where relname = 'outbox' and schemaname = any ($1::text[]))::float8 as outbox_pages
"""


@dataclass(frozen=True, slots=True)
class Minute:
    """What was there at the end of a minute, of all services, and what its orders took."""

    number: int
    orders: int
    outbox_mb: float
    outbox_indexes_mb: float
    outbox_dead: int
    """Rows that are deleted and not vacuumed yet."""
    inbox_mb: float
    inbox_indexes_mb: float
    inbox_dead: int
    inbox_bytes: float
    """A message handled since the beginning, with its index."""
    pages: float
    """Touched by Postgres an order, but for the outboxes."""
    outbox_pages: float
    """Touched a message said."""
    cpu_ms: float
    """An order, of everything."""
    p50_s: float
    p99_s: float


def show(minutes: list[Minute], rate: int) -> list[dict[str, Any]]:
    """Print what was there each minute.

    Returns:
        The same as rows for JSON.
    """
    table = Table(title=f"{len(minutes)} minutes of {rate} orders a second")
    columns = (
        "minute",
        "orders",
        "outboxes MB",
        "their indexes",
        "dead rows",
        "inboxes MB",
        "their indexes",
        "dead rows",
        "bytes a message",
        "pages an order",
        "outbox pages a message",
        "CPU ms an order",
        "p50 ms",
        "p99 ms",
    )
    for column in columns:
        table.add_column(column, justify="right")
    for one in minutes:
        table.add_row(
            f"{one.number}",
            f"{one.orders:,}",
            f"{one.outbox_mb:.2f}",
            f"{one.outbox_indexes_mb:.2f}",
            f"{one.outbox_dead:,}",
            f"{one.inbox_mb:.1f}",
            f"{one.inbox_indexes_mb:.1f}",
            f"{one.inbox_dead:,}",
            f"{one.inbox_bytes:.0f}",
            f"{one.pages:,.0f}",
            f"{one.outbox_pages:.1f}",
            f"{one.cpu_ms:.2f}",
            f"{one.p50_s * 1000:,.0f}",
            f"{one.p99_s * 1000:,.0f}",
        )
    early, last = minutes[min(1, len(minutes) - 1)], minutes[-1]
    table.caption = ", ".join(
        f"{name} {now / before:.2f} times the second minute's (at most {GROWTH_AT_MOST:g})"
        for name, before, now in (
            ("outboxes", _outbox(early), _outbox(last)),
            ("pages an order", early.pages, last.pages),
        )
    )
    Console(width=200).print(table)
    return [asdict(one) for one in minutes]


def _outbox(minute: Minute) -> float:
    return minute.outbox_mb + minute.outbox_indexes_mb


def measure(amqp_url: str, database_url: str, minutes: int, rate: int) -> list[Minute]:
    """Take orders for so many minutes.

    Args:
        amqp_url: a broker whose queues nobody else uses.
        database_url: an empty database.
        minutes: one look each.
        rate: orders a second.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_measure(amqp_url, database_url, minutes, rate))


async def _measure(amqp_url: str, database_url: str, minutes: int, rate: int) -> list[Minute]:
    db = await connect(database_url, wait_s=10)
    try:
        async with Shop.open(amqp_url, database_url, workers=1) as shop:
            await shop.drain("first", _WARM_UP)
            before = await _look(db)
            seen: list[Minute] = []
            for number in range(1, minutes + 1):
                meter = await Meter.of(amqp_url, database_url, shop.processes)
                latencies = await shop.pace(f"minute-{number}", rate * _MINUTE_S, rate)
                cpu_s = sum(meter.used().values())
                now = await _look(db)
                seen.append(_minute(number, latencies, cpu_s, before, now))
                before = now
                print(f"minute {number} of {minutes}: {seen[-1]}", flush=True)
    finally:
        await db.close()
    return seen


def _minute(
    number: int,
    latencies: list[float],
    cpu_s: float,
    before: dict[str, float],
    now: dict[str, float],
) -> Minute:
    orders = len(latencies)
    inbox_bytes = (now["inbox_mb"] + now["inbox_indexes_mb"]) * 1e6
    return Minute(
        number=number,
        orders=orders,
        outbox_mb=now["outbox_mb"],
        outbox_indexes_mb=now["outbox_indexes_mb"],
        outbox_dead=int(now["outbox_dead"]),
        inbox_mb=now["inbox_mb"],
        inbox_indexes_mb=now["inbox_indexes_mb"],
        inbox_dead=int(now["inbox_dead"]),
        inbox_bytes=inbox_bytes / now["handled"],
        pages=(now["pages"] - before["pages"]) / orders,
        outbox_pages=(now["outbox_pages"] - before["outbox_pages"])
        / (now["said"] - before["said"]),
        cpu_ms=cpu_s / orders * 1000,
        p50_s=statistics.median(latencies),
        p99_s=statistics.quantiles(latencies, n=100)[98],
    )


async def _look(db: Connection) -> dict[str, float]:
    """What is there. Busy connections tell their statistics each second."""
    row = await db.fetchrow(_LOOK, list(INVOLVED))
    assert row
    return {name: float(value) for name, value in row.items()}
