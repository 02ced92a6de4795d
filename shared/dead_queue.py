"""What the broker itself gave up on: its dead-letter queue is drained into Postgres.

A message lands there after too many deliveries without an answer. That says nothing about the
message yet, workers may have been killed around it; so it goes back on the ladder of retries, and
only at the end of that becomes a dead letter.
"""

import structlog
from aio_pika.abc import AbstractConnection

from shared import broker, outbox
from shared.amqp_values import storable
from shared.broker import TROUBLE, ChannelGone, Deliveries, Delivery, NothingCame
from shared.database import PassingTrouble, Pool, transaction
from shared.dead_letters import DeadLetter, append_dead_letters
from shared.outbox import OWN_QUEUE, Parcel
from shared.settings import Settings
from shared.topology import dead_queue_of

log = structlog.get_logger()


async def drain(service: str, connections: Pool, settings: Settings) -> None:
    """Drain the dead-letter queue of a service until cancelled.

    Args:
        service: whose.
        connections: durable ones: what is committed here is acknowledged.
        settings: where the broker is, and how long a message has to wait.
    """
    url = settings.amqp_url.get_secret_value()
    while True:
        try:
            async with broker.connected(url, f"{service} drains its dead letters") as connection:
                await _drain_over(connection, service, connections, settings)
        except NothingCame:
            log.debug("draining anew", service=service)
        except (ChannelGone, PassingTrouble, *TROUBLE) as error:
            log.warning("draining interrupted", service=service, error=repr(error))
            await broker.pause_before_reconnecting()


async def _drain_over(
    connection: AbstractConnection, service: str, connections: Pool, settings: Settings
) -> None:
    deliveries = await Deliveries.of(connection, dead_queue_of(service), settings.group_size)
    while True:
        group = await deliveries.take(settings.group_size, patience_s=settings.consume_anew_s)
        parcels = [
            _retry(delivery, service, settings.retry_delays_s[delivery.attempt])
            for delivery in group
            if delivery.attempt < len(settings.retry_delays_s)
        ]
        letters = [
            _given_up(delivery)
            for delivery in group
            if delivery.attempt >= len(settings.retry_delays_s)
        ]
        async with transaction(connections) as db:
            await outbox.append(db, parcels)
            await outbox.say(db, await append_dead_letters(db, service, letters))
        await deliveries.acknowledge(group[-1])
        log.warning("delivery limit reached", service=service, messages=len(group))


def _retry(delivery: Delivery, service: str, delay_s: float) -> Parcel:
    return Parcel(
        exchange=OWN_QUEUE,
        routing_key=service,
        message_id=storable(str(delivery.properties["message_id"] or "")),
        type=delivery.type or "unknown",
        correlation_id=None,
        attempt=delivery.attempt + 1,
        must_arrive=True,
        body=delivery.body,
        delay_s=delay_s,
        reason="delivery_limit",
    )


def _given_up(delivery: Delivery) -> DeadLetter:
    return DeadLetter(
        "delivery_limit",
        "the broker delivered it again and again, and no worker answered",
        delivery.body,
        type=delivery.type,
        attempt=delivery.attempt,
        properties=delivery.properties,
    )
