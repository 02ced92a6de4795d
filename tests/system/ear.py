"""What is said on a test's exchange, from the first message on."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from itertools import count
from typing import Final, TypeVar

from aio_pika.abc import AbstractConnection
from aiormq import Channel

from shared import broker, publishing
from shared.broker import TROUBLE, ChannelGone, Deliveries, Delivery, NothingCame
from shared.inbox import MessageKey
from shared.messages import Message
from shared.outbox import EXCHANGE, Parcel
from shared.publishing import confirming_channel
from shared.wire import BadMessage, parse

M = TypeVar("M", bound=Message)

QUEUE: Final = "ear"
_AHEAD: Final = 1_000
_CONSUME_ANEW_S: Final = 10
"""As workers do: the broker may believe to have delivered what never arrived."""
_PUBLISH_S: Final = 15
_STRAIGHT: Final = ""
"""The default exchange leads straight to the queue that the routing key names."""
_MARKER: Final = "ear.marker"


class Ear:
    """Hears every message, in a queue of its own that outlives a stop of the broker.

    Because this queue takes everything, nothing that is said in such a test is unroutable.
    """

    def __init__(self, amqp_url: str) -> None:
        self.heard: list[Message] = []
        """Each message once, as it came first."""
        self.times_heard: Counter[tuple[str, str]] = Counter()
        """How often a source and id were said: at least once."""
        self.unreadable: list[bytes] = []
        self._amqp_url = amqp_url
        self._something_new = asyncio.Condition()
        self._markers = count(1)
        self._last_marker = 0
        self._marks = _Marks(amqp_url)

    async def wait_for(
        self, message_type: type[M], that: Callable[[M], bool], within_s: float
    ) -> M:
        """The first message of this type for which `that` holds, said before or yet to come.

        Raises:
            TimeoutError: if it does not come in time.
        """
        async with asyncio.timeout(within_s), self._something_new:
            looked_at = 0
            while True:
                for message in self.heard[looked_at:]:
                    if isinstance(message, message_type) and that(message):
                        return message
                looked_at = len(self.heard)
                await self._something_new.wait()

    async def catch_up(self) -> None:
        """Wait until everything is heard that the broker had confirmed before now."""
        marker = next(self._markers)
        parcel = Parcel(
            exchange=_STRAIGHT,
            routing_key=QUEUE,
            message_id=f"marker-{marker}",
            type=_MARKER,
            correlation_id=None,
            attempt=0,
            must_arrive=True,
            body=str(marker).encode(),
        )
        await self._marks.publish(parcel)
        async with self._something_new:
            await self._something_new.wait_for(lambda: self._last_marker >= marker)

    async def close(self) -> None:
        """Wait for nothing any more."""
        await self._marks.close()

    async def listen(self) -> None:
        """Hear, over one connection after the other, until cancelled."""
        while True:
            try:
                async with broker.connected(self._amqp_url, "ear") as connection:
                    await self._listen_over(connection)
            except NothingCame:
                pass
            except (ChannelGone, *TROUBLE):
                await broker.pause_before_reconnecting()

    async def _listen_over(self, connection: AbstractConnection) -> None:
        deliveries = await Deliveries.of(connection, QUEUE, _AHEAD)
        while group := await deliveries.take(_AHEAD, patience_s=_CONSUME_ANEW_S):
            async with self._something_new:
                for delivery in group:
                    self._note(delivery)
                self._something_new.notify_all()
            await deliveries.acknowledge(group[-1])

    def _note(self, delivery: Delivery) -> None:
        if delivery.type == _MARKER:
            self._last_marker = int(delivery.body)
            return
        try:
            message = parse(delivery.body, delivery.type)
        except BadMessage:
            self.unreadable.append(delivery.body)
            return
        name = MessageKey.of(message).name
        if name in self.times_heard and delivery.redelivered:
            return  # the same copy once more, because we were cut off before we acknowledged it
        self.times_heard[name] += 1
        if self.times_heard[name] == 1:
            self.heard.append(message)


class _Marks:
    """Publishes what an ear waits for, over one connection as long as that works: tests ask often
    whether anything is left to do."""

    def __init__(self, amqp_url: str) -> None:
        self._amqp_url = amqp_url
        self._closing = AsyncExitStack()
        self._channel: Channel | None = None
        self._one_by_one = asyncio.Lock()

    async def publish(self, parcel: Parcel) -> None:
        """Publish; once more where the connection of the last time turns out to be broken.

        Raises:
            ChannelGone, one of TROUBLE: if the broker can't be reached.
        """
        async with self._one_by_one:
            if self._channel is not None and not self._channel.is_closed:
                with suppress(ChannelGone, *TROUBLE):
                    await publishing.publish(self._channel, parcel, _PUBLISH_S)
                    return
            await self.close()
            connected = broker.connected(self._amqp_url, "ear marks")
            connection = await self._closing.enter_async_context(connected)
            self._channel = await confirming_channel(connection, lambda: None)
            await publishing.publish(self._channel, parcel, _PUBLISH_S)

    async def close(self) -> None:
        """Close the connection, where there is one."""
        self._channel = None
        await self._closing.aclose()


@asynccontextmanager
async def listening(amqp_url: str) -> AsyncIterator[Ear]:
    """An ear at the exchange, which exists already, while the body runs."""
    async with broker.connected(amqp_url, "ear opens") as connection:
        channel = await connection.channel()
        underlay = await channel.get_underlay_channel()
        await underlay.queue_declare(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
        await underlay.queue_bind(QUEUE, EXCHANGE, "#")
    ear = Ear(amqp_url)
    task = asyncio.create_task(ear.listen())
    try:
        yield ear
    finally:
        task.cancel()
        await asyncio.gather(task, ear.close(), return_exceptions=True)
