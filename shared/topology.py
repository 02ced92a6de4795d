"""Exchange, queues and bindings, derived from the services' handlers.

Declared by an operator's command, never by a worker: a worker that came up with old code would
otherwise bring old bindings back.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from aio_pika.abc import AbstractConnection
from aiormq.exceptions import ChannelNotFoundEntity, ChannelPreconditionFailed

from shared.outbox import EXCHANGE, OWN_QUEUE
from shared.service import Service

DEAD_EXCHANGE: Final = "cloudtill.dead"
DELIVERY_LIMIT: Final = 20
_NO_LIMIT: Final = 1_000_000_000
"""A dead-letter queue has nowhere to pass its messages on to."""


def dead_queue_of(service: str) -> str:
    """The queue where the broker puts what it gave up on."""
    return f"{service}.dead"


@dataclass(frozen=True, slots=True)
class Queue:
    """A durable quorum queue and what is routed to it."""

    name: str
    arguments: dict[str, Any]
    exchange: str
    routing_keys: tuple[str, ...]


def queues_of(services: Iterable[Service]) -> Iterator[Queue]:
    """Each service's queue, bound to the types it handles, and its dead-letter queue."""
    for service in services:
        if not service.handlers:
            continue
        yield Queue(
            name=dead_queue_of(service.name),
            arguments={"x-queue-type": "quorum", "x-delivery-limit": _NO_LIMIT},
            exchange=DEAD_EXCHANGE,
            routing_keys=(service.name,),
        )
        yield Queue(
            name=service.name,
            arguments={
                "x-queue-type": "quorum",
                "x-delivery-limit": DELIVERY_LIMIT,
                "x-dead-letter-exchange": DEAD_EXCHANGE,
                "x-dead-letter-routing-key": service.name,
                "x-dead-letter-strategy": "at-least-once",
                "x-overflow": "reject-publish",
            },
            exchange=EXCHANGE,
            routing_keys=tuple(
                sorted(message.bound_to(service.name) for message in service.handlers)
            ),
        )


async def apply(connection: AbstractConnection, services: Iterable[Service]) -> list[Queue]:
    """Declare everything that is missing; what exists as it should stays as it is.

    Raises:
        ChannelPreconditionFailed: if a queue exists with other arguments.
    """
    queues = list(queues_of(services))
    channel = await connection.channel()
    underlay = await channel.get_underlay_channel()
    await underlay.exchange_declare(EXCHANGE, exchange_type="topic", durable=True)
    await underlay.exchange_declare(DEAD_EXCHANGE, exchange_type="direct", durable=True)
    await underlay.exchange_declare(OWN_QUEUE, exchange_type="topic", durable=True)
    for queue in queues:
        await underlay.queue_declare(queue.name, durable=True, arguments=queue.arguments)
        if queue.exchange == EXCHANGE:
            await underlay.queue_bind(queue.name, OWN_QUEUE, queue.name)
        for routing_key in queue.routing_keys:
            await underlay.queue_bind(queue.name, queue.exchange, routing_key)
    await channel.close()
    return queues


@dataclass(frozen=True, slots=True)
class Finding:
    """How a queue on the broker compares with what it should be."""

    queue: str
    state: str
    """`ok`, `missing`, or `other_arguments`."""
    messages: int | None = None
    consumers: int | None = None


async def check(connection: AbstractConnection, services: Iterable[Service]) -> list[Finding]:
    """Compare the broker's queues with what they should be, and change nothing.

    AMQP can't list bindings; `apply` makes those that are missing.
    """
    return [await _found(connection, queue) for queue in queues_of(services)]


async def _found(connection: AbstractConnection, queue: Queue) -> Finding:
    channel = await connection.channel()
    underlay = await channel.get_underlay_channel()
    try:
        there = await underlay.queue_declare(queue.name, passive=True)
        # Declaring what exists compares its arguments, and changes nothing.
        await underlay.queue_declare(queue.name, durable=True, arguments=queue.arguments)
    except ChannelNotFoundEntity:
        return Finding(queue.name, "missing")
    except ChannelPreconditionFailed:
        return Finding(queue.name, "other_arguments")
    await channel.close()
    return Finding(queue.name, "ok", there.message_count, there.consumer_count)
