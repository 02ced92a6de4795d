"""RabbitMQ: connections that are made anew when they break, and what is delivered over them.

A small supervisor over plain connections: what broke is rebuilt from the ground, and what was on
its way is told apart by the inbox and the outbox.
"""

import asyncio
import random
import re
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import aio_pika
import structlog
from aio_pika.abc import AbstractConnection
from aiormq.abc import AbstractChannel, DeliveredMessage
from aiormq.exceptions import AMQPChannelError, ChannelInvalidStateError
from pamqp.commands import Basic
from yarl import URL

from shared.amqp_values import read_any_value, storable

log = structlog.get_logger()

read_any_value()

TROUBLE: Final = (aio_pika.exceptions.AMQPError, OSError, TimeoutError, ChannelInvalidStateError)
"""What a lost connection, a closed channel or a broker that does not answer raise."""

CHANNEL_TROUBLE: Final = AMQPChannelError
"""The broker closed a channel because of what was asked on it."""

ATTEMPT_HEADER: Final = "x-attempt"
_HEARTBEAT_S: Final = 10
_CONNECT_S: Final = 10
_ATTEMPTS_AT_MOST: Final = 10_000
_GROUP_BYTES: Final = 16 * 1024 * 1024
"""A group ends with the message that exceeds this, however few it has."""


class ChannelGone(Exception):
    """The channel was closed; what was delivered on it comes again."""


class NothingCame(Exception):
    """Nothing was delivered for a long time, though there may be something to deliver."""


