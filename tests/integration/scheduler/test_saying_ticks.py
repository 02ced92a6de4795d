"""Ticks through Postgres and RabbitMQ: each said, and nothing said twice."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from services.scheduler.app import Worker as Scheduler
from services.scheduler.ticking import say_due_ticks
from shared import broker, topology
from shared.database import Connection, connect, pool
from shared.messages.scheduler import TickMinute
from shared.migrations import migrate, migrations_of
from shared.periods import to_minute
from shared.settings import Settings
from shared.wire import parse
from tests.conftest import OpenDatabase
from tests.system.ear import Ear, listening

START = datetime(2026, 11, 29, 3, 0, 20, tzinfo=UTC)
WITHIN_S = 60


async def _said(db: Connection) -> list[str]:
    """The ids of what lies in the outbox, in the order in which it was said."""
    rows = await db.fetch("select body from outbox order by row_id")
    return [json.loads(row["body"])["id"] for row in rows]


async def test_what_was_missed_is_said_once_in_its_order(open_database: OpenDatabase) -> None:
    days_later = START + timedelta(days=3)
    for now in (START, days_later, days_later):
        async with open_database("scheduler") as db:
            await say_due_ticks(db, now, Settings())
    async with open_database("scheduler") as db:
        assert await _said(db) == [
            "tick.minute:2026-11-29T03:00Z",
            "tick.minute:2026-12-02T03:00Z",
            "tick.day:2026-11-30",
            "tick.month:2026-11",
            "tick.day:2026-12-01",
            "tick.day:2026-12-02",
        ]


async def test_ticks_are_messages_that_every_service_can_read(open_database: OpenDatabase) -> None:
    async with open_database("scheduler") as db:
        await say_due_ticks(db, START, Settings())
        await say_due_ticks(db, START + timedelta(days=3), Settings())
        bodies = [row["body"] for row in await db.fetch("select body from outbox order by row_id")]
    messages = [parse(body) for body in bodies]
    assert [message.type for message in messages][:4] == [
        "tick.minute",
        "tick.minute",
        "tick.day",
        "tick.month",
    ]
    assert messages[3].time == datetime(2026, 11, 30, 17, 5, tzinfo=UTC)


async def test_what_was_rolled_back_is_said_by_the_next(open_database: OpenDatabase) -> None:
    with pytest.raises(KeyboardInterrupt):
        await _interrupted(open_database)
    async with open_database("scheduler") as db:
        assert len(await say_due_ticks(db, START, Settings())) == 1


async def _interrupted(open_database: OpenDatabase) -> None:
    async with open_database("scheduler") as db:
        await say_due_ticks(db, START, Settings())
        raise KeyboardInterrupt


async def test_of_schedulers_at_the_same_instant_one_says_each_tick(
    database_url: str, open_database: OpenDatabase
) -> None:
    async def once(now: datetime) -> int:
        async with pool(database_url, "scheduler", size=1) as connections:
            async with connections.acquire() as db, db.transaction():
                return len(await say_due_ticks(db, now, Settings()))

    assert sorted(await asyncio.gather(*(once(START) for _ in range(5)))) == [0, 0, 0, 0, 1]
    later = START + timedelta(days=3)
    assert sorted(await asyncio.gather(*(once(later) for _ in range(5)))) == [0, 0, 0, 0, 5]
    async with open_database("scheduler") as db:
        assert len(set(await _said(db))) == len(await _said(db)) == 6


async def test_the_table_refuses_to_go_back(open_database: OpenDatabase) -> None:
    async with open_database("scheduler") as db:
        await say_due_ticks(db, START, Settings())
        savepoint = db.transaction()
        await savepoint.start()
        with pytest.raises(asyncpg.RestrictViolationError):
            await db.execute("update last_ticks set day = day - 1")
        await savepoint.rollback()


async def test_schedulers_side_by_side_and_again_publish_the_minute_under_one_id(
    amqp_url: str, database_url: str
) -> None:
    settings = Settings(amqp_url=SecretStr(amqp_url), database_url=SecretStr(database_url))
    await _make_exchange(amqp_url)
    began_at = to_minute(datetime.now(UTC))
    async with listening(amqp_url) as ear:
        for count in (2, 1):
            await _run_together([Scheduler(settings) for _ in range(count)], ear, began_at)
        await ear.catch_up()
    minutes = [tick for tick in ear.heard if isinstance(tick, TickMinute)]
    assert len({tick.time for tick in minutes}) == len(minutes) <= 2  # a minute may have turned
    assert {tick.envelope.id for tick in minutes} == {
        f"tick.minute:{tick.time:%Y-%m-%dT%H:%MZ}" for tick in minutes
    }
    assert len(ear.heard) == len(minutes) + _midnight(minutes)


async def _make_exchange(amqp_url: str) -> None:
    async with broker.connected(amqp_url, "test") as connection:
        await topology.apply(connection, [])


async def _run_together(schedulers: list[Scheduler], ear: Ear, began_at: datetime) -> None:
    async with asyncio.TaskGroup() as group:
        for scheduler in schedulers:
            group.create_task(scheduler.run())
        await ear.wait_for(TickMinute, lambda tick: tick.time >= began_at, WITHIN_S)
        await _until(lambda: all(scheduler.ready for scheduler in schedulers))
        for scheduler in schedulers:
            scheduler.stop()


def _midnight(minutes: list[TickMinute]) -> int:
    """How many ticks of days and months there may be besides: none, but in one minute of a day."""
    return 0 if all((tick.time.hour, tick.time.minute) != (17, 5) for tick in minutes) else 1


async def _until(that: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while True:
            if that():
                return
            await asyncio.sleep(0.01)


async def test_a_scheduler_waits_until_its_tables_are_there(
    amqp_url: str, database_url: str
) -> None:
    settings = Settings(amqp_url=SecretStr(amqp_url), database_url=SecretStr(database_url))
    scheduler = Scheduler(settings)
    await _make_exchange(amqp_url)
    db = await connect(database_url)
    try:
        await db.execute("drop schema scheduler cascade")
        with capture_logs() as logs:
            running = asyncio.create_task(scheduler.run())
            await _until(lambda: any("waiting for" in entry["event"] for entry in logs))
        assert not scheduler.ready
        await migrate(db, "scheduler", migrations_of("services.scheduler"))
        await _until(lambda: scheduler.ready)
    finally:
        await db.close()
    scheduler.stop()
    await asyncio.wait_for(running, WITHIN_S)
