"""A worker: consumes its service's queue, group by group, until it is told to stop."""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Final

import structlog
from aio_pika.abc import AbstractConnection

from shared import broker, metrics
from shared.broker import TROUBLE, ChannelGone, Deliveries, NothingCame
from shared.database import Pool, connection, pool
from shared.dead_queue import drain
from shared.failpoints import passing
from shared.handling import Handling
from shared.inbox import sql
from shared.lifetime import again_and_again, beside, until_migrated
from shared.outbox import OutboxRow
from shared.relay import Relay
from shared.repeating import Unfinished
from shared.service import Service
from shared.settings import Settings

log = structlog.get_logger()

_HOUSEKEEPING_S: Final = 3_600
_MEASURE_S: Final = 5


class Worker:
    """One worker of a service. As many as an operator likes share the service's queue."""

    def __init__(self, service: Service, settings: Settings) -> None:
        self.service = service
        self._settings = settings
        self._stopping = asyncio.Event()
        self._deliveries: Deliveries | None = None
        self._relay: Relay | None = None
        self.ready = False
        """Whether it has its queue and its database: ready for work."""

    def stop(self) -> None:
        """Finish the group in hand, publish what it says, and return from `run`."""
        self._stopping.set()
        if self._deliveries:
            self._deliveries.stop()

    async def hand_over(self, rows: Sequence[OutboxRow]) -> None:
        """Have published at once what was said outside of a group, and is leased to this worker.

        Where it does not run, whichever relay comes first publishes it when the lease is over.
        """
        if self._relay:
            await self._relay.hand_over(rows)

    async def run(self) -> None:
        """Work until stopped. What breaks meanwhile is made anew."""
        url = self._settings.database_url.get_secret_value()
        if not await until_migrated(self.service, url, self._stopping):
            return
        async with (
            pool(url, self.service.name) as durable,
            pool(url, self.service.name, size=3, durable=False) as quick,
        ):
            self._relay = relay = Relay(self.service.name, quick, self._settings)
            handling = Handling(self.service, durable, quick, self._settings, self._stopping)
            async with beside(
                relay.run(),
                again_and_again(_HOUSEKEEPING_S, lambda: self._forget(handling)),
                again_and_again(_MEASURE_S, lambda: self._measure(quick)),
                drain(self.service.name, durable, self._settings),
            ):
                log.info("worker started", service=self.service.name)
                await self._consume(handling, relay)
                with suppress(TimeoutError):
                    await asyncio.wait_for(relay.drained(), self._settings.shutdown_s)
        self._relay = None
        log.info("worker stopped", service=self.service.name)

    async def _consume(self, handling: Handling, relay: Relay) -> None:
        """Keep a connection for consuming until stopped."""
        url = self._settings.amqp_url.get_secret_value()
        while not self._stopping.is_set():
            try:
                async with broker.connected(url, f"{self.service.name} consumes") as connection:
                    await self._consume_over(connection, handling, relay)
            except NothingCame:
                log.debug("consuming anew", service=self.service.name)
            except (ChannelGone, *TROUBLE) as error:
                log.warning("consuming interrupted", service=self.service.name, error=repr(error))
                await broker.pause_before_reconnecting()
            except Unfinished as trouble:
                log.warning("stopped unfinished", service=self.service.name, error=str(trouble))
            finally:
                self.ready = False

    async def _consume_over(
        self, connection: AbstractConnection, handling: Handling, relay: Relay
    ) -> None:
        ahead = self._settings.group_size * self._settings.groups_ahead
        deliveries = await Deliveries.of(connection, self.service.name, ahead)
        self._deliveries = deliveries
        if self._stopping.is_set():
            return
        self.ready = True
        size, linger_s = self._settings.group_size, self._settings.group_linger_s
        while group := await deliveries.take(size, linger_s, self._settings.consume_anew_s):
            rows = await handling.conclude(group)
            await deliveries.acknowledge(group[-1])
            passing("acknowledged", (one.type or "" for one in group))
            await self._unless_stopped(relay.hand_over(rows))

    async def _unless_stopped(self, waiting: Coroutine[None, None, None]) -> None:
        """Wait, but not longer than until told to stop."""
        tasks = {asyncio.ensure_future(waiting), asyncio.ensure_future(self._stopping.wait())}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()

    async def _forget(self, handling: Handling) -> None:
        days = await handling.days.forget_past(self._settings.inbox_days)
        if days:
            log.info("inbox forgot", service=self.service.name, days=[str(day) for day in days])

    async def _measure(self, connections: Pool) -> None:
        async with connection(connections) as db:
            row = await db.fetchrow(sql.measure)
        if row:
            metrics.OUTBOX.labels(self.service.name).set(row["outbox"])
            metrics.OUTBOX_LATE.labels(self.service.name).set(row["late_s"])
            metrics.DEAD_LETTERS.labels(self.service.name).set(row["dead_letters"])
