"""Usage reports: off the queue into Postgres, each once, against one insert at a time.

Ours are real worker processes on a real broker: batches of 500 reports are published, a fifth of
the reports in them twice, and the clock stops when all are committed. The yardstick has its reports
in memory, and no queue: ten connections insert them one by one, `on conflict do nothing`.
"""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from random import Random
from typing import Any, Final

import asyncpg
import uvloop

from services.invoicing.app import SERVICE
from shared import broker, publishing, topology
from shared.database import connect
from shared.messages.upstream import BatchedUsageReport, UsageBatchRecorded
from shared.migrations import migrate, migrations_of
from shared.outbox import OWN_QUEUE, Parcel
from tests.benchmarks.processes import Meter, WorkerProcess, working
from tests.benchmarks.timing import Timing
from tests.builders import said

OURS: Final = "cloudtill invoicing"
ONE_BY_ONE: Final = "one insert at a time, ten connections"
GOALS: Final = {ONE_BY_ONE: 5.0}
REPORTS_A_SECOND: Final = 30_000
"""What is promised, on two cores that nothing else uses."""

_BATCH: Final = 500
_DUPLICATES: Final = 0.2
_RESOURCES: Final = 20_000
_ACCOUNTS: Final = 2_000
_CONNECTIONS: Final = 10
_WORKERS: Final = 2
_IN_FLIGHT: Final = 50
_LONGEST_S: Final = 300
_START: Final = datetime(2026, 11, 2, tzinfo=UTC)
_HOUSE: Final = f"""
    insert into invoicing.account (account_id, currency, subunits)
    select 'account-' || n, 'VND', 1 from generate_series(0, {_ACCOUNTS} - 1) n;
    insert into invoicing.product_version (product, effective_from, published_at, vat_rate,
                                           vat_included, meters)
    values ('vnet', '2020-01-01T00:00Z', '2020-01-01T00:00Z', 0.1, true,
            '{{"traffic": {{"sku": "traffic-gb", "aggregation": "cumulative"}}}}');
    insert into invoicing.resource (resource_id, account_id, product, name, version, discount_rate)
    select 'resource-' || n, 'account-' || n % {_ACCOUNTS}, 'vnet', 'net', 1, 0
    from generate_series(0, {_RESOURCES} - 1) n;
    analyze invoicing.resource, invoicing.account;
    create schema single;
    create table single.report (
        report_id text primary key, resource_id text not null, account_id text not null,
        meter text not null, quantity numeric not null, used_from timestamptz not null,
        used_to timestamptz not null
    )"""

Batches = list[UsageBatchRecorded]


