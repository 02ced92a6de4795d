"""A month's end: the run with all its messages published, against bare SQL for the same rows.

Ours are real worker processes on a real broker: the tick is published, and the clock stops when
the run is completed and somebody has heard of every invoice. The yardstick is one statement that
computes all lines and inserts invoices and lines into tables with nothing but primary keys.
"""

import asyncio
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import uvloop
from aio_pika.abc import AbstractConnection, AbstractIncomingMessage
from rich.console import Console
from rich.table import Table

from services.invoicing.app import SERVICE
from shared import broker, publishing, topology
from shared.database import Connection, connect
from shared.messages import Message
from shared.messages.scheduler import TickMonth
from shared.messages.upstream import AccountRegistered
from shared.migrations import migrate, migrations_of
from shared.outbox import EXCHANGE, Parcel
from shared.sql import Statements
from tests.benchmarks.processes import CpuSeconds, Meter, working
from tests.builders import said

SLOWER_AT_MOST: Final = 3.0
"""The run may take this many times as long as the yardstick."""
MEGABYTES_AT_MOST: Final = 300
GROWTH_AT_MOST: Final = 11.0
"""Ten times the resources may take this many times as long."""
SECOND_TICK_AT_MOST: Final = 0.05

WORKERS: Final = 2
RESOURCES_OF_AN_ACCOUNT: Final = 10
PERIOD: Final = "2026-11"
TICK_AT: Final = datetime(2026, 11, 30, 17, 5, tzinfo=UTC)
_LIMIT_S: Final = 900
_POLL_S: Final = 0.02

sql = Statements("tests.benchmarks", "month.sql")


@dataclass(frozen=True, slots=True)
class Result:
    """How long the month's end of `resources` took, and the yardstick for the same rows."""

    resources: int
    lines: int
    bare_s: float
    bare_cpu_s: float
    run_s: float
    second_tick_s: float
    messages: int
    megabytes: float
    """The most that one worker needed."""
    cpu_s: CpuSeconds
    """Processor time of the run, by who used it."""
    wal_megabytes: float
    """What Postgres wrote ahead during the run."""

    @property
    def ratio(self) -> float:
        """The run against the yardstick."""
        return self.run_s / self.bare_s


def show(tenth: Result, whole: Result) -> list[dict[str, Any]]:
    """Print what a month's end and one of a tenth took, against what they may.

    Returns:
        The same as rows for JSON.
    """
    figures = (
        ("times the bare SQL", whole.ratio, SLOWER_AT_MOST),
        ("times a tenth of the resources", whole.run_s / tenth.run_s, GROWTH_AT_MOST),
        ("of the first tick, a second", whole.second_tick_s / whole.run_s, SECOND_TICK_AT_MOST),
        ("MB, the largest worker", whole.megabytes, float(MEGABYTES_AT_MOST)),
    )
    table = Table(
        title=f"A month's end: {whole.resources:,} resources, {whole.lines:,} lines and"
        f" {whole.messages:,} messages in {whole.run_s:.1f} s; bare SQL {whole.bare_s:.1f} s"
    )
    table.add_column("")
    table.add_column("cloudtill", justify="right")
    table.add_column("at most", justify="right")
    for name, figure, goal in figures:
        table.add_row(name, f"{figure:,.4g}", f"{goal:g}")
    Console().print(table)
    growth = sum(whole.cpu_s.values()) / sum(tenth.cpu_s.values())
    cpu_ratio = sum(whole.cpu_s.values()) / whole.bare_cpu_s
    Console().print(
        f"processor time was {cpu_ratio:.2f} times the bare SQL's, and grew {growth:.1f} times,"
        f" what Postgres wrote {whole.wal_megabytes / tenth.wal_megabytes:.1f} times"
    )
    rows = [{"name": name, "figure": figure, "goal": goal} for name, figure, goal in figures]
    return [*rows, *(asdict(one) for one in (tenth, whole))]


@dataclass(slots=True)
class _Heard:
    """What was told of the run."""

    messages: int = 0
    invoices: int = 0
    completed: asyncio.Event = field(default_factory=asyncio.Event)
    more: asyncio.Event = field(default_factory=asyncio.Event)

    async def arrived(self, message: AbstractIncomingMessage) -> None:
        if message.type == "invoice_run.completed":
            self.completed.set()
        else:
            self.messages += 1
            self.invoices += message.body.count(b'"invoice_id"')
        self.more.set()

    async def until_told_of(self, invoices: int) -> None:
        async with asyncio.timeout(_LIMIT_S):
            await self.completed.wait()
            while self.invoices < invoices:
                self.more.clear()
                await self.more.wait()


