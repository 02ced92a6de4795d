"""What aio-pika and aiormq give: connections and channels, to a simulated broker."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from aiormq import Channel
from aiormq.abc import ChannelFrame
from aiormq.channel import Returning
from aiormq.exceptions import (
    ChannelInvalidStateError,
    ChannelNotFoundEntity,
    ConnectionClosed,
    PublishError,
)
from pamqp import frame as amqp
from pamqp.body import ContentBody
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from shared.broker import ATTEMPT_HEADER
from tests.simulation.chance import Chance
from tests.simulation.process import Process
from tests.simulation.rabbitmq import Broker, Queue, Stored

Arrived = Callable[[Any], Coroutine[Any, Any, None]]


class Callbacks(list[Callable[..., object]]):
    """aio-pika's collection of callbacks, in their order."""

    def add(self, callback: Callable[..., object]) -> None:
        self.append(callback)

    def call(self, *arguments: object) -> None:
        for callback in list(self):
            callback(*arguments)


class SimulatedConnection:
    """One connection with its channels. They end with it."""

    def __init__(self, broker: Broker, process: Process, chance: Chance) -> None:
        self.broker = broker
        self.process = process
        self.chance = chance
        self.channels: list[ConsumingChannel | PublishingChannel] = []
        self.lost = False
        process.severed[self] = self.end

    async def channel(self, *, publisher_confirms: bool, on_return_raises: bool = False) -> Any:
        self.process.breathe()
        await asyncio.sleep(self.chance.delay_s())
        self.process.breathe()
        if self.lost:
            raise ConnectionClosed(320, "CONNECTION_FORCED")
        if publisher_confirms:
            assert on_return_raises
            publishing = PublishingChannel(self)
            self.channels.append(publishing)
            return _Wrapping(publishing)
        consuming = ConsumingChannel(self)
        self.channels.append(consuming)
        return _Wrapping(consuming)

    def end(self, error: Exception | None = None) -> None:
        """The broker takes back what it had sent; whoever is left here is told somewhat later."""
        if self.lost:
            return
        self.lost = True
        self.process.severed.pop(self, None)
        for channel in self.channels:
            channel.end(error or ConnectionClosed(320, "CONNECTION_FORCED"))

    async def close(self) -> None:
        self.end()

    def close_a_channel(self) -> None:
        """The broker closes one of the channels, as for an error on it."""
        if self.channels:
            error = ChannelNotFoundEntity("closed by the broker")
            self.chance.one_of(self.channels).end(error)

    def cancel_consumers(self) -> None:
        """The broker ends the consumers, as when a queue gets another leader."""
        for channel in self.channels:
            if isinstance(channel, ConsumingChannel):
                channel.cancel()


class _Wrapping:
    """A channel of aio-pika around one of aiormq."""

    def __init__(self, underlay: "ConsumingChannel | PublishingChannel") -> None:
        self._underlay = underlay
        self.close_callbacks = underlay.close_callbacks

    async def set_qos(self, *, prefetch_count: int) -> None:
        assert isinstance(self._underlay, ConsumingChannel)
        self._underlay.ahead = prefetch_count

    async def get_underlay_channel(self) -> "ConsumingChannel | PublishingChannel":
        return self._underlay


@dataclass(frozen=True, slots=True)
class _Delivered:
    """What a consumer's callback is given."""

    delivery: Basic.Deliver
    header: Any
    body: bytes