def measure(amqp_url: str, database_url: str, reports: int) -> list[Timing]:
    """Take in as many different reports; the yardstick a twentieth of them.

    Raises:
        RuntimeError: if a report is missing, or counted twice.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_prepare(database_url))
        batches = _batches(reports)
        return [
            runner.run(_ours(amqp_url, database_url, batches, reports)),
            runner.run(_one_by_one(database_url, batches[: max(1, len(batches) // 20)])),
        ]


def _batches(reports: int) -> Batches:
    """Different reports in the order of their hours, and among them some that came before."""
    chance = Random(1)
    told: list[BatchedUsageReport] = []
    for number in range(reports):
        resource = number % _RESOURCES
        start = _START + timedelta(hours=number // _RESOURCES)
        told.append(
            BatchedUsageReport(
                report_id=f"report-{number}",
                account_id=f"account-{resource % _ACCOUNTS}",
                resource_id=f"resource-{resource}",
                meter="traffic",
                quantity=f"{chance.randint(1, 999) / 100:.2f}",
                from_=start,
                to=start + timedelta(hours=1),
            )
        )
        if chance.random() < _DUPLICATES / (1 - _DUPLICATES):
            told.append(told[chance.randrange(max(0, len(told) - 5_000), len(told))])
    at = max(one.to for one in told)
    return [
        said(UsageBatchRecorded(reports=tuple(told[place : place + _BATCH])), at=at)
        for place in range(0, len(told), _BATCH)
    ]


async def _prepare(database_url: str) -> None:
    db = await connect(database_url, wait_s=10)
    await migrate(db, SERVICE.name, migrations_of(SERVICE.package))
    await db.execute(_HOUSE)
    await db.close()


async def _ours(amqp_url: str, database_url: str, batches: Batches, reports: int) -> Timing:
    async with broker.connected(amqp_url, "benchmark") as connection:
        await topology.apply(connection, [SERVICE])
        channel = await publishing.confirming_channel(connection, lambda: None)
        counts = {SERVICE.name: _WORKERS}
        async with working(amqp_url, database_url, counts) as workers:
            meter = await Meter.of(amqp_url, database_url, workers)
            started = time.perf_counter()
            for place in range(0, len(batches), _IN_FLIGHT):
                some = batches[place : place + _IN_FLIGHT]
                await asyncio.gather(
                    *(publishing.publish(channel, _parcel(one), 60) for one in some)
                )
            await _handled(database_url, len(batches), workers)
            seconds = time.perf_counter() - started
            cpu_s = sum(meter.used().values())
    await _assert_each_once(database_url, batches, reports)
    return Timing(OURS, sum(len(one.reports) for one in batches), seconds, cpu_s)


def _parcel(message: UsageBatchRecorded) -> Parcel:
    return Parcel(
        exchange=OWN_QUEUE,
        routing_key=SERVICE.name,
        message_id=message.envelope.id,
        type=message.type,
        correlation_id=None,
        attempt=0,
        must_arrive=True,
        body=message.encode(),
    )


async def _handled(database_url: str, messages: int, workers: Sequence[WorkerProcess]) -> None:
    db = await connect(database_url)
    try:
        async with asyncio.timeout(_LONGEST_S):
            while await db.fetchval("select count(*) from invoicing.inbox") < messages:
                if any(worker.process.poll() is not None for worker in workers):
                    raise RuntimeError("a worker ended by itself")
                await asyncio.sleep(0.05)
    finally:
        await db.close()


async def _assert_each_once(database_url: str, batches: Batches, reports: int) -> None:
    """None is missing and none counted twice: as many as there are, and all that they report."""
    told = {one.report_id: Decimal(one.quantity) for batch in batches for one in batch.reports}
    db = await connect(database_url)
    found = await db.fetchrow("""
        select count(*) as reports, count(distinct report_id) as different,
               sum(quantity) as quantity
        from invoicing.usage_report""")
    await db.close()
    if found is None or tuple(found) != (reports, reports, sum(told.values())):
        raise RuntimeError(f"{found} where {reports} of {sum(told.values())} were reported")


async def _one_by_one(database_url: str, batches: Batches) -> Timing:
    connections: Any = await asyncpg.create_pool(
        database_url, min_size=_CONNECTIONS, max_size=_CONNECTIONS
    )
    reports = [one for batch in batches for one in batch.reports]
    numbers = count()

    async def insert_on_and_on() -> None:
        async with connections.acquire() as db:
            while (number := next(numbers)) < len(reports):
                await _insert(db, reports[number])

    async with connections:
        meter = await Meter.of("", database_url, [])
        own = time.process_time()
        started = time.perf_counter()
        await asyncio.gather(*(insert_on_and_on() for _ in range(_CONNECTIONS)))
        seconds = time.perf_counter() - started
        cpu_s = time.process_time() - own + sum(meter.used().values())
    return Timing(ONE_BY_ONE, len(reports), seconds, cpu_s)


async def _insert(db: Any, one: BatchedUsageReport) -> None:
    await db.execute(
        """insert into single.report values ($1, $2, $3, $4, $5, $6, $7)
           on conflict do nothing""",
        one.report_id,
        one.resource_id,
        one.account_id,
        one.meter,
        Decimal(one.quantity),
        one.from_,
        one.to,
    )
