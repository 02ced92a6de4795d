"""A group of messages through one transaction: whatever is among them, each is concluded."""

import asyncio
from collections.abc import Sequence
from datetime import date, timedelta

import asyncpg
import pytest

from shared import dead_letters, outbox
from shared.database import Connection, connect
from shared.messages import NotYet, Refused, Said
from shared.messages.upstream import TopUpReceived
from shared.repeating import Unfinished
from tests.builders import NOON
from tests.integration.shared.rooms import (
    QUICK,
    credited,
    delivered,
    recording,
    room,
    top_up,
)


async def failing_for_bad_ones(top_ups: Sequence[TopUpReceived], db: Connection) -> list[Said]:
    """A handler with a bug, which shows for some messages only."""
    said = await recording(top_ups, db)
    if any(one.top_up_id.startswith("bad") for one in top_ups):
        raise ZeroDivisionError("a bug")
    return said


async def test_a_group_is_handled_and_what_it_says_is_leased_to_the_caller(
    database_url: str,
) -> None:
    async with room(database_url) as here:
        rows = await here.conclude(delivered(top_up("a")), delivered(top_up("b")))
        assert await here.done() == ["a", "b"]
        assert [row.parcel.type for row in rows] == ["wallet.credited"] * 2
        assert await here.fetch("select row_id from outbox order by row_id") == [
            row.row_id for row in rows
        ]
        assert await here.fetch("select id from inbox order by id") == ["a", "b"]


async def test_a_duplicate_in_a_group_or_in_a_later_one_has_no_second_effect(
    database_url: str,
) -> None:
    async with room(database_url) as here:
        await here.conclude(delivered(top_up("a")), delivered(top_up("a")), delivered(top_up("b")))
        assert await here.conclude(delivered(top_up("b")), delivered(top_up("a"))) == []
        assert await here.conclude(delivered(top_up("b"), redelivered=True)) == []
        assert await here.done() == ["a", "b"]
        assert await here.fetch("select count(*) from outbox") == [2]


async def test_two_workers_with_the_same_messages_handle_each_once(database_url: str) -> None:
    async with room(database_url) as one, room(database_url) as other:
        ids = [f"m-{number:03}" for number in range(100)]
        forward = [delivered(top_up(one)) for one in ids]
        backward = [delivered(top_up(one)) for one in reversed(ids)]
        await asyncio.gather(one.conclude(*forward), other.conclude(*backward))
        assert await one.done() == ids
        assert await one.fetch("select count(*) from outbox") == [100]


async def test_bad_messages_among_good_ones_are_put_off_alone(database_url: str) -> None:
    async with room(database_url, failing_for_bad_ones) as here:
        ids = ["a", "bad-1", "b", "c", "bad-2", "d", "e"]
        await here.conclude(*(delivered(top_up(one)) for one in ids))
        assert await here.done() == ["a", "b", "c", "d", "e"]
        assert await here.put_off() == [("bad-1", 1), ("bad-2", 1)]
        assert await here.fetch("select id from inbox order by id") == ["a", "b", "c", "d", "e"]
        assert await here.letters() == {}


async def test_unreadable_messages_are_put_away_and_their_neighbours_go_through(
    database_url: str,
) -> None:
    unhandled = delivered(credited(top_up("x")))
    async with room(database_url) as here:
        await here.conclude(
            delivered(b"nonsense"),
            delivered(top_up("a")),
            delivered(b'{"type": "no.such"}'),
            unhandled,
            delivered(top_up("b")),
        )
        assert await here.done() == ["a", "b"]
        reasons = await here.fetch("select reason from dead_letter order by number")
        assert reasons == ["not_json", "unknown_type", "unknown_type"]
        bodies = await here.fetch("select body from dead_letter order by number")
        assert bodies == [b"nonsense", b'{"type": "no.such"}', unhandled.body]


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"n": "a\x00b", "a\x00b": 1}, id="a NUL"),
        pytest.param({"n": "\\u0000"}, id="what only looks like a NUL"),
        pytest.param({"n": float("nan"), "m": [float("inf")]}, id="no number"),
        pytest.param({"n": b"\xff\x00", "m": bytearray(b"x")}, id="bytes"),
        pytest.param({"n": {"deep": [1, None, True, NOON, "\ud800"]}}, id="everything"),
    ],
)
async def test_no_header_keeps_a_bad_message_from_being_put_away(
    database_url: str, headers: dict[str, object]
) -> None:
    async with room(database_url) as here:
        await here.conclude(
            delivered(b"\x00\xff", type="a\x00b\ud800", headers=headers), delivered(top_up("a"))
        )
        assert await here.letters() == {None: "not_json"}
        assert await here.done() == ["a"]


