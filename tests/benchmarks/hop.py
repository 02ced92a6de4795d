"""The hop: consume, inbox, one row written, outbox, publish confirmed, ack."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable

import uvloop
from aio_pika.abc import AbstractConnection
from pydantic import SecretStr

from shared import broker, publishing, topology
from shared.database import connect
from shared.messages.upstream import TopUpReceived
from shared.migrations import migrate, migrations_of
from shared.outbox import EXCHANGE, OWN_QUEUE, Parcel
from shared.settings import Settings
from shared.worker import Worker
from tests.benchmarks import yardsticks
from tests.benchmarks.hop_service import SERVICE
from tests.benchmarks.timing import Timing
from tests.builders import said

_SINK = "hop.sink"
_LONGEST_S = 120
Contender = Callable[[str, str, str, asyncio.Event], Awaitable[None]]


async def cloudtill(amqp_url: str, database_url: str, _queue: str, done: asyncio.Event) -> None:
    """Cloudtill's own worker, as it runs in production."""
    settings = Settings(amqp_url=SecretStr(amqp_url), database_url=SecretStr(database_url))
    worker = Worker(SERVICE, settings)
    running = asyncio.create_task(worker.run())
    await done.wait()
    worker.stop()
    await running


CONTENDERS: dict[str, Contender] = {
    "cloudtill worker": cloudtill,
    "a: aio-pika relay, no database": yardsticks.plain_relay,
    "b: a transaction a message": yardsticks.transaction_a_message,
    "c: FastStream, no database": yardsticks.faststream,
}
GOALS = {
    "a: aio-pika relay, no database": 1.3,
    "b: a transaction a message": 4.0,
    "c: FastStream, no database": 2.0,
}


def measure(amqp_url: str, database_url: str, messages: int) -> list[Timing]:
    """Let each contender carry as many messages, one after the other."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_prepare(database_url))
        return [
            runner.run(_timed(name, contender, amqp_url, database_url, messages))
            for name, contender in CONTENDERS.items()
        ]


async def _prepare(database_url: str) -> None:
    db = await connect(database_url, wait_s=10)
    await migrate(db, SERVICE.name, migrations_of(SERVICE.package))
    await db.close()


async def _timed(
    name: str, contender: Contender, amqp_url: str, database_url: str, messages: int
) -> Timing:
    async with broker.connected(amqp_url, "benchmark") as connection:
        await _declare(connection)
        await _fill(connection, messages)
        done = asyncio.Event()
        started = time.perf_counter()
        running = asyncio.ensure_future(contender(amqp_url, database_url, SERVICE.name, done))
        await _arrived(connection, messages, running)
        seconds = time.perf_counter() - started
        done.set()
        await running
        channel = await connection.channel()
        await channel.queue_delete(_SINK)
    return Timing(name, messages, seconds)


async def _declare(connection: AbstractConnection) -> None:
    await topology.apply(connection, [SERVICE])
    channel = await connection.channel()
    sink = await channel.declare_queue(
        _SINK, durable=True, arguments={"x-queue-type": "quorum", "x-delivery-limit": 20}
    )
    await sink.bind(EXCHANGE, "wallet.debited")


async def _fill(connection: AbstractConnection, messages: int) -> None:
    channel = await publishing.confirming_channel(connection, lambda: None)
    parcels = [
        Parcel(
            exchange=OWN_QUEUE,
            routing_key=SERVICE.name,
            message_id=message.envelope.id,
            type=message.type,
            correlation_id=None,
            attempt=0,
            must_arrive=True,
            body=message.encode(),
        )
        for message in (
            said(
                TopUpReceived(
                    top_up_id=uuid.uuid4().hex,
                    account_id=f"acc-{number % 1_000}",
                    amount=1_000,
                    gateway="bank",
                    gateway_reference="r",
                )
            )
            for number in range(messages)
        )
    ]
    for start in range(0, messages, 500):
        await asyncio.gather(
            *(publishing.publish(channel, parcel, 30) for parcel in parcels[start : start + 500])
        )


async def _arrived(
    connection: AbstractConnection, messages: int, running: "asyncio.Future[None]"
) -> None:
    channel = await connection.channel()
    async with asyncio.timeout(_LONGEST_S):
        while True:
            sink = await channel.declare_queue(_SINK, passive=True)
            if (sink.declaration_result.message_count or 0) >= messages:
                return
            if running.done():
                running.result()
            await asyncio.sleep(0.02)
