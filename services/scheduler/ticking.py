"""Saying the ticks that are due, and waiting for the next."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import structlog

from services.scheduler import store
from services.scheduler.domain import (
    Calendar,
    DayTick,
    MinuteTick,
    MonthTick,
    Tick,
    beginning,
    due_ticks,
)
from shared import outbox
from shared.database import Connection, PassingTrouble, Pool, pool, transaction
from shared.envelope import Envelope
from shared.lifetime import beside, until_migrated
from shared.messages import Message
from shared.messages.scheduler import TickDay, TickMinute, TickMonth
from shared.outbox import OutboxRow, Parcel
from shared.periods import to_minute
from shared.relay import Relay
from shared.service import Service
from shared.settings import Settings

log = structlog.get_logger()

_AT_ONCE: Final = 500
"""Ticks that one transaction says."""


class Scheduler:
    """Says the ticks. Several may run side by side: what one has said the others don't say again,
    and a tick has the same id whoever says it."""

    def __init__(self, service: Service, settings: Settings) -> None:
        self._service = service
        self._settings = settings
        self._stopping = asyncio.Event()
        self.ready = False
        """Whether it has said what is due."""

    def stop(self) -> None:
        """Publish what is said, and return from `run`."""
        self._stopping.set()

    async def run(self) -> None:
        """Say ticks until stopped. What breaks meanwhile is made anew."""
        url = self._settings.database_url.get_secret_value()
        name = self._service.name
        if not await until_migrated(self._service, url, self._stopping):
            return
        async with pool(url, name, size=4) as connections:
            relay = Relay(name, connections, self._settings)
            async with beside(relay.run()):
                log.info("worker started", service=name)
                while not self._stopping.is_set():
                    await self._wait(await self._say_due(connections, relay))
                with suppress(TimeoutError):
                    await asyncio.wait_for(relay.drained(), self._settings.shutdown_s)
        log.info("worker stopped", service=name)

    async def _say_due(self, connections: Pool, relay: Relay) -> float:
        """Say what is due; returns after how many seconds to look again."""
        now = datetime.now(UTC)
        try:
            rows = await _in_transaction(connections, now, self._settings)
        except PassingTrouble as trouble:
            log.warning("ticks put off", error=repr(trouble))
            self.ready = False
            return self._settings.transient_pause_s
        await relay.hand_over(rows)
        self.ready = True
        if len(rows) == _AT_ONCE:
            return 0
        next_minute = to_minute(now) + timedelta(minutes=1)
        return (next_minute - datetime.now(UTC)).total_seconds()

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), max(seconds, 0))


async def _in_transaction(connections: Pool, now: datetime, settings: Settings) -> list[OutboxRow]:
    async with transaction(connections) as db:
        return await say_due_ticks(db, now, settings)


async def say_due_ticks(db: Connection, now: datetime, settings: Settings) -> list[OutboxRow]:
    """Say the ticks that are due at `now`, in the caller's transaction.

    Returns:
        What was said, leased to the caller's relay.
    """
    calendar = Calendar(ZoneInfo(settings.billing_time_zone), settings.day_tick_at)
    last = await store.lock_last_ticks(db, beginning(now, calendar))
    ticks = due_ticks(last, now, calendar, _AT_ONCE)
    if not ticks:
        return []
    await store.save_last_ticks(db, last.after(ticks))
    return await outbox.append(
        db,
        [Parcel.of(message_of(tick)) for tick in ticks],
        lease_s=settings.outbox_lease_s,
    )


def message_of(tick: Tick) -> Message:
    """A tick as a message; its id says which tick it is, so that its twin is a duplicate."""
    match tick:
        case MinuteTick(at):
            return _stamped(TickMinute(), at, f"{at:%Y-%m-%dT%H:%MZ}")
        case DayTick(at, day):
            return _stamped(TickDay(), at, day.isoformat())
        case MonthTick(at, month):
            return _stamped(TickMonth(period=str(month)), at, str(month))


def _stamped(message: Message, at: datetime, name: str) -> Message:
    id_ = f"{message.type}:{name}"
    return message.within(Envelope(id=id_, source=message.source, type=message.type, time=at))
