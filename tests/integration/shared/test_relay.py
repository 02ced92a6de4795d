"""The relay against a real broker: what was said arrives, whatever happens on the way."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import AbstractAsyncContextManager, suppress

import aio_pika
import pytest

from shared import broker, outbox, relay
from shared.database import Connection, PassingTrouble, Pool, connect, pool, transaction
from shared.outbox import Parcel
from shared.publishing import confirming_channel, publish_all
from shared.relay import Relay
from tests.integration.shared.post import (
    eventually,
    left,
    parcel,
    post,
    post_office,
    relaying,
    settings_for,
)
from tests.servers import Servers
from tests.virtual_hosts import limited


@pytest.fixture
async def connections(database_url: str) -> AsyncIterator[Pool]:
    async with pool(database_url, "wallet", size=4) as opened:
        yield opened


async def empty(connections: Pool) -> bool:
    return await left(connections) == 0


async def test_what_is_in_the_outbox_arrives_and_is_deleted(
    amqp_url: str, connections: Pool
) -> None:
    async with post_office(amqp_url) as office, relaying(connections, settings_for(amqp_url)):
        await office.declare("news", "news", **{"x-queue-type": "quorum"})
        await post(connections, *(parcel(n) for n in range(1_200)))
        await eventually(lambda: empty(connections))
        assert sorted(map(int, await office.bodies("news", 1_200))) == list(range(1_200))
        assert await office.count("news") == 0


async def test_what_was_confirmed_in_a_moment_is_deleted_at_once(
    amqp_url: str, connections: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    deleted: list[int] = []

    async def delete(db: Connection, row_ids: Collection[int]) -> None:
        deleted.append(len(row_ids))
        await outbox_delete(db, row_ids)

    outbox_delete = outbox.delete
    monkeypatch.setattr(outbox, "delete", delete)
    monkeypatch.setattr(relay, "_FORGET_AFTER_S", 0.5)
    async with post_office(amqp_url) as office, relaying_by_hand(connections, amqp_url) as one:
        await office.declare("news", "news")
        async with connections.acquire() as db:
            rows = await outbox.append(db, [parcel(n) for n in range(4)], lease_s=60)
        for row in rows:
            await one.hand_over([row])
            await office.has("news", row.row_id - rows[0].row_id + 1)
        assert await left(connections) == 4
        await one.drained()
        assert await empty(connections)
    assert sum(deleted) == 4
    assert len(deleted) < 4


async def test_messages_are_persistent_and_carry_their_properties(
    amqp_url: str, connections: Pool
) -> None:
    async with post_office(amqp_url) as office, relaying(connections, settings_for(amqp_url)):
        await office.declare("news", "news")
        await post(connections, parcel(1, attempt=2))
        await eventually(lambda: empty(connections))
        taken = await office.take("news")
        assert taken is not None
        assert taken[1] == {
            "message_id": "m-1",
            "type": "news",
            "delivery_mode": 2,
            "headers": {"x-attempt": 2},
        }


async def test_a_large_message_and_an_id_of_64_characters_of_4_bytes_arrive(
    amqp_url: str, connections: Pool
) -> None:
    async with post_office(amqp_url) as office, relaying(connections, settings_for(amqp_url)):
        await office.declare("news", "news")
        body = b"x" * 2_000_000
        await post(
            connections, parcel(1, body=body, message_id="\U0001d54f" * 64), parcel(2, body=b"")
        )
        await eventually(lambda: empty(connections))
        assert {len(one) for one in await office.bodies("news", 2)} == {2_000_000, 0}


async def test_what_must_arrive_waits_for_its_queue(amqp_url: str, connections: Pool) -> None:
    async with post_office(amqp_url) as office, relaying(connections, settings_for(amqp_url)):
        await post(connections, parcel(1))

        async def tried() -> bool:
            async with connections.acquire() as db:
                return bool(await db.fetchval("select failures > 0 from outbox"))

        await eventually(tried)
        await office.declare("news", "news")
        assert await office.bodies("news", 1) == ["1"]
        await eventually(lambda: empty(connections))


async def test_what_nobody_hears_and_need_not_arrive_is_dropped(
    amqp_url: str, connections: Pool
) -> None:
    async with post_office(amqp_url), relaying(connections, settings_for(amqp_url)):
        await post(connections, *(parcel(n, must_arrive=False) for n in range(10)))
        await eventually(lambda: empty(connections))


async def test_an_unroutable_message_among_others_holds_none_of_them_up(
    amqp_url: str, connections: Pool
) -> None:
    async with post_office(amqp_url) as office, relaying(connections, settings_for(amqp_url)):
        await office.declare("news", "news")
        lost = [parcel(n, "lost") for n in range(100, 110)]
        await post(connections, parcel(1), *lost[:5], parcel(2), *lost[5:], parcel(3))
        assert sorted(await office.bodies("news", 3)) == ["1", "2", "3"]

        async def only_lost() -> bool:
            return await left(connections) == 10

        await eventually(only_lost)


async def test_a_full_queue_refuses_and_gets_the_message_once_it_has_room(
    amqp_url: str, connections: Pool
) -> None:
    async with post_office(amqp_url) as office, relaying(connections, settings_for(amqp_url)):
        full = {"x-max-length": 1, "x-overflow": "reject-publish"}
        await office.declare("news", "news", **full)
        await office.declare("other", "other")
        await post(connections, *(parcel(n) for n in range(4)), parcel(9, "other"))
        assert await office.bodies("other", 1) == ["9"]
        got = [(await office.bodies("news", 1))[0] for _ in range(4)]
        assert sorted(got) == ["0", "1", "2", "3"]
        await eventually(lambda: empty(connections))


async def test_a_limit_that_is_lifted_while_the_queue_is_full_holds_nothing_up(
    running_servers: Servers,
    amqp_url: str,
    connections: Pool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """RabbitMQ before 4.0 goes on to refuse, on channels that it has told of the limit."""
    monkeypatch.setattr(relay, "_REFUSING_CHANNEL_S", 0.5)
    quorum = {"x-queue-type": "quorum", "x-overflow": "reject-publish"}
    async with post_office(amqp_url) as office, relaying(connections, settings_for(amqp_url)):
        await office.declare("news", "news", **quorum)
        with limited(running_servers, amqp_url, "news", 1):
            await post(connections, *(parcel(n) for n in range(25)))
            await office.has("news", 1)  # limits of quorum queues are told late
            await post(connections, *(parcel(n) for n in range(25, 50)))
            await eventually(lambda: was_refused(connections))
        await eventually(lambda: empty(connections))
        assert set(await office.bodies("news", 50)) == {str(n) for n in range(50)}


async def was_refused(connections: Pool) -> bool:
    async with connections.acquire() as db:
        return bool(await db.fetchval("select bool_or(failures > 0) from outbox"))


async def test_a_message_that_closes_the_channel_holds_up_no_others(
    amqp_url: str, connections: Pool
) -> None:
    async with post_office(amqp_url) as office, relaying(connections, settings_for(amqp_url)):
        await office.declare("news", "news")
        closing = parcel(100, exchange="no.such.exchange")
        await post(connections, parcel(1), closing, *(parcel(n) for n in range(2, 6)))
        await eventually(lambda: only_one(connections))
        assert set(await office.bodies("news", 5)) == {"1", "2", "3", "4", "5"}
        async with connections.acquire() as db:
            assert await db.fetchval("select failures from outbox") >= 1


async def only_one(connections: Pool) -> bool:
    return await left(connections) == 1


async def test_what_a_worker_that_died_had_leased_is_published_by_another(
    amqp_url: str, connections: Pool
) -> None:
    async with connections.acquire() as db:
        assert len(await outbox.append(db, [parcel(1)], lease_s=0.5)) == 1
    async with post_office(amqp_url) as office, relaying(connections, settings_for(amqp_url)):
        await office.declare("news", "news")
        assert await office.bodies("news", 1) == ["1"]
        await eventually(lambda: empty(connections))


async def test_two_relays_share_the_outbox(amqp_url: str, connections: Pool) -> None:
    settings = settings_for(amqp_url, outbox_lease_s=30.0)
    async with (
        post_office(amqp_url) as office,
        relaying(connections, settings),
        relaying(connections, settings),
    ):
        await office.declare("news", "news")
        await post(connections, *(parcel(n) for n in range(500)))
        await eventually(lambda: empty(connections))
        assert sorted(map(int, await office.bodies("news", 500))) == list(range(500))
        assert await office.count("news") == 0


async def post_in_spite_of_all(connections: Pool, parcels: list[Parcel]) -> None:
    """Put messages into the outbox by connections that somebody ends; some may get there twice."""
    while True:
        with suppress(PassingTrouble):
            async with transaction(connections) as db:
                await outbox.append(db, parcels)
            return


async def test_connections_that_the_database_ends_stop_no_relay(
    amqp_url: str, database_url: str, connections: Pool
) -> None:
    async with post_office(amqp_url) as office, relaying(connections, settings_for(amqp_url)):
        await office.declare("news", "news")
        killer = await connect(database_url)
        for start in range(0, 400, 100):
            await post_in_spite_of_all(connections, [parcel(n) for n in range(start, start + 100)])
            await killer.execute(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
                " where application_name = 'cloudtill wallet'"
                " and datname = current_database()"
            )
        await killer.close()
        await eventually(lambda: empty(connections))
        count = await office.count("news")
        assert set(map(int, await office.bodies("news", count))) == set(range(400))


async def test_a_relay_told_to_drain_publishes_what_it_holds_and_claims_no_more(
    amqp_url: str, connections: Pool
) -> None:
    async with post_office(amqp_url) as office:
        await office.declare("news", "news")
        async with connections.acquire() as db:
            rows = await outbox.append(db, [parcel(n) for n in range(700)], lease_s=60)
        async with asyncio.timeout(20), relaying_by_hand(connections, amqp_url) as one:
            await one.hand_over(rows)
            await one.drained()
        assert await left(connections) == 0
        assert await office.count("news") == 700


def relaying_by_hand(connections: Pool, amqp_url: str) -> AbstractAsyncContextManager[Relay]:
    return relaying(connections, settings_for(amqp_url, outbox_poll_s=60.0))


async def test_each_of_many_publishes_has_its_own_outcome(amqp_url: str) -> None:
    """What the relay relies on in aiormq, in the version that is locked."""
    async with (
        post_office(amqp_url) as office,
        broker.connected(amqp_url, "test publishes") as connection,
    ):
        await office.declare("news", "news")
        await office.declare("full", "full", **{"x-max-length": 0, "x-overflow": "reject-publish"})
        channel = await confirming_channel(connection, lambda: None)
        keys = ["news", "lost", "full", "news", "lost", "full", "news"]
        for _ in range(50):
            outcomes = await publish_all(
                channel, [parcel(n, key) for n, key in enumerate(keys)], timeout_s=10
            )
            assert [type(one) for one in outcomes] == [
                type(None),
                aio_pika.exceptions.PublishError,
                aio_pika.exceptions.DeliveryError,
                type(None),
                aio_pika.exceptions.PublishError,
                aio_pika.exceptions.DeliveryError,
                type(None),
            ]
        assert not channel.confirmations
        assert not channel.message_id_delivery_tag
        assert await office.count("news") == 150


async def test_a_channel_that_closes_leaves_no_publish_waiting(amqp_url: str) -> None:
    async with (
        post_office(amqp_url) as office,
        broker.connected(amqp_url, "test publishes") as connection,
    ):
        await office.declare("news", "news")
        channel = await confirming_channel(connection, lambda: None)
        outcomes = await publish_all(
            channel, [parcel(1, exchange="no.such.exchange"), parcel(2)], timeout_s=30
        )
        assert all(isinstance(one, Exception) for one in outcomes)
        with pytest.raises(broker.TROUBLE):
            await publish_all(channel, [parcel(3)], timeout_s=30)