class ConsumingChannel:
    """A channel with one consumer."""

    def __init__(self, connection: SimulatedConnection) -> None:
        self.unacknowledged: dict[int, Stored] = {}
        self.ahead = 0
        self.close_callbacks = Callbacks()
        self.on_consumer_cancel_callbacks = Callbacks()
        self._connection = connection
        self._broker = connection.broker
        self._queue: Queue | None = None
        self._arrived: Arrived | None = None
        self._tags = 0
        self._on_its_way: deque[_Delivered] = deque()
        self._ended = False
        self._known_to_be_closed = False

    async def basic_consume(self, queue: str, arrived: Arrived) -> None:
        await asyncio.sleep(self._connection.chance.delay_s())
        self._connection.process.breathe()
        if self._ended:
            raise ConnectionClosed(320, "CONNECTION_FORCED")
        self._arrived = arrived
        self._queue = self._broker.queues[queue]
        self._queue.consumers.append(self)
        self._broker.dispatch(self._queue)

    def send(self, stored: Stored) -> None:
        """Send a message to the worker; what is sent later comes later."""
        self._tags += 1
        self.unacknowledged[self._tags] = stored
        headers: dict[str, int] = {}
        if stored.attempt:
            headers[ATTEMPT_HEADER] = stored.attempt
        if stored.returns:
            headers["x-delivery-count"] = stored.returns
        if not self._on_its_way:
            self._broker.later(self._arrive)
        self._on_its_way.append(
            _Delivered(
                Basic.Deliver(
                    "consumer", self._tags, stored.returns > 0, stored.exchange, stored.routing_key
                ),
                SimpleNamespace(
                    properties=SimpleNamespace(
                        headers=headers or None,
                        message_type=stored.type,
                        message_id=stored.message_id,
                        content_type="application/cloudevents+json",
                    )
                ),
                stored.body,
            )
        )

    def _arrive(self) -> None:
        while self._on_its_way:
            message = self._on_its_way.popleft()
            if not self._known_to_be_closed and self._arrived:
                _at_once(self._arrived(message))

    async def basic_ack(self, tag: int, *, multiple: bool, wait: bool) -> None:
        assert multiple
        assert not wait
        self._connection.process.breathe()
        if self._known_to_be_closed:
            raise ChannelInvalidStateError
        self._broker.later(self._acknowledged, tag)

    def _acknowledged(self, tag: int) -> None:
        if not self._ended:
            assert self._queue is not None
            self._broker.acknowledge(self._queue, self, tag)

    def end(self, error: Exception) -> None:
        """Closed by the broker, which takes back what it had sent; the worker hears of it later."""
        if self._ended:
            return
        self._ended = True
        if self._queue is not None:
            self._broker.give_back(self._queue, self)
        self._broker.later(self._closed, error)

    def cancel(self) -> None:
        """The broker ends the consumer and keeps the channel, which may still acknowledge."""
        if self._queue is not None and not self._ended:
            self._broker.later(self.on_consumer_cancel_callbacks.call, None)

    def _closed(self, error: Exception) -> None:
        self._known_to_be_closed = True
        self.close_callbacks.call(self, error)


