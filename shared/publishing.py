"""Publishing with confirms: many messages in flight at once, each with an outcome of its own."""

import asyncio
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, cast

from aio_pika.abc import AbstractConnection
from aiormq import Channel
from aiormq.abc import ChannelFrame, ConfirmationFrameType
from aiormq.exceptions import ChannelInvalidStateError
from pamqp.body import ContentBody
from pamqp.commands import Basic
from pamqp.frame import marshal
from pamqp.header import ContentHeader

from shared.broker import ATTEMPT_HEADER
from shared.outbox import Parcel

_SHORT_TEXT_BYTES: Final = 255


async def confirming_channel(
    connection: AbstractConnection, on_close: Callable[[], None]
) -> Channel:
    """A channel on which each publish waits for the broker's confirmation."""
    channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
    channel.close_callbacks.add(lambda *_: on_close())
    underlay = await channel.get_underlay_channel()
    assert isinstance(underlay, Channel)
    return underlay


async def publish(channel: Channel, parcel: Parcel, timeout_s: float) -> None:
    """Publish one message and wait until the broker has it.

    Raises:
        aio_pika.exceptions.PublishError: no queue takes it, though it must arrive.
        aio_pika.exceptions.DeliveryError: the broker refused it, a queue being full for example.
        another of TROUBLE: the outcome is unknown.
    """
    (outcome,) = await publish_all(channel, [parcel], timeout_s)
    if outcome is not None:
        raise outcome


async def publish_all(
    channel: Channel, parcels: Sequence[Parcel], timeout_s: float
) -> list[Exception | None]:
    """Publish messages, all in flight at once, and wait until the broker has answered for each.

    aiormq publishes one message at a time, each with a task, a future and a write of its own. Here
    all are written at once and share one future; what aiormq does with the answers stays.

    Args:
        channel: of `confirming_channel`.
        parcels: messages; their ids differ from each other and from all others in flight.
        timeout_s: after which an outcome is unknown.

    Returns:
        For each message None, or what `publish` would raise for it.
    """
    batch = _Batch(channel.create_future(), len(parcels))
    confirmations = [_Confirmation(batch) for _ in parcels]
    tags: dict[str, int] = {}
    frames = _Frames(channel)
    async with channel.lock:
        if channel.is_closed:
            raise ChannelInvalidStateError
        for parcel, confirmation in zip(parcels, confirmations, strict=True):
            channel.delivery_tag += 1
            tags[frames.add(parcel)] = channel.delivery_tag
            channel.confirmations[channel.delivery_tag] = cast(
                "asyncio.Future[ConfirmationFrameType]", confirmation
            )
        channel.message_id_delivery_tag.update(tags)
        await channel.write_queue.put(ChannelFrame(frames.payload(), should_close=False))
    unknown: Exception = TimeoutError("the broker did not answer in time")
    try:
        async with asyncio.timeout(timeout_s):
            await batch.answered
    except Exception as error:
        unknown = error
    finally:
        for confirmation in confirmations:
            confirmation.give_up(unknown)
        for message_id, tag in tags.items():
            if channel.message_id_delivery_tag.get(message_id) == tag:
                del channel.message_id_delivery_tag[message_id]
    return [confirmation.outcome for confirmation in confirmations]


class _Batch:
    """Counts the answers for messages that were published at once."""

    __slots__ = ("answered", "left")

    def __init__(self, answered: "asyncio.Future[None]", left: int) -> None:
        self.answered = answered
        self.left = left

    def count(self) -> None:
        self.left -= 1
        if self.left == 0 and not self.answered.done():
            self.answered.set_result(None)


class _Confirmation:
    """Stands where aiormq expects a future of its own, and does what it asks of one."""

    __slots__ = ("_batch", "_done", "outcome")

    def __init__(self, batch: _Batch) -> None:
        self._batch = batch
        self._done = False
        self.outcome: Exception | None = None

    def done(self) -> bool:
        return self._done

    def cancelled(self) -> bool:
        return self._done

    def set_result(self, _frame: object) -> None:
        self._done = True
        self._batch.count()

    def set_exception(self, error: Exception) -> None:
        self.outcome = error
        self.set_result(None)

    def give_up(self, error: Exception) -> None:
        """Note that an answer did not come; one that comes later means nothing."""
        if not self._done:
            self._done = True
            self.outcome = error


class _Frames:
    """The bytes of messages that are published at once."""

    def __init__(self, channel: Channel) -> None:
        self._number = channel.number
        self._body_bytes = channel.max_content_size
        self._now = datetime.now(UTC)
        self._heads: dict[tuple[str, str, bool], bytes] = {}
        self._written: list[bytes] = []

    def add(self, parcel: Parcel) -> str:
        """Returns the message id as AMQP has it."""
        message_id = _short(parcel.message_id) or uuid.uuid4().hex
        header = ContentHeader(
            body_size=len(parcel.body),
            properties=Basic.Properties(
                content_type="application/cloudevents+json",
                delivery_mode=2,
                message_id=message_id,
                message_type=_short(parcel.type),
                correlation_id=_short(parcel.correlation_id or parcel.message_id),
                timestamp=self._now,
                headers={ATTEMPT_HEADER: parcel.attempt} if parcel.attempt else None,
            ),
        )
        self._written += (self._head(parcel), marshal(header, self._number))
        for start in range(0, len(parcel.body), self._body_bytes):
            content = ContentBody(parcel.body[start : start + self._body_bytes])
            self._written.append(marshal(content, self._number))
        return message_id

    def _head(self, parcel: Parcel) -> bytes:
        """The first frame; most of a batch have the same."""
        key = (parcel.exchange, parcel.routing_key, parcel.must_arrive)
        if key not in self._heads:
            exchange, routing_key, mandatory = key
            frame = Basic.Publish(exchange=exchange, routing_key=routing_key, mandatory=mandatory)
            self._heads[key] = marshal(frame, self._number)
        return self._heads[key]

    def payload(self) -> bytes:
        return b"".join(self._written)


def _short(text: str) -> str:
    """AMQP's short strings end at 255 bytes; 64 characters may have 256. The body has it whole."""
    if text.isascii():
        return text
    return text.encode()[:_SHORT_TEXT_BYTES].decode(errors="ignore")
