"""Whole prepaid orders, `order.placed` to `invoice.issued`, through real worker processes."""

import asyncio
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import uvloop
from aio_pika.abc import AbstractConnection, AbstractIncomingMessage
from aiormq import Channel

from services.registry import SCHEMAS, SERVICES
from shared import broker, topology
from shared.broker import confirming_channel
from shared.database import connect
from shared.messages import Message
from shared.migrations import migrate, migrations_of
from shared.outbox import EXCHANGE, Parcel
from tests.system.shop import catalogue, customer, order, server

_ACCOUNTS: Final = 1_000
_WINDOW: Final = 500
_PUBLISH_S: Final = 30


@dataclass(frozen=True, slots=True)
class Result:
    """Rates in orders a second; latencies in seconds, at half of the drained rate."""

    orders: int
    accepted_rate: float
    drained_rate: float
    p50_s: float
    p99_s: float


class _Heard:
    """When each order was paid, and when it was invoiced."""

    def __init__(self) -> None:
        self.paid: dict[str, float] = {}
        self.invoiced: dict[str, float] = {}
        self.more = asyncio.Event()

    async def arrived(self, message: AbstractIncomingMessage) -> None:
        now = time.perf_counter()
        order_id = _order_id(message.body)
        heard = self.invoiced if message.type == "invoice.issued" else self.paid
        heard.setdefault(order_id, now)
        self.more.set()

    async def until_invoiced(self, orders: int) -> None:
        while len(self.invoiced) < orders:
            self.more.clear()
            await self.more.wait()


def _order_id(body: bytes) -> str:
    """Found without parsing all of it: the benchmark shares two cores with what it measures."""
    start = body.index(b'"order_id":"') + len(b'"order_id":"')
    return body[start : body.index(b'"', start)].decode()


def measure(amqp_url: str, database_url: str, orders: int, latency_orders: int) -> Result:
    """Drain a backlog of orders, then take orders at half of that rate."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_measure(amqp_url, database_url, orders, latency_orders))


async def _measure(amqp_url: str, database_url: str, orders: int, latency_orders: int) -> Result:
    await _migrate(database_url)
    async with broker.connected(amqp_url, "benchmark") as connection:
        await topology.apply(connection, SERVICES.values())
        channel = await confirming_channel(connection, lambda: None)
        heard = await _listen(connection)
        async with _workers(amqp_url, database_url) as start:
            await _open_shop(channel, start, database_url)
            backlog = _orders("backlog", orders)
            await start.stop()
            await _publish(channel, backlog)
            await start.start()
            began = time.perf_counter()
            await heard.until_invoiced(orders)
            drained = orders / (max(heard.invoiced.values()) - began)
            accepted = orders / (max(heard.paid.values()) - began)
            latencies = await _paced(channel, heard, orders, latency_orders, drained / 2)
    return Result(
        orders,
        accepted,
        drained,
        statistics.median(latencies),
        statistics.quantiles(latencies, n=100)[98],
    )


async def _migrate(database_url: str) -> None:
    db = await connect(database_url, wait_s=10)
    try:
        for service in SCHEMAS:
            await migrate(db, service.name, migrations_of(service.package))
    finally:
        await db.close()


async def _listen(connection: AbstractConnection) -> _Heard:
    heard = _Heard()
    channel = await connection.channel()
    queue = await channel.declare_queue(exclusive=True)
    for routing_key in ("payment.confirmed", "invoice.issued"):
        await queue.bind(EXCHANGE, routing_key)
    await queue.consume(heard.arrived, no_ack=True)
    return heard


class _Processes:
    """A worker process of each service."""

    def __init__(self, amqp_url: str, database_url: str, logs: Path) -> None:
        self._environment = os.environ | {
            "CLOUDTILL_AMQP_URL": amqp_url,
            "CLOUDTILL_DATABASE_URL": database_url,
            "CLOUDTILL_LOG_FORMAT": "json",
        }
        self._logs = logs
        self._running: list[subprocess.Popen[bytes]] = []

    async def start(self) -> None:
        for name in SERVICES:
            with (self._logs / f"{name}.log").open("ab") as log:
                self._running.append(
                    subprocess.Popen(
                        [sys.executable, "-m", "services.cli", "run", name],
                        env=self._environment,
                        stdout=log,
                        stderr=log,
                    )
                )

    async def stop(self) -> None:
        for process in self._running:
            process.send_signal(signal.SIGTERM)
        for process in self._running:
            await asyncio.to_thread(process.wait, 60)
        self._running.clear()


@asynccontextmanager
async def _workers(amqp_url: str, database_url: str) -> AsyncIterator[_Processes]:
    with tempfile.TemporaryDirectory() as logs:
        processes = _Processes(amqp_url, database_url, Path(logs))
        try:
            await processes.start()
            yield processes
        finally:
            await processes.stop()


async def _open_shop(channel: Channel, _processes: _Processes, database_url: str) -> None:
    """Publish the catalogue and customers with credit, and wait until they have it."""
    messages = catalogue()
    for number in range(_ACCOUNTS):
        messages += customer(f"acc-{number}", credit=10**11)
    await _publish(channel, messages)
    db = await connect(database_url)
    try:
        while (
            await db.fetchval("select count(*) from wallet.transfer") < _ACCOUNTS
            or await db.fetchval("select count(*) from billing.account") < _ACCOUNTS
            or await db.fetchval("select count(*) from billing.price") == 0
        ):
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
    for start in range(0, len(messages), _WINDOW):
        await asyncio.gather(
            *(
                broker.publish(channel, Parcel.of(message), _PUBLISH_S)
                for message in messages[start : start + _WINDOW]
            )
        )


async def _paced(
    channel: Channel, heard: _Heard, already: int, count: int, rate: float
) -> list[float]:
    """Publish orders evenly, and see how long each takes to its invoice."""
    published: dict[str, float] = {}
    began = time.perf_counter()
    sending: list[asyncio.Task[None]] = []
    for number, message in enumerate(_orders("paced", count)):
        await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
        published[f"paced-{number}"] = time.perf_counter()
        sending.append(asyncio.create_task(broker.publish(channel, Parcel.of(message), _PUBLISH_S)))
    await asyncio.gather(*sending)
    await heard.until_invoiced(already + count)
    return [heard.invoiced[order_id] - at for order_id, at in published.items()]


def in_own_database(admin_url: str, amqp_url: str, orders: int, latency_orders: int) -> Result:
    """Measure in a database that is dropped afterwards."""
    name = f"bench_{uuid.uuid4().hex[:8]}"
    asyncio.run(_execute(admin_url, f"create database {name}"))
    try:
        return measure(amqp_url, admin_url.rpartition("/")[0] + f"/{name}", orders, latency_orders)
    finally:
        asyncio.run(_execute(admin_url, f"drop database {name} with (force)"))


async def _execute(url: str, statement: str) -> None:
    db = await connect(url, wait_s=10)
    try:
        await db.execute(statement)
    finally:
        await db.close()
