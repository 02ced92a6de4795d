"""What our hop is compared with: three usual ways to consume, and publish what follows."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import aio_pika
import asyncpg
from aio_pika.abc import AbstractExchange, AbstractIncomingMessage
from faststream.message import StreamMessage
from faststream.rabbit import Channel, ExchangeType, RabbitBroker, RabbitExchange, RabbitQueue
from faststream.rabbit.schemas.queue import QueueType

from shared.outbox import EXCHANGE

PREFETCH = 250
_DATABASE_CONNECTIONS = 10


def _follows(event: dict[str, Any]) -> dict[str, Any]:
    """The message that follows."""
    data = event["data"]
    return {
        **event,
        "id": f"{event['id']}-1",
        "type": "wallet.debited",
        "data": {"account_id": data["account_id"], "amount": data["amount"]},
    }


def _answer(body: bytes) -> tuple[str, bytes]:
    """The message that follows, made with the standard library as one usually does."""
    said = _follows(json.loads(body))
    return said["id"], json.dumps(said).encode()


async def _publish(exchange: AbstractExchange, body: bytes) -> None:
    message_id, said = _answer(body)
    await exchange.publish(
        aio_pika.Message(
            said,
            message_id=message_id,
            type="wallet.debited",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        ),
        routing_key="wallet.debited",
    )


async def _consume(
    amqp_url: str,
    queue_name: str,
    handle: Callable[[AbstractExchange, AbstractIncomingMessage], Awaitable[None]],
    done: asyncio.Event,
) -> None:
    connection = await aio_pika.connect_robust(amqp_url)
    async with connection:
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=PREFETCH)
        exchange = await channel.get_exchange(EXCHANGE)
        queue = await channel.get_queue(queue_name)
        await queue.consume(lambda message: handle(exchange, message))
        await done.wait()


async def plain_relay(amqp_url: str, _database_url: str, queue: str, done: asyncio.Event) -> None:
    """(a) aio-pika: each message is published on, confirmed, and acked. No database."""

    async def handle(exchange: AbstractExchange, message: AbstractIncomingMessage) -> None:
        async with message.process():
            await _publish(exchange, message.body)

    await _consume(amqp_url, queue, handle, done)


async def transaction_a_message(
    amqp_url: str, database_url: str, queue: str, done: asyncio.Event
) -> None:
    """(b) aio-pika and asyncpg: a transaction a message with inbox and outbox, then publish."""
    pool: Any = await asyncpg.create_pool(
        database_url, min_size=_DATABASE_CONNECTIONS, max_size=_DATABASE_CONNECTIONS
    )
    await pool.execute("""
        create schema single;
        create table single.inbox (id text primary key);
        create table single.hop (top_up_id text primary key, amount bigint not null);
        create table single.outbox (row_id bigserial primary key, body bytea not null)""")

    async def handle(exchange: AbstractExchange, message: AbstractIncomingMessage) -> None:
        async with message.process():
            event = json.loads(message.body)
            _, said = _answer(message.body)
            async with pool.acquire() as db, db.transaction():
                if await db.fetchval(
                    "insert into single.inbox values ($1) on conflict do nothing returning id",
                    event["id"],
                ):
                    await db.execute(
                        "insert into single.hop values ($1, $2)",
                        event["data"]["top_up_id"],
                        event["data"]["amount"],
                    )
                    row_id = await db.fetchval(
                        "insert into single.outbox (body) values ($1) returning row_id", said
                    )
                else:
                    return
            await _publish(exchange, message.body)
            await pool.execute("delete from single.outbox where row_id = $1", row_id)

    async with pool:
        await _consume(amqp_url, queue, handle, done)


async def faststream(amqp_url: str, _database_url: str, queue: str, done: asyncio.Event) -> None:
    """(c) FastStream: a handler whose answer is published. No database."""
    broker = RabbitBroker(
        amqp_url,
        logger=None,
        default_channel=Channel(
            prefetch_count=PREFETCH, publisher_confirms=True, on_return_raises=True
        ),
    )
    exchange = RabbitExchange(EXCHANGE, type=ExchangeType.TOPIC, durable=True)

    async def decode(message: StreamMessage[Any]) -> Any:
        return json.loads(message.body)

    @broker.publisher(exchange=exchange, routing_key="wallet.debited", persist=True)
    @broker.subscriber(
        RabbitQueue(queue, queue_type=QueueType.QUORUM, durable=True, declare=False),
        decoder=decode,
    )
    async def handle(event: dict[str, Any]) -> dict[str, Any]:
        return _follows(event)

    async with broker:
        await broker.start()
        await done.wait()