async def test_not_yet_climbs_the_ladder_and_ends_as_a_dead_letter(database_url: str) -> None:
    async def not_yet(top_ups: Sequence[TopUpReceived], _: Connection) -> list[Said]:
        return [NotYet(one, "unknown_wallet") for one in top_ups]

    async with room(database_url, not_yet) as here:
        for attempt in range(3):
            await here.conclude(delivered(top_up("a"), attempt=attempt))
            assert await here.put_off() == [("a", attempt + 1)]
            delay = await here.fetch("select extract(epoch from due_at - now()) from outbox")
            assert 0 < delay[0] <= QUICK.retry_delays_s[attempt]
            await here.fetch("delete from outbox")
        await here.conclude(delivered(top_up("a"), attempt=3))
        assert await here.put_off() == []
        assert await here.letters() == {"a": "out_of_attempts"}
        assert await here.fetch("select detail from dead_letter") == ["unknown_wallet"]
        assert await here.fetch("select count(*) from inbox") == [0]


async def test_a_failing_handler_ends_as_a_dead_letter_that_says_why(database_url: str) -> None:
    async with room(database_url, failing_for_bad_ones) as here:
        await here.conclude(delivered(top_up("bad"), attempt=3), delivered(top_up("a")))
        assert await here.letters() == {"bad": "out_of_attempts"}
        assert await here.fetch("select detail from dead_letter") == ["ZeroDivisionError: a bug"]
        assert await here.done() == ["a"]


async def test_what_is_refused_is_put_away_at_once_and_may_be_handled_later(
    database_url: str,
) -> None:
    async def refusing(top_ups: Sequence[TopUpReceived], _: Connection) -> list[Said]:
        return [Refused(one, "id_reused", "another content") for one in top_ups]

    async with room(database_url, refusing) as here:
        await here.conclude(delivered(top_up("a")))
        await here.conclude(delivered(top_up("a")))
        assert await here.letters() == {"a": "id_reused"}
        assert await here.fetch("select count(*) from dead_letter") == [1]
    async with room(database_url) as here:
        await here.conclude(delivered(top_up("a")))
        assert await here.done() == ["a"]


@pytest.mark.parametrize(
    "trouble",
    [
        asyncpg.DeadlockDetectedError("x"),
        asyncpg.SerializationError("x"),
        asyncpg.AdminShutdownError("x"),
        ConnectionResetError(),
    ],
)
async def test_passing_trouble_repeats_the_group_and_uses_up_no_attempt(
    database_url: str, trouble: Exception
) -> None:
    troubles = [trouble, trouble]

    async def troubled(top_ups: Sequence[TopUpReceived], db: Connection) -> list[Said]:
        said = await recording(top_ups, db)
        if troubles:
            raise troubles.pop()
        return said

    async with room(database_url, troubled) as here:
        await here.conclude(delivered(top_up("a")), delivered(top_up("b")))
        assert await here.done() == ["a", "b"]
        assert await here.put_off() == []


async def test_a_connection_that_the_server_ends_in_a_transaction_repeats_the_group(
    database_url: str,
) -> None:
    ended: list[int] = []

    async def ending(top_ups: Sequence[TopUpReceived], db: Connection) -> list[Said]:
        said = await recording(top_ups, db)
        if not ended:
            ended.append(await db.fetchval("select pg_backend_pid()"))
            killer = await connect(database_url)
            await killer.execute("select pg_terminate_backend($1, 5000)", ended[0])
            await killer.close()
            await db.execute("select 1")
        return said

    async with room(database_url, ending) as here:
        await here.conclude(delivered(top_up("a")), delivered(top_up("b"), redelivered=True))
        assert ended
        assert await here.done() == ["a", "b"]
        assert await here.put_off() == []


async def test_a_worker_told_to_stop_gives_up_what_can_not_be_concluded(
    database_url: str,
) -> None:
    async def unreachable(_: Sequence[TopUpReceived], __: Connection) -> list[Said]:
        raise ConnectionRefusedError

    async with room(database_url, unreachable) as here:
        here.stopping.set()
        with pytest.raises(Unfinished):
            await here.conclude(delivered(top_up("a")))
        assert await here.fetch("select count(*) from inbox") == [0]