class PublishingChannel(Channel):
    """A channel whose publishes are confirmed. How it answers waiting publishes is aiormq's own."""

    def __init__(self, connection: SimulatedConnection) -> None:  # the network is simulated
        self.close_callbacks = Callbacks()
        self.confirmations = {}
        self.message_id_delivery_tag = {}
        self.delivery_tag = 0
        self.number = 1
        self.max_content_size = 131_064
        self.write_queue = SimpleNamespace(put=self._written)  # type: ignore[assignment]
        self._connection = connection
        self._broker = connection.broker
        self._lock = asyncio.Lock()
        self._futures: dict[int, asyncio.Future[Any]] = {}
        self._tags = 0
        self._ended = False
        self._known_to_be_closed = False

    @property
    def lock(self) -> Any:
        return self._lock

    @property
    def is_closed(self) -> bool:
        return self._known_to_be_closed

    def create_future(self) -> "asyncio.Future[Any]":
        future = asyncio.get_running_loop().create_future()
        self._futures[id(future)] = future
        future.add_done_callback(self._retrieved)
        return future

    def _retrieved(self, future: "asyncio.Future[Any]") -> None:
        self._futures.pop(id(future), None)
        if not future.cancelled():
            future.exception()

    async def _written(self, frames: ChannelFrame) -> None:
        self._connection.process.breathe()
        parcels = list(_read(bytes(frames.payload)))
        numbered = [(self._tags + n, *parcel) for n, parcel in enumerate(parcels, 1)]
        self._tags += len(parcels)
        self._broker.later(self._published, numbered)

    def _published(self, numbered: list[tuple[int, Basic.Publish, Stored]]) -> None:
        """Take messages as they arrive, until something goes wrong."""
        for tag, publish, stored in numbered:
            if self._ended:
                return
            fault = self._connection.chance.publish_fault()
            if fault == "connection lost before a publish":
                self._connection.end()
                return
            self._take(tag, publish, stored, fault)
            if fault == "connection lost after a publish":
                self._connection.end()

    def _take(self, tag: int, publish: Basic.Publish, stored: Stored, fault: str | None) -> None:
        if fault == "channel closed because of a publish":
            self.end(ChannelNotFoundEntity("NOT_FOUND - no exchange"))
            return
        if fault == "publish swallowed":
            return
        queue = self._broker.route(stored.exchange, stored.routing_key)
        if fault == "publish refused" or (queue and queue.full):
            self._broker.later(self._confirm, tag, Basic.Nack(tag))
            return
        if queue is not None:
            self._broker.put(queue, stored, 2 if fault == "publish delivered twice" else 1)
        elif publish.mandatory:
            self._broker.later(self._returned, tag, stored)
            return
        if fault != "confirmation lost":
            self._broker.later(self._confirm, tag, Basic.Ack(tag))

    def _returned(self, tag: int, stored: Stored) -> None:
        """As in aiormq's `_on_return_frame`, which finds the message by its id only."""
        found = self.message_id_delivery_tag.get(stored.message_id)
        confirmation = self.confirmations.pop(found, None) if found is not None else None
        if found is not None and confirmation is not None:
            self.confirmations[found] = Returning()
            frame = Basic.Return(312, "NO_ROUTE", stored.exchange, stored.routing_key)
            message: Any = SimpleNamespace(delivery=frame)
            confirmation.set_exception(PublishError(message, frame))
        self._confirm(tag, Basic.Ack(tag))

    def _confirm(self, tag: int, frame: Basic.Ack | Basic.Nack) -> None:
        if not self._known_to_be_closed:
            self._confirm_delivery(tag, frame)

    def end(self, error: Exception) -> None:
        """Closed by the broker; the worker hears of it later."""
        if not self._ended:
            self._ended = True
            self._broker.later(self._closed, error)

    def _closed(self, error: Exception) -> None:
        self._known_to_be_closed = True
        for future in list(self._futures.values()):
            if not future.done():
                future.set_exception(error)
        self.close_callbacks.call(self, error)


def _read(payload: bytes) -> Iterator[tuple[Basic.Publish, Stored]]:
    """The messages in what was written to the network."""
    publish: Basic.Publish | None = None
    header: ContentHeader | None = None
    body = b""
    while payload:
        size, _, one = amqp.unmarshal(payload)
        payload = payload[size:]
        match one:
            case Basic.Publish():
                publish, body = one, b""
            case ContentHeader():
                header = one
            case ContentBody():
                body += one.value or b""
        if publish is not None and header is not None and len(body) == header.body_size:
            yield publish, _stored(publish, header, body)
            header = None


def _stored(publish: Basic.Publish, header: ContentHeader, body: bytes) -> Stored:
    properties = header.properties
    attempt = (properties.headers or {}).get(ATTEMPT_HEADER, 0)
    return Stored(
        message_id=properties.message_id or "",
        type=properties.message_type or "",
        body=body,
        attempt=attempt if isinstance(attempt, int) else 0,
        exchange=publish.exchange,
        routing_key=publish.routing_key,
    )


def _at_once(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a callback that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise RuntimeError("a consumer's callback may only queue")


async def connect(broker: Broker, process: Process, chance: Chance) -> SimulatedConnection:
    """A connection, once the broker has answered.

    Raises:
        OSError: if it can't be reached.
    """
    process.breathe()
    await asyncio.sleep(chance.delay_s())
    process.breathe()
    if not broker.reachable:
        raise ConnectionRefusedError("the broker is out of reach")
    return SimulatedConnection(broker, process, chance)