def measure(amqp_url: str, database_url: str, resources: int, workers: int = WORKERS) -> Result:
    """Close the month of as many postpaid resources, of a tenth as many accounts.

    Args:
        amqp_url: a broker whose queue of invoicing nobody else uses.
        database_url: an empty database.
        resources: how many; all are in use in the month.
        workers: processes that share the run.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_measure(amqp_url, database_url, resources, workers))


async def _measure(amqp_url: str, database_url: str, resources: int, workers: int) -> Result:
    db = await connect(database_url, wait_s=10)
    try:
        await migrate(db, SERVICE.name, migrations_of(SERVICE.package))
        await _fill(db, resources)
        meter = await Meter.of("", database_url, [])
        began = time.perf_counter()
        await db.execute(sql.compute_and_insert)
        bare_s = time.perf_counter() - began
        bare_cpu_s = sum(meter.used().values())
        await db.execute("checkpoint")
        async with broker.connected(amqp_url, "benchmark") as connection:
            heard = await _listen(connection)
            async with working(amqp_url, database_url, {SERVICE.name: workers}) as processes:
                await _send(connection, db, _known_account())
                meter = await Meter.of(amqp_url, database_url, processes)
                wal = await db.fetchval(sql.written_ahead)
                began = time.perf_counter()
                await _send(connection, db, said(TickMonth(period=PERIOD), at=TICK_AT))
                await heard.until_told_of(resources)
                run_s = time.perf_counter() - began
                cpu_s = meter.used()
                wal_megabytes = (await db.fetchval(sql.written_ahead) - wal) / 1e6
                megabytes = max(process.peak_megabytes for process in processes)
                began = time.perf_counter()
                await _send(connection, db, said(TickMonth(period=PERIOD), at=TICK_AT))
                second_tick_s = time.perf_counter() - began
        lines = await _compare_rows(db)
    finally:
        await db.close()
    return Result(
        resources=resources,
        lines=lines,
        bare_s=bare_s,
        bare_cpu_s=bare_cpu_s,
        run_s=run_s,
        second_tick_s=second_tick_s,
        messages=heard.messages,
        megabytes=megabytes,
        cpu_s=cpu_s,
        wal_megabytes=wal_megabytes,
    )


async def _fill(db: Connection, resources: int) -> None:
    """Make accounts, resources and use; what they refer to is there, and not looked up again."""
    await db.execute("set search_path = invoicing; set jit = off")
    await db.execute("set session_replication_role = replica")
    await db.execute(sql.add_price_lists)
    await db.execute(sql.add_accounts, resources // RESOURCES_OF_AN_ACCOUNT)
    await db.execute(sql.add_resources, resources, RESOURCES_OF_AN_ACCOUNT)
    await db.execute(sql.let_segments_overlap)
    await db.execute(sql.add_segments)
    await db.execute("set session_replication_role = origin")
    for statement in sql.make_bare_tables.split(";"):
        await db.execute(statement)
    await db.execute("vacuum analyze")
    await db.execute("checkpoint")


async def _listen(connection: AbstractConnection) -> _Heard:
    """Hear of invoices as others do: over a queue of its own."""
    await topology.apply(connection, [SERVICE])
    heard = _Heard()
    channel = await connection.channel()
    await (await channel.get_queue(SERVICE.name)).purge()
    await channel.set_qos(prefetch_count=20)
    queue = await channel.declare_queue(exclusive=True)
    for routing_key in ("invoices.issued", "invoice_run.completed"):
        await queue.bind(EXCHANGE, routing_key)
    await queue.consume(heard.arrived, no_ack=True)
    return heard


def _known_account() -> Message:
    """What changes nothing: whoever handles it is ready for work."""
    return said(
        AccountRegistered(account_id="acc-0000000", email="a@example.com", name="An"), at=TICK_AT
    )


async def _send(connection: AbstractConnection, db: Connection, message: Message) -> None:
    """Publish a message, and wait until a worker has handled it."""
    channel = await publishing.confirming_channel(connection, lambda: None)
    await publishing.publish(channel, Parcel.of(message), 30)
    async with asyncio.timeout(_LIMIT_S):
        while not await db.fetchval(sql.is_handled, message.envelope.id):
            await asyncio.sleep(_POLL_S)


async def _compare_rows(db: Connection) -> int:
    """How many lines there are; the run's rows must be the yardstick's."""
    row = await db.fetchrow(sql.compare)
    if row is None or row["ours"] != row["bare"]:
        raise RuntimeError(f"the run and the bare SQL disagree: {row}")
    lines: int = row["lines"]
    return lines