async def test_a_message_that_ends_its_workers_is_put_away_and_its_neighbours_go_through(
    database_url: str,
) -> None:
    class Killed(BaseException):
        """What no worker survives."""

    async def killing(top_ups: Sequence[TopUpReceived], db: Connection) -> list[Said]:
        if any(one.top_up_id == "killer" for one in top_ups):
            raise Killed
        return await recording(top_ups, db)

    ids = ["a", "killer", "z"]
    crashes = 0
    for _ in range(10):
        async with room(database_url, killing) as here:
            try:
                await here.conclude(*(delivered(top_up(one), redelivered=True) for one in ids))
                break
            except Killed:
                crashes += 1
    assert crashes == QUICK.suspect_tries
    async with room(database_url) as here:
        assert await here.letters() == {"killer": "suspected_crash"}
        assert await here.done() == ["a", "z"]
        assert await here.fetch("select id from suspect") == ["killer"]


async def test_what_came_back_after_a_restart_is_handled_together(database_url: str) -> None:
    sizes: list[int] = []

    async def counting(top_ups: Sequence[TopUpReceived], db: Connection) -> list[Said]:
        sizes.append(len(top_ups))
        return await recording(top_ups, db)

    async with room(database_url, counting) as here:
        await here.conclude(*(delivered(top_up(f"m-{n}"), redelivered=True) for n in range(50)))
        assert sizes == [50]
        assert await here.fetch("select count(*) from suspect") == [0]


async def test_messages_of_many_days_are_remembered_each_in_its_day(database_url: str) -> None:
    async with room(database_url) as here:
        days = [NOON - timedelta(days=400 * n) for n in range(4)]
        await here.conclude(*(delivered(top_up(f"m-{n}", at=at)) for n, at in enumerate(days)))
        assert await here.conclude(delivered(top_up("m-3", at=days[3]))) == []
        tables = await here.fetch(
            "select tablename::text from pg_tables where tablename ~ 'inbox_2'"
        )
        assert len(tables) == 4


async def test_a_forgotten_day_refuses_its_messages_until_an_operator_replays_them(
    database_url: str,
) -> None:
    old = NOON - timedelta(days=500)
    async with room(database_url) as here:
        await here.conclude(delivered(top_up("a", at=old)), delivered(top_up("b")))
        await here.fetch("update inbox_day set opened_at = now() - interval '200 days'")
        assert await here.days.forget_past(90) == [old.date()]
        await here.conclude(delivered(top_up("c", at=old)), delivered(top_up("d")))
        assert await here.letters() == {"c": "too_old"}
        assert await here.done() == ["a", "b", "d"]
        async with here.connections.acquire() as db, db.transaction():
            numbers = await db.fetch("select number from dead_letter")
            await dead_letters.replay(db, "wallet", [row["number"] for row in numbers])
            (row,) = [
                row
                for row in await outbox.claim(db, lease_s=0, at_most=100)
                if row.parcel.routing_key == "wallet"
            ]
        await here.conclude(delivered(row.parcel.body))
        assert await here.done() == ["a", "b", "c", "d"]


async def test_a_day_that_another_worker_dropped_is_noticed(database_url: str) -> None:
    old = NOON - timedelta(days=500)
    async with room(database_url) as one, room(database_url) as other:
        await one.conclude(delivered(top_up("a", at=old)))
        await one.fetch("update inbox_day set opened_at = now() - interval '200 days'")
        await other.days.forget_past(90)
        await one.conclude(delivered(top_up("b", at=old)))
        assert await one.letters() == {"b": "too_old"}


async def test_absurd_days_take_no_room_from_those_around_today(database_url: str) -> None:
    settings = QUICK.model_copy(update={"inbox_days_at_most": 2})
    async with room(database_url, settings=settings) as here:
        today = (await here.fetch("select current_date"))[0]
        assert isinstance(today, date)
        now = NOON + (today - NOON.date())
        absurd = [now + timedelta(days=1_000 * n) for n in range(1, 4)]
        await here.conclude(*(delivered(top_up(f"m-{n}", at=at)) for n, at in enumerate(absurd)))
        assert await here.letters() == {"m-2": "too_many_days"}
        await here.conclude(delivered(top_up("today", at=now)))
        assert await here.done() == ["m-0", "m-1", "today"]
