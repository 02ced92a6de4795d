"""Whole prepaid orders, `order.placed` to `invoice.issued`, through real worker processes."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import uvloop
from aio_pika.abc import AbstractChannel
from aiormq import Channel
from aiormq.abc import DeliveredMessage
from rich.console import Console
from rich.table import Table

from services.registry import SERVICES
from shared import broker, publishing, topology
from shared.database import connect
from shared.messages import Message
from shared.migrations import migrate, migrations_of
from shared.outbox import EXCHANGE, Parcel
from shared.publishing import confirming_channel
from tests.benchmarks.processes import Meter, WorkerProcess, working
from tests.system.shop import catalogue, customer, order, server

INVOLVED: Final = {
    name: SERVICES[name] for name in ("billing", "wallet", "provisioning", "invoicing")
}
P99_AT_MOST_S: Final = 0.25
"""At half the rate at which a backlog drains."""

_ACCOUNTS: Final = 1_000
_WINDOW: Final = 250
_PUBLISH_S: Final = 60
_LIMIT_S: Final = 600
_WARM_UP: Final = 500
_IS_OPEN: Final = """
    select (select count(*) from wallet.transfer) = $1
       and (select count(*) from billing.account) = $1
       and (select count(*) from invoicing.account) = $1
       and exists (select from billing.price) and exists (select from provisioning.product_version)
       and exists (select from invoicing.product_version)"""

_IS_QUIET: Final = " and ".join(
    [
        "not exists (select from billing.resource where busy_with is not null)",
        *(f"not exists (select from {service}.outbox)" for service in INVOLVED),
    ]
)
"""Whether billing has heard of each resource that it is there, and all has been said."""


@dataclass(frozen=True, slots=True)
class Result:
    """Rates in orders a second; latencies in seconds, at half of the drained rate."""

    workers: int
    """Of each service."""
    orders: int
    accepted_rate: float
    """How many were paid a second."""
    drained_rate: float
    """How many were invoiced a second."""
    p50_s: float
    p99_s: float
    cpu_ms: Mapping[str, float]
    """Processor time an order, by who used it, while a backlog drained."""
    megabytes: float
    """The most that one worker needed."""


@dataclass(slots=True)
class _Heard:
    """When each order was paid, and when it was invoiced."""

    paid: dict[str, float] = field(default_factory=dict)
    invoiced: dict[str, float] = field(default_factory=dict)
    more: asyncio.Event = field(default_factory=asyncio.Event)

    async def arrived(self, message: DeliveredMessage) -> None:
        now = time.perf_counter()
        kind = message.header.properties.message_type
        heard = self.invoiced if kind == "invoice.issued" else self.paid
        heard.setdefault(_order_id(message.body), now)
        self.more.set()

    async def until_invoiced(self, orders: int) -> None:
        async with asyncio.timeout(_LIMIT_S):
            while len(self.invoiced) < orders:
                self.more.clear()
                await self.more.wait()


def _order_id(body: bytes) -> str:
    """Found without parsing all of it: the benchmark shares its cores with what it measures."""
    start = body.index(b'"order_id":"') + len(b'"order_id":"')
    return body[start : body.index(b'"', start)].decode()


def show(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Print what whole orders took.

    Returns:
        The same as rows for JSON.
    """
    table = Table(title=f"Whole prepaid orders, {results[0].orders:,} from order to invoice")
    for column in (
        "workers a service",
        "paid/s",
        "invoiced/s",
        "p50 ms",
        f"p99 ms (goal {P99_AT_MOST_S * 1000:.0f})",
        "CPU ms an order",
        "MB a worker",
    ):
        table.add_column(column, justify="right")
    for one in results:
        table.add_row(
            f"{one.workers}",
            f"{one.accepted_rate:,.0f}",
            f"{one.drained_rate:,.0f}",
            f"{one.p50_s * 1000:,.0f}",
            f"{one.p99_s * 1000:,.0f}",
            f"{sum(one.cpu_ms.values()):.2f}",
            f"{one.megabytes:.0f}",
        )
    Console().print(table)
    return [asdict(one) for one in results]


