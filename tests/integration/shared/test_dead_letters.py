"""Dead letters: listed, shown, replayed or discarded; and what the broker gave up on joins them."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from pamqp.commands import Basic

from shared import broker, dead_letters, topology
from shared.database import Pool, pool
from shared.dead_letters import DeadLetter
from shared.dead_queue import drain
from shared.outbox import OWN_QUEUE
from shared.topology import dead_queue_of
from tests.integration.shared.post import eventually, post_office, relaying, settings_for
from tests.integration.shared.rooms import service, top_up


@pytest.fixture
async def connections(database_url: str) -> AsyncIterator[Pool]:
    async with pool(database_url, "wallet", size=4) as opened:
        yield opened


def letter(id: str | None, reason: str = "id_reused") -> DeadLetter:
    message = top_up(id or "unnamed")
    return DeadLetter(
        reason,
        "detail",
        message.encode(),
        source=message.source if id else None,
        message_id=id,
        type=message.type,
        properties={"headers": {"x-attempt": 3}},
    )


async def put_away(connections: Pool, *letters: DeadLetter) -> list[int]:
    """Put letters away; returns the numbers of all that wait."""
    async with connections.acquire() as db, db.transaction():
        await dead_letters.append_dead_letters(db, "wallet", letters)
        return [row["number"] for row in await dead_letters.list_dead_letters(db)]


async def test_a_letter_is_shown_with_its_body_and_what_it_came_with(connections: Pool) -> None:
    (number,) = await put_away(connections, letter("a"))
    async with connections.acquire() as db:
        row = await dead_letters.find_dead_letter(db, number)
        assert await dead_letters.find_dead_letter(db, number + 1) is None
    assert row is not None
    assert json.loads(row["body"])["id"] == "a"
    assert json.loads(row["properties"]) == {"headers": {"x-attempt": 3}}


async def test_what_no_text_of_postgres_can_hold_does_not_end_the_drain(
    amqp_url: str, connections: Pool
) -> None:
    async with broker.connected(amqp_url, "test") as connection:
        await topology.apply(connection, [service()])
    async with post_office(amqp_url) as office:
        dead = dead_queue_of("wallet")
        odd = Basic.Properties(message_type="a\x00b", message_id="c\x00d", delivery_mode=2)
        await office.channel.basic_publish(b"first", routing_key=dead, properties=odd)
        absurd = Basic.Properties(headers={"x-attempt": 2**40}, delivery_mode=2)
        await office.channel.basic_publish(b"second", routing_key=dead, properties=absurd)
        settings = settings_for(amqp_url, retry_delays_s=(60.0,))
        draining = asyncio.create_task(drain("wallet", connections, settings))

        async def drained() -> bool:
            assert not draining.done()
            async with connections.acquire() as db:
                return bool(await db.fetchval("select count(*) = 2 from outbox"))

        await eventually(drained)
        draining.cancel()
        await asyncio.gather(draining, return_exceptions=True)


async def test_letters_are_listed_a_page_at_a_time_and_by_reason(connections: Pool) -> None:
    numbers = await put_away(
        connections, letter("a"), letter("b", "too_old"), letter("c"), letter(None), letter(None)
    )
    assert len(numbers) == 5
    async with connections.acquire() as db:
        page = await dead_letters.list_dead_letters(db, after=numbers[1], limit=2)
        old = await dead_letters.list_dead_letters(db, reason="too_old")
        none = await dead_letters.list_dead_letters(db, type="tick.minute")
    assert [row["number"] for row in page] == numbers[2:4]
    assert [row["message_id"] for row in old] == ["b"]
    assert none == []


async def test_a_message_lies_among_the_dead_letters_once(connections: Pool) -> None:
    assert len(await put_away(connections, letter("a"), letter("a", "too_old"))) == 1
    assert len(await put_away(connections, letter("a"))) == 1


async def test_a_replayed_letter_goes_back_on_its_queue_as_if_it_came_first(
    amqp_url: str, connections: Pool
) -> None:
    numbers = await put_away(connections, letter("a"), letter(None))
    async with post_office(amqp_url) as office, relaying(connections, settings_for(amqp_url)):
        await office.declare("wallet")
        async with connections.acquire() as db, db.transaction():
            assert await dead_letters.replay(db, "wallet", [*numbers, 999]) == numbers
        await office.has("wallet", 2)
        taken = [await office.take("wallet") for _ in range(2)]
    assert {json.loads(one[0])["id"] for one in taken if one} == {"a", "unnamed"}
    assert all(one[1]["headers"] == {} for one in taken if one)


async def test_a_letter_of_a_type_too_long_for_the_broker_can_be_replayed(
    amqp_url: str, connections: Pool
) -> None:
    """What was 200 bytes of another encoding is 600 once it is read as text."""
    numbers = await put_away(connections, replace(letter(None), type="\ufffd" * 200))
    async with post_office(amqp_url) as office, relaying(connections, settings_for(amqp_url)):
        await office.declare("wallet")
        async with connections.acquire() as db, db.transaction():
            await dead_letters.replay(db, "wallet", numbers)
        await office.has("wallet", 1)


async def test_a_letter_is_concluded_once(connections: Pool) -> None:
    numbers = await put_away(connections, letter("a"), letter("b"))
    async with connections.acquire() as db, db.transaction():
        assert await dead_letters.discard(db, "wallet", numbers[:1]) == numbers[:1]
        assert await dead_letters.replay(db, "wallet", numbers) == numbers[1:]
        assert await dead_letters.discard(db, "wallet", numbers) == []
        assert await db.fetchval("select count(*) from outbox where exchange = $1", OWN_QUEUE) == 1
        assert await dead_letters.list_dead_letters(db) == []
    assert len(await put_away(connections, letter("a"))) == 1


async def test_what_the_broker_gave_up_on_climbs_the_ladder_and_then_is_put_away(
    amqp_url: str, connections: Pool
) -> None:
    settings = settings_for(amqp_url, retry_delays_s=(60.0,))
    async with broker.connected(amqp_url, "test") as connection:
        await topology.apply(connection, [service()])
    async with post_office(amqp_url) as office:
        dead = dead_queue_of("wallet")
        channel = office.channel
        properties = Basic.Properties(message_type="top_up.received", delivery_mode=2)
        await channel.basic_publish(b"first", routing_key=dead, properties=properties)
        properties = Basic.Properties(headers={"x-attempt": 1}, delivery_mode=2)
        await channel.basic_publish(b"last", routing_key=dead, properties=properties)
        draining = asyncio.create_task(drain("wallet", connections, settings))

        async def drained() -> bool:
            async with connections.acquire() as db:
                counts = await db.fetchrow(
                    "select (select count(*) from outbox where exchange = $1),"
                    " (select count(*) from dead_letter)",
                    OWN_QUEUE,
                )
            return counts is not None and tuple(counts) == (1, 1)

        await eventually(drained)
        async with connections.acquire() as db:
            parcel = await db.fetchrow(
                "select body, attempt, due_at > now() as later from outbox where exchange = $1",
                OWN_QUEUE,
            )
            given_up = await db.fetchrow("select body, reason from dead_letter")
        assert parcel is not None
        assert given_up is not None
        assert tuple(parcel) == (b"first", 1, True)
        assert tuple(given_up) == (b"last", "delivery_limit")
        assert not draining.done()
        draining.cancel()
        await asyncio.gather(draining, return_exceptions=True)
    async with post_office(amqp_url) as office:
        assert await office.count(dead_queue_of("wallet")) == 0