class _Connection(aio_pika.Connection):
    """A connection that is closed where it never came to be: else aio-pika's destructor tries to
    close it whenever, and in whichever thread, Python happens to collect it."""

    async def connect(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - not our name
        try:
            await super().connect(timeout)
        except BaseException:
            await self.close()
            raise


@asynccontextmanager
async def connected(url: str, name: str) -> AsyncIterator[AbstractConnection]:
    """One connection, closed at the end.

    Args:
        url: of the broker. Those of a cluster's nodes have commas between them, and are tried in
            turn, beginning with any.
        name: what the broker's operators see.

    Raises:
        one of TROUBLE: if the broker can't be reached or does not let us in, or if the connection
            breaks under the body.
    """
    with _breaking_as_trouble():
        connection = await _connect_to_any(urls_in(url), name)
        try:
            yield connection
        finally:
            closing = asyncio.ensure_future(connection.close())
            await asyncio.wait([closing], timeout=_CONNECT_S)
            if not closing.done():
                closing.cancel()
            elif not closing.cancelled():
                closing.exception()  # a connection that broke can't be closed any better


def _attempt(told: object) -> int:
    """How often handling was put off; what only others than we can have written there is none."""
    if isinstance(told, bool) or not isinstance(told, int) or not 0 < told <= _ATTEMPTS_AT_MOST:
        return 0
    return told


def urls_in(url: str) -> list[str]:
    """The nodes that a setting names."""
    return re.split(r",\s*(?=amqps?://)", url)


async def _connect_to_any(urls: Sequence[str], name: str) -> AbstractConnection:
    *others, last = random.sample(urls, len(urls))
    for url in others:
        try:
            return await _connect(url, name)
        except TROUBLE as error:
            log.debug("node not reached", name=name, error=repr(error))
    return await _connect(last, name)


async def _connect(url: str, name: str) -> AbstractConnection:
    address = URL(url)
    with _breaking_as_trouble():
        return await aio_pika.connect(
            address.update_query({"heartbeat": str(_HEARTBEAT_S), **address.query}),
            timeout=_CONNECT_S,
            client_properties={"connection_name": name},
            connection_class=_Connection,
        )


@contextmanager
def _breaking_as_trouble() -> Iterator[None]:
    """A connection that breaks at the wrong moment makes aiormq cancel what we wait for, or end
    with what is meant for its own loops, with an `Exception` that says nothing, or with an error
    of the caller's. None of these may end a worker, and least of all silently."""
    try:
        yield
    except StopAsyncIteration as error:
        raise ConnectionResetError("the broker hung up while it let us in") from error
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise ConnectionResetError("the connection broke, and what waited for it") from error
    except Exception as error:
        is_mute = type(error) is Exception and not error.args
        is_too_late = type(error) is RuntimeError and str(error).endswith(" closed")
        if not is_mute and not is_too_late:
            raise
        raise ConnectionResetError("the connection broke, and nobody says why") from error


async def pause_before_reconnecting() -> None:
    """Wait a little, and not all workers equally long."""
    await asyncio.sleep(random.uniform(0.2, 1.5))


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message off a queue, not yet acknowledged."""

    tag: int
    body: bytes
    type: str | None
    attempt: int
    redelivered: bool
    properties: dict[str, Any]

    @classmethod
    def of(cls, message: DeliveredMessage) -> "Delivery":
        properties = message.header.properties
        headers = properties.headers or {}
        assert isinstance(message.delivery, Basic.Deliver)
        kind = properties.message_type
        return cls(
            tag=message.delivery.delivery_tag or 0,
            body=message.body,
            type=kind and storable(kind),
            attempt=_attempt(headers.get(ATTEMPT_HEADER)),
            redelivered=bool(message.delivery.redelivered) or bool(headers.get("x-delivery-count")),
            properties={
                "routing_key": message.delivery.routing_key,
                "exchange": message.delivery.exchange,
                "message_id": properties.message_id,
                "content_type": properties.content_type,
                "headers": headers,
            },
        )


class Deliveries:
    """What the broker has sent ahead on one channel. The callback only queues."""

    def __init__(self, owner: object, channel: AbstractChannel) -> None:
        self._owner = owner  # aio-pika calls back only while somebody holds its channel
        self._channel = channel
        self._waiting: deque[DeliveredMessage] = deque()
        self._waiting_since = 0.0
        self._last_tag = 0
        self._something_new = asyncio.Event()
        self._gone = False
        self._stopped = False

    @classmethod
    async def of(cls, connection: AbstractConnection, queue: str, ahead: int) -> "Deliveries":
        """Start to consume `queue`, with at most `ahead` messages unacknowledged.

        Raises:
            one of TROUBLE: if the queue does not exist, for example.
        """
        channel = await connection.channel(publisher_confirms=False)
        await channel.set_qos(prefetch_count=ahead)
        underlay = await channel.get_underlay_channel()
        deliveries = cls(channel, underlay)
        channel.close_callbacks.add(deliveries._closed)
        underlay.on_consumer_cancel_callbacks.add(deliveries._cancelled)
        await underlay.basic_consume(queue, deliveries._arrived)
        return deliveries

    async def _arrived(self, message: DeliveredMessage) -> None:
        assert isinstance(message.delivery, Basic.Deliver)
        self._last_tag += 1
        if message.delivery.delivery_tag != self._last_tag:
            self._closed()  # one never arrived: whoever acknowledges the next acknowledges it too
            return
        if not self._waiting:
            self._waiting_since = _now()
        self._waiting.append(message)
        self._something_new.set()

    def _closed(self, *_: object) -> None:
        self._gone = True
        self._something_new.set()

    def _cancelled(self, _frame: object) -> None:
        self._closed()

    async def take(
        self, at_most: int, linger_s: float = 0, patience_s: float | None = None
    ) -> list[Delivery]:
        """What has come meanwhile; else the first that comes. Empty once stopped.

        Args:
            at_most: messages.
            linger_s: how long the oldest of fewer waits for others. Messages that were published
                together arrive one by one, and a group costs much the same however small it is.
            patience_s: how long to wait for the first; None: for ever.

        Raises:
            ChannelGone: what is still waiting can't be acknowledged any more, and comes again.
            NothingCame: nobody knows whether there is nothing, or whether the broker believes to
                have delivered what never arrived: RabbitMQ 3.10 restarts all queues where the log
                they share fails, and says nothing to their consumers; see also
                rabbitmq-server#11228, #15473. Where the connection ends, that comes again.
        """
        try:
            async with asyncio.timeout(patience_s):
                await self._until_waiting(1)
        except TimeoutError:
            raise NothingCame from None
        left_s = self._waiting_since + linger_s - _now()
        if left_s > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._until_waiting(at_most)
        if self._stopped:
            return []
        if self._gone:
            raise ChannelGone
        group: list[Delivery] = []
        size = 0
        while self._waiting and len(group) < at_most and size < _GROUP_BYTES:
            delivery = Delivery.of(self._waiting.popleft())
            size += len(delivery.body)
            group.append(delivery)
        self._waiting_since = _now()
        return group

    async def _until_waiting(self, messages: int) -> None:
        """So many, or there will be no more."""
        while not (len(self._waiting) >= messages or self._gone or self._stopped):
            self._something_new.clear()
            await self._something_new.wait()

    def stop(self) -> None:
        """Take no more; what is still waiting goes back to the queue when the channel closes."""
        self._stopped = True
        self._something_new.set()

    async def acknowledge(self, last: Delivery) -> None:
        """Acknowledge everything up to and including `last`.

        Raises:
            ChannelGone: it comes again, and the inbox will know it.
        """
        try:
            await self._channel.basic_ack(last.tag, multiple=True, wait=False)
        except TROUBLE as error:
            raise ChannelGone from error


def _now() -> float:
    return asyncio.get_running_loop().time()
