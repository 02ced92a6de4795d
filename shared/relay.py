"""The relay: publishes the outbox, many messages in flight, deletes what the broker confirmed."""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import structlog
from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import DeliveryError, PublishError
from aiormq import Channel

from shared import broker, metrics, outbox, publishing
from shared.broker import CHANNEL_TROUBLE, TROUBLE, ChannelGone
from shared.database import PassingTrouble, Pool, connection
from shared.failpoints import passing
from shared.lifetime import beside
from shared.outbox import OutboxRow
from shared.settings import Settings

log = structlog.get_logger()

_LANES: Final = 2
"""While one lane waits for the broker, the other publishes."""
_FORGET_AFTER_S: Final = 0.1
"""How long what is confirmed waits for more that is deleted with it."""
_LONGEST_DELAY_S: Final = 300.0
_LONGEST_DELAY_REFUSED_S: Final = 30.0
"""Of what a full queue refuses: it has room again long before anybody looks."""
_REFUSING_CHANNEL_S: Final = 5.0
"""How long a channel is kept on which messages are refused."""
_WINDOWS_IN_BACKLOG: Final = 10
_BATCH_BYTES: Final = 8 * 1024 * 1024


class Relay:
    """Publishes what its worker has just said, and whatever else is due in the outbox."""

    def __init__(self, service: str, connections: Pool, settings: Settings) -> None:
        self._service = service
        self._connections = connections
        self._settings = settings
        self._batch = max(1, settings.publish_window // _LANES)
        self._longest_backlog = _WINDOWS_IN_BACKLOG * settings.publish_window
        self._closing = False
        self._backlog: deque[OutboxRow] = deque()
        self._held: set[int] = set()  # rows in the backlog, in flight, or not yet deleted
        self._in_flight: set[str] = set()  # message ids: unique in flight on one channel
        self._careful: set[int] = set()  # rows of a batch that closed its channel
        self._confirmed: dict[int, str] = {}  # rows to be deleted, with their types
        self._channel_since = 0.0
        self._changed = asyncio.Condition()

    async def hand_over(self, rows: Sequence[OutboxRow]) -> None:
        """Take rows that the worker has just committed; then wait while the backlog is long."""
        async with self._changed:
            self._add(rows)
            self._changed.notify_all()
            await self._changed.wait_for(lambda: len(self._held) < self._longest_backlog)

    def _add(self, rows: Sequence[OutboxRow]) -> None:
        for row in rows:
            if row.row_id not in self._held:
                self._held.add(row.row_id)
                self._backlog.append(row)

    async def drained(self) -> None:
        """Claim no more, and wait until nothing is held."""
        self._closing = True
        async with self._changed:
            await self._changed.wait_for(lambda: not self._held)

    async def run(self) -> None:
        """Publish, claim what is due, and delete what was confirmed, until cancelled."""
        async with beside(self._claim(), self._forget()):
            await self._keep_publishing()

    async def _claim(self) -> None:
        """Claim what is due, again and again: retries, and what a worker that died had said."""
        while not self._closing:
            room = self._settings.publish_window - len(self._held)
            claimed: list[OutboxRow] = []
            if room > 0:
                with suppress(PassingTrouble):
                    async with connection(self._connections) as db:
                        claimed = await outbox.claim(
                            db, lease_s=self._settings.outbox_lease_s, at_most=room
                        )
                async with self._changed:
                    self._add(claimed)
                    self._changed.notify_all()
            if not claimed or len(claimed) < room:
                await asyncio.sleep(self._settings.outbox_poll_s)

    async def _forget(self) -> None:
        """Delete what the broker confirmed, a moment's confirmations at once.

        What was not deleted before its worker died, or Postgres could not delete, is published
        once more when its lease is over.
        """
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: self._confirmed)
            await asyncio.sleep(_FORGET_AFTER_S)
            confirmed, self._confirmed = self._confirmed, {}
            with suppress(PassingTrouble):
                async with connection(self._connections) as db:
                    await outbox.delete(db, confirmed)
                passing("deleted", confirmed.values())
            async with self._changed:
                self._held.difference_update(confirmed)
                self._changed.notify_all()

    async def _keep_publishing(self) -> None:
        """Keep a connection for publishing, and publish over it."""
        url = self._settings.amqp_url.get_secret_value()
        while True:
            try:
                async with broker.connected(url, f"{self._service} publishes") as connection:
                    await self._publish_over(connection)
            except TROUBLE as error:
                log.warning("publishing interrupted", service=self._service, error=repr(error))
            except ChannelGone:
                log.warning("publishing channel closed", service=self._service)
            await broker.pause_before_reconnecting()

    async def _publish_over(self, connection: AbstractConnection) -> None:
        gone = asyncio.Event()
        channel = await publishing.confirming_channel(connection, gone.set)
        self._channel_since = asyncio.get_running_loop().time()
        lanes = [asyncio.create_task(self._lane(channel)) for _ in range(_LANES)]
        closed = asyncio.create_task(gone.wait())
        try:
            done, _ = await asyncio.wait([*lanes, closed], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {closed}:
                task.result()
            raise ChannelGone
        finally:
            for task in (*lanes, closed):
                task.cancel()
            await asyncio.gather(*lanes, closed, return_exceptions=True)

    async def _lane(self, channel: Channel) -> None:
        while True:
            batch = await self._take()
            publishing = asyncio.ensure_future(self._conclude(channel, batch))
            try:
                await asyncio.shield(publishing)
            except asyncio.CancelledError:
                # What a channel that closes says of each message must be noted: one that closed it
                # would otherwise be tried again at once, and again.
                await asyncio.gather(publishing, return_exceptions=True)
                raise

    async def _conclude(self, channel: Channel, batch: Sequence[OutboxRow]) -> None:
        concluded: set[int] = set()
        try:
            await self._publish(channel, batch, concluded)
        finally:
            await self._put_back(batch, concluded)

    async def _take(self) -> list[OutboxRow]:
        """The next batch; where an earlier one closed its channel, one message that is alone in
        flight, so that no other is taken for the culprit."""
        async with self._changed:
            while not (batch := self._next_batch()):
                await self._changed.wait()
            return batch

    def _next_batch(self) -> list[OutboxRow]:
        batch: list[OutboxRow] = []
        size = 0
        if self._careful and self._in_flight:
            return batch
        for _ in range(len(self._backlog)):
            row = self._backlog.popleft()
            if row.parcel.message_id in self._in_flight:
                self._backlog.append(row)
                continue
            self._in_flight.add(row.parcel.message_id)
            batch.append(row)
            size += len(row.parcel.body)
            if self._careful or len(batch) == self._batch or size > _BATCH_BYTES:
                break
        return batch

    async def _put_back(self, batch: Sequence[OutboxRow], concluded: set[int]) -> None:
        async with self._changed:
            for row in batch:
                self._in_flight.discard(row.parcel.message_id)
                if row.row_id in concluded:
                    self._careful.discard(row.row_id)
                    if row.row_id not in self._confirmed:
                        self._held.discard(row.row_id)
                else:
                    self._backlog.appendleft(row)
            self._changed.notify_all()

    async def _publish(
        self, channel: Channel, batch: Sequence[OutboxRow], concluded: set[int]
    ) -> None:
        """Publish a batch and note in `concluded` what need not be published by us again.

        Raises:
            one of TROUBLE: if the channel or the connection broke.
        """
        outcomes = await publishing.publish_all(
            channel, [row.parcel for row in batch], self._settings.publish_timeout_s
        )
        passing("published", (row.parcel.type for row in batch))
        done: dict[int, str] = {}
        later: list[tuple[int, float]] = []
        trouble: Exception | None = None
        is_refused = False
        for row, outcome in zip(batch, outcomes, strict=True):
            match outcome:
                case None:
                    done[row.row_id] = row.parcel.type
                case PublishError() if not row.parcel.must_arrive:
                    done[row.row_id] = row.parcel.type
                case DeliveryError():
                    later.append((row.row_id, self._delay_s(row, outcome)))
                    is_refused |= not isinstance(outcome, PublishError)
                case CHANNEL_TROUBLE() if len(batch) == 1:
                    later.append((row.row_id, self._delay_s(row, outcome)))
                    trouble = outcome
                case _:
                    trouble = outcome
        if isinstance(trouble, CHANNEL_TROUBLE) and len(batch) > 1:
            self._careful.update({row.row_id for row in batch} - set(done))
        self._confirmed |= done
        if later:
            await self._postpone(later)
        metrics.PUBLISHED.labels(self._service).inc(len(done))
        concluded.update(done, (row_id for row_id, _ in later))
        if isinstance(trouble, TROUBLE):
            raise trouble
        if trouble is not None or (is_refused and self._channel_is_old):
            raise ChannelGone from trouble

    @property
    def _channel_is_old(self) -> bool:
        """Whether to give up a channel on which messages are refused.

        RabbitMQ before 4.0 refuses for as long as the channel lives where a queue's limit was
        lifted while it was full (rabbitmq-server#12206).
        """
        age_s = asyncio.get_running_loop().time() - self._channel_since
        return age_s > _REFUSING_CHANNEL_S

    def _delay_s(self, row: OutboxRow, error: BaseException) -> float:
        is_lost = isinstance(error, PublishError | CHANNEL_TROUBLE)
        longest_s = _LONGEST_DELAY_S if is_lost else _LONGEST_DELAY_REFUSED_S
        delay_s = min(2.0**row.failures, longest_s)
        log.warning(
            "message not taken by the broker",
            service=self._service,
            type=row.parcel.type,
            id=row.parcel.message_id,
            error="no queue takes it" if isinstance(error, PublishError) else repr(error)[:200],
            again_in_s=delay_s,
        )
        return delay_s

    async def _postpone(self, later: Sequence[tuple[int, float]]) -> None:
        """What Postgres can't note now is tried again when its lease is over."""
        with suppress(PassingTrouble):
            async with connection(self._connections) as db:
                await outbox.postpone(db, later)
