"""What comes off a queue, whatever publishers wrote around it."""

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from aiormq import Channel
from aiormq.abc import ChannelFrame
from pamqp import frame
from pamqp.body import ContentBody
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from shared import broker
from shared.broker import ChannelGone, Deliveries, NothingCame
from tests.integration.shared.post import PostOffice, post_office


async def publish_raw(
    channel: Channel,
    damage: Callable[[bytes], bytes],
    routing_key: str = "news",
    **properties: Any,
) -> None:
    """Publish a message whose properties no client library would write."""
    header = ContentHeader(body_size=1, properties=Basic.Properties(**properties))
    frames = (Basic.Publish(exchange="", routing_key=routing_key), header, ContentBody(b"x"))
    payload = b"".join(frame.marshal(one, channel.number) for one in frames)
    damaged = damage(payload)
    assert damaged != payload
    await channel.write_queue.put(ChannelFrame(damaged, should_close=False))


async def taken(amqp_url: str, office: PostOffice, count: int) -> list[broker.Delivery]:
    await office.has("news", count)
    async with broker.connected(amqp_url, "test consumes") as connection:
        deliveries = await Deliveries.of(connection, "news", 10)
        group: list[broker.Delivery] = []
        while len(group) < count:
            group += await deliveries.take(10)
        await deliveries.acknowledge(group[-1])
        return group


@asynccontextmanager
async def consuming(amqp_url: str) -> AsyncIterator[tuple[PostOffice, Deliveries]]:
    """A queue in which nothing lies yet, and what comes off it."""
    async with (
        post_office(amqp_url) as office,
        broker.connected(amqp_url, "test consumes") as connection,
    ):
        await office.declare("news")
        yield office, await Deliveries.of(connection, "news", 10)


@pytest.mark.parametrize(
    ("damage", "properties"),
    [
        pytest.param(
            lambda raw: raw.replace(b"XXXX", b"\xff\xfeab"),
            {"message_type": "XXXX"},
            id="a type that is not UTF-8",
        ),
        pytest.param(
            lambda raw: raw.replace(b"XXXX", b"\xff\xfeab"),
            {"message_id": "XXXX", "correlation_id": "XXXX", "content_type": "XXXX"},
            id="ids that are not UTF-8",
        ),
        pytest.param(
            lambda raw: raw.replace(b"XXXX", b"\xff\xfeab"),
            {"headers": {"XXXX": "XXXX"}},
            id="a header that is not UTF-8",
        ),
        pytest.param(
            lambda raw: raw.replace(b"\x00\x00\x00\x00\x69\x55\xb9\x00", b"\x7f" + b"\xff" * 7),
            {"timestamp": datetime.fromtimestamp(0x6955B900, UTC)},
            id="a time beyond all calendars",
        ),
    ],
)
async def test_no_property_keeps_a_message_and_its_neighbours_from_being_taken(
    amqp_url: str, damage: Callable[[bytes], bytes], properties: dict[str, Any]
) -> None:
    async with post_office(amqp_url) as office:
        await office.declare("news")
        await office.channel.basic_publish(b"before", routing_key="news")
        await publish_raw(office.channel, damage, **properties)
        await office.channel.basic_publish(b"after", routing_key="news")
        group = await taken(amqp_url, office, 3)
    assert [delivery.body for delivery in group] == [b"before", b"x", b"after"]


async def test_headers_nested_without_end_keep_no_message_from_being_taken(amqp_url: str) -> None:
    table = b""
    for _ in range(2_000):
        table = b"\x00F" + struct.pack(">I", len(table)) + table
    async with post_office(amqp_url) as office:
        await office.declare("news")
        await publish_raw(
            office.channel,
            lambda raw: _with_headers(raw, office.channel.number, table),
            message_type="XXXX",
        )
        await office.channel.basic_publish(b"after", routing_key="news")
        deep, after = await taken(amqp_url, office, 2)
    assert (deep.body, after.body) == (b"x", b"after")
    assert json.dumps(deep.properties).count("{") < 20