def measure(
    amqp_url: str, database_url: str, orders: int, paced_orders: int, workers: int = 1
) -> Result:
    """Drain a backlog of orders, then take orders at half of that rate.

    Args:
        amqp_url: a broker whose queues nobody else uses.
        database_url: an empty database.
        orders: in the backlog.
        paced_orders: at half the rate.
        workers: processes of each service.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_measure(amqp_url, database_url, orders, paced_orders, workers))


async def _measure(
    amqp_url: str, database_url: str, orders: int, paced_orders: int, workers: int
) -> Result:
    async with Shop.open(amqp_url, database_url, workers) as shop:
        await shop.drain("first", _WARM_UP)
        meter = await Meter.of(amqp_url, database_url, shop.processes)
        began = time.perf_counter()
        await shop.drain("backlog", orders)
        used = meter.used()
        drained_rate = orders / (max(shop.heard.invoiced.values()) - began)
        accepted_rate = orders / (max(shop.heard.paid.values()) - began)
        latencies = await shop.pace("paced", paced_orders, drained_rate / 2)
        megabytes = max(process.peak_megabytes for process in shop.processes)
    return Result(
        workers=workers,
        orders=orders,
        accepted_rate=accepted_rate,
        drained_rate=drained_rate,
        p50_s=statistics.median(latencies),
        p99_s=statistics.quantiles(latencies, n=100)[98],
        cpu_ms={name: seconds / orders * 1000 for name, seconds in used.items()},
        megabytes=megabytes,
    )


@dataclass(frozen=True, slots=True)
class Shop:
    """All services that a prepaid order passes, a product on sale, and customers with credit."""

    channel: Channel
    heard: _Heard
    processes: Sequence[WorkerProcess]
    database_url: str

    @classmethod
    @asynccontextmanager
    async def open(cls, amqp_url: str, database_url: str, workers: int) -> "AsyncIterator[Shop]":
        """With so many workers of each service, and an empty database."""
        await _migrate(database_url)
        async with broker.connected(amqp_url, "benchmark") as connection:
            await topology.apply(connection, INVOLVED.values())
            channel = await confirming_channel(connection, lambda: None)
            ear = await connection.channel()
            heard = await _listen(ear)
            counts = dict.fromkeys(INVOLVED, workers)
            async with working(amqp_url, database_url, counts) as processes:
                await _open_shop(channel, database_url)
                yield cls(channel, heard, processes, database_url)

    async def drain(self, run: str, count: int) -> None:
        """Publish orders as fast as the broker takes them, and wait until they are invoiced and
        nothing more is to be done for them."""
        wanted = len(self.heard.invoiced) + count
        await _publish(self.channel, _orders(run, count))
        await self.heard.until_invoiced(wanted)
        await _until(self.database_url, f"select {_IS_QUIET}")

    async def pace(self, run: str, count: int, rate: float) -> list[float]:
        """Publish orders evenly; seconds from when each was due to its invoice."""
        wanted = len(self.heard.invoiced) + count
        parcels = list(map(Parcel.of, _orders(run, count)))
        began = time.perf_counter()
        sending: list[asyncio.Task[list[Exception | None]]] = []
        for number, parcel in enumerate(parcels):
            await asyncio.sleep(began + number / rate - time.perf_counter())
            sent = publishing.publish_all(self.channel, [parcel], _PUBLISH_S)
            sending.append(asyncio.create_task(sent))
        await asyncio.gather(*sending)
        await self.heard.until_invoiced(wanted)
        invoiced = self.heard.invoiced
        return [invoiced[f"{run}-{number}"] - began - number / rate for number in range(count)]


async def _migrate(database_url: str) -> None:
    db = await connect(database_url, wait_s=10)
    try:
        for service in INVOLVED.values():
            await migrate(db, service.name, migrations_of(service.package))
    finally:
        await db.close()


async def _listen(channel: AbstractChannel) -> _Heard:
    """Hear what is told over a channel that is kept."""
    heard = _Heard()
    queue = await channel.declare_queue(exclusive=True)
    for routing_key in ("payment.confirmed", "invoice.issued"):
        await queue.bind(EXCHANGE, routing_key)
    underlay = await channel.get_underlay_channel()
    await underlay.basic_consume(queue.name, heard.arrived, no_ack=True)
    return heard


async def _open_shop(channel: Channel, database_url: str) -> None:
    """Publish the catalogue and customers with credit, and wait until they have it."""
    messages = catalogue()
    for number in range(_ACCOUNTS):
        messages += customer(f"acc-{number}", credit=10**11)
    await _publish(channel, messages)
    await _until(database_url, _IS_OPEN, _ACCOUNTS)


async def _until(database_url: str, question: str, *arguments: object) -> None:
    db = await connect(database_url)
    try:
        async with asyncio.timeout(_LIMIT_S):
            while not await db.fetchval(question, *arguments):
                await asyncio.sleep(0.1)
    finally:
        await db.close()


def _orders(run: str, count: int) -> list[Message]:
    now = datetime.now(UTC)
    return [
        order(
            f"{run}-{number}",
            [server(f"{run}-{number}", "image", "disk")],
            account_id=f"acc-{number % _ACCOUNTS}",
            at=now,
        )
        for number in range(count)
    ]


async def _publish(channel: Channel, messages: Sequence[Message]) -> None:
    parcels = list(map(Parcel.of, messages))
    for start in range(0, len(parcels), _WINDOW):
        window = parcels[start : start + _WINDOW]
        for trouble in await publishing.publish_all(channel, window, _PUBLISH_S):
            if trouble is not None:
                raise trouble
