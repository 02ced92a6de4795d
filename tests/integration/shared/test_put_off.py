"""What is put off: copies of one message become one again, and nothing else does."""

import asyncio
from collections.abc import Sequence

import pytest

from shared import dead_letters, outbox
from shared.database import Connection, transaction
from shared.messages import NotYet, Refused, Said
from shared.messages.upstream import TopUpReceived
from tests.integration.shared.post import parcel
from tests.integration.shared.rooms import delivered, room, top_up


async def not_yet(top_ups: Sequence[TopUpReceived], _: Connection) -> list[Said]:
    return [NotYet(one, "its account is not known") for one in top_ups]


async def test_two_workers_that_put_off_copies_of_a_message_put_off_one(database_url: str) -> None:
    ids = [f"m-{n:02}" for n in range(40)]
    async with room(database_url, not_yet) as one, room(database_url, not_yet) as other:
        await asyncio.gather(
            one.conclude(*(delivered(top_up(each)) for each in ids)),
            other.conclude(*(delivered(top_up(each)) for each in reversed(ids))),
        )
        assert await one.put_off() == [(each, 1) for each in ids]
        assert set(await one.fetch("select reason from outbox")) == {"its account is not known"}
        await one.conclude(delivered(top_up("m-00"), attempt=1))
        assert ("m-00", 2) in await one.put_off()


@pytest.mark.parametrize("redelivered", [False, True])
async def test_a_copy_never_stands_in_for_one_that_was_put_off_more_often(
    database_url: str, redelivered: bool
) -> None:
    """Put off, it would become one with the other's row, which its relay is about to delete."""
    async with room(database_url, not_yet) as here:
        await here.conclude(delivered(top_up("m")))
        assert await here.put_off() == [("m", 1)]
        late_copy = delivered(top_up("m"))
        put_off_before = delivered(top_up("m"), attempt=1, redelivered=redelivered)
        await here.conclude(late_copy, put_off_before)
        assert await here.put_off() == [("m", 1), ("m", 2)]


async def test_what_is_put_off_after_a_replay_is_not_deleted_with_what_was_published_before(
    database_url: str,
) -> None:
    async def refused_the_second_time(
        top_ups: Sequence[TopUpReceived], _: Connection
    ) -> list[Said]:
        return [
            Refused(one, "refused", "") if one.envelope.attempt else NotYet(one, "not yet")
            for one in top_ups
        ]

    async with room(database_url, refused_the_second_time) as here:
        await here.conclude(delivered(top_up("m")))
        published = await here.fetch("select row_id from outbox")
        await here.conclude(delivered(top_up("m"), attempt=1))
        async with transaction(here.connections) as db:
            (letter,) = await dead_letters.list_dead_letters(db)
            await dead_letters.replay(db, "wallet", [letter["number"]])
        await here.conclude(delivered(top_up("m")))
        async with transaction(here.connections) as db:
            await outbox.delete(db, published)
        assert ("m", 1) in await here.put_off()


async def test_other_messages_of_the_same_id_and_what_is_said_twice_stay_apart(
    database_url: str,
) -> None:
    async with room(database_url) as here:
        async with transaction(here.connections) as db:
            await outbox.append(
                db,
                [
                    parcel(1, attempt=1, delay_s=60, body=b"1"),
                    parcel(1, attempt=1, delay_s=60, body=b"1"),
                    parcel(1, attempt=1, delay_s=60, body=b"2"),
                    parcel(2, body=b"3"),
                    parcel(2, body=b"3"),
                ],
            )
        bodies = await here.fetch("select body from outbox order by body")
        assert bodies == [b"1", b"2", b"3", b"3"]