def _with_headers(frames: bytes, channel: int, table: bytes) -> bytes:
    """The frames of a message of one byte, with nothing but headers in its properties."""
    publish, _, content = _split(frames)
    only_headers = 1 << 13
    payload = struct.pack(">HHQHI", 60, 0, 1, only_headers, len(table)) + table
    header = struct.pack(">BHI", 2, channel, len(payload)) + payload + b"\xce"
    return publish + header + content


def _split(frames: bytes) -> list[bytes]:
    found: list[bytes] = []
    while frames:
        (size,) = struct.unpack(">I", frames[3:7])
        found.append(frames[: size + 8])
        frames = frames[size + 8 :]
    return found


async def test_a_group_ends_with_the_message_that_makes_it_large(amqp_url: str) -> None:
    async with post_office(amqp_url) as office:
        await office.declare("news")
        for _ in range(20):
            await office.channel.basic_publish(b"x" * 1_000_000, routing_key="news")
        async with broker.connected(amqp_url, "test consumes") as connection:
            deliveries = await Deliveries.of(connection, "news", 20)
            await office.gone("news")
            sizes: list[int] = []
            while sum(sizes) < 20:
                sizes.append(len(await deliveries.take(250)))
    assert max(sizes) <= 17


async def test_a_message_waits_for_others_to_share_its_group(amqp_url: str) -> None:
    async with consuming(amqp_url) as (office, deliveries):
        taking = asyncio.create_task(deliveries.take(3, linger_s=60))
        for number in range(3):
            assert not taking.done()
            await office.channel.basic_publish(b"%d" % number, routing_key="news")
            await office.gone("news")
        async with asyncio.timeout(10):
            assert [one.body for one in await taking] == [b"0", b"1", b"2"]


async def test_nobody_waits_for_others_longer_than_that(amqp_url: str) -> None:
    async with consuming(amqp_url) as (office, deliveries):
        await office.channel.basic_publish(b"x", routing_key="news")
        async with asyncio.timeout(10):
            assert len(await deliveries.take(3, linger_s=0.01)) == 1


async def test_told_to_stop_nobody_waits_for_others(amqp_url: str) -> None:
    async with consuming(amqp_url) as (office, deliveries):
        taking = asyncio.create_task(deliveries.take(3, linger_s=60))
        await office.channel.basic_publish(b"x", routing_key="news")
        await office.gone("news")
        deliveries.stop()
        async with asyncio.timeout(10):
            assert await taking == []


async def test_who_waits_only_so_long_is_told_that_nothing_came(amqp_url: str) -> None:
    async with consuming(amqp_url) as (_, deliveries):
        with pytest.raises(NothingCame):
            await deliveries.take(1, patience_s=0.01)


async def test_a_queue_that_is_deleted_ends_its_consumers_deliveries(amqp_url: str) -> None:
    async with consuming(amqp_url) as (office, deliveries):
        await office.channel.queue_delete("news")
        with pytest.raises(ChannelGone):
            await deliveries.take(10)


async def test_deliveries_of_a_connection_that_is_lost_can_not_be_acknowledged(
    amqp_url: str,
) -> None:
    async with post_office(amqp_url) as office:
        await office.declare("news")
        await office.channel.basic_publish(b"x", routing_key="news")
        async with broker.connected(amqp_url, "test consumes") as connection:
            deliveries = await Deliveries.of(connection, "news", 10)
            (delivery,) = await deliveries.take(10)
            assert not delivery.redelivered
        with pytest.raises(ChannelGone):
            await deliveries.acknowledge(delivery)
        with pytest.raises(ChannelGone):
            await deliveries.take(10)
        (again,) = await taken(amqp_url, office, 1)
        assert again.redelivered


async def test_told_to_stop_there_is_nothing_more_to_take(amqp_url: str) -> None:
    async with consuming(amqp_url) as (office, deliveries):
        await office.channel.basic_publish(b"x", routing_key="news")
        deliveries.stop()
        assert await deliveries.take(10) == []


async def test_a_queue_that_does_not_exist_is_trouble_and_not_a_hang(amqp_url: str) -> None:
    async with broker.connected(amqp_url, "test consumes") as connection:
        with pytest.raises(broker.TROUBLE):
            await Deliveries.of(connection, "no.such.queue", 10)
