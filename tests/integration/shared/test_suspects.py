"""Only crashes count as crashes, however badly the noting of them goes."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final

import pytest

from shared import inbox
from shared.database import Connection
from shared.inbox import MessageKey
from shared.messages import Said
from shared.messages.upstream import TopUpReceived
from shared.repeating import Unfinished
from tests.integration.at_once import until_somebody_waits
from tests.integration.shared.rooms import QUICK, delivered, room, top_up

SUSPECT_TRIES: Final = QUICK.suspect_tries


async def test_a_try_that_is_noted_twice_for_want_of_an_answer_counts_once(
    database_url: str,
) -> None:
    keys = [MessageKey.of(top_up("a")), MessageKey.of(top_up("b"))]
    a, b = [key.name for key in keys]
    async with room(database_url) as here, here.connections.acquire() as db:
        assert await inbox.suspect(db, keys[:1], "first") == {a: 1}
        assert await inbox.suspect(db, keys[:1], "first") == {a: 1}
        assert await inbox.suspect(db, keys, "second") == {a: 2, b: 1}
        assert await inbox.suspect(db, keys, "third") == {a: 3, b: 2}


async def test_who_still_tries_a_copy_does_not_count_among_those_who_died_of_it(
    database_url: str,
) -> None:
    key = MessageKey.of(top_up("a"))
    async with AsyncExitStack() as opened:
        rooms = [await opened.enter_async_context(room(database_url)) for _ in range(5)]
        async with rooms[0].connections.acquire() as db:
            for number in range(SUSPECT_TRIES - 1):
                await inbox.suspect(db, [key], f"death {number}")
        came_back = delivered(top_up("a"), redelivered=True)
        await asyncio.gather(*(one.conclude(came_back) for one in rooms))
        assert await rooms[0].letters() == {}
        assert await rooms[0].done() == ["a"]


async def test_what_was_handled_while_its_copy_waited_to_be_tried_alone_is_no_suspect(
    database_url: str,
) -> None:
    key = MessageKey.of(top_up("a"))
    async with room(database_url) as here, room(database_url) as other:
        async with other.connections.acquire() as dying, dying.transaction():
            for number in range(SUSPECT_TRIES):
                async with other.connections.acquire() as db:
                    await inbox.suspect(db, [key], f"death {number}")
            await inbox.lock_try(dying, key)
            came_back = delivered(top_up("a"), redelivered=True)
            waiting = asyncio.create_task(here.conclude(came_back))
            await until_somebody_waits(database_url)
            await other.conclude(delivered(top_up("a")))
        await waiting
        assert await here.done() == ["a"]
        assert await here.letters() == {}
        assert await here.fetch("select count(*) from suspect") == [0]


async def test_what_was_handled_by_a_worker_that_died_afterwards_is_not_suspected_for_ever(
    database_url: str,
) -> None:
    async with room(database_url) as here:
        async with here.connections.acquire() as db:
            await inbox.suspect(db, [MessageKey.of(top_up("a"))], "its last")
        await here.conclude(delivered(top_up("a")))
        await here.conclude(delivered(top_up("a"), redelivered=True))
        assert await here.fetch("select count(*) from suspect") == [0]


async def test_a_worker_that_stops_unfinished_leaves_nobody_suspected(database_url: str) -> None:
    async def in_trouble(_: Sequence[TopUpReceived], __: Connection) -> list[Said]:
        raise ConnectionRefusedError

    async with room(database_url, in_trouble) as here:
        here.stopping.set()
        with pytest.raises(Unfinished):
            await here.conclude(delivered(top_up("a"), redelivered=True))
        assert await here.fetch("select count(*) from suspect") == [0]
