"""Exchange, queues and bindings on a real broker: declared by one command, checked by another."""

import pytest
from aiormq.exceptions import ChannelPreconditionFailed
from pamqp.commands import Basic

from shared import broker, topology
from shared.outbox import EXCHANGE
from shared.topology import DEAD_EXCHANGE, DELIVERY_LIMIT, dead_queue_of
from tests.integration.shared.post import post_office
from tests.integration.shared.rooms import service


async def states(amqp_url: str) -> dict[str, str]:
    async with broker.connected(amqp_url, "test") as connection:
        return {one.queue: one.state for one in await topology.check(connection, [service()])}


async def apply(amqp_url: str) -> None:
    async with broker.connected(amqp_url, "test") as connection:
        await topology.apply(connection, [service()])


async def test_what_is_missing_is_found_and_declared(amqp_url: str) -> None:
    assert await states(amqp_url) == {"wallet": "missing", "wallet.dead": "missing"}
    await apply(amqp_url)
    assert await states(amqp_url) == {"wallet": "ok", "wallet.dead": "ok"}


async def test_declaring_again_keeps_what_is_in_the_queues(amqp_url: str) -> None:
    await apply(amqp_url)
    async with post_office(amqp_url) as office:
        await office.channel.basic_publish(b"x", exchange=EXCHANGE, routing_key="top_up.received")
        await apply(amqp_url)
        assert await office.bodies("wallet", 1) == ["x"]


async def test_a_queue_with_other_arguments_is_found_and_not_touched(amqp_url: str) -> None:
    async with post_office(amqp_url) as office:
        await office.declare("wallet", **{"x-queue-type": "quorum"})
    assert (await states(amqp_url))["wallet"] == "other_arguments"
    with pytest.raises(ChannelPreconditionFailed):
        await apply(amqp_url)


async def test_a_service_gets_the_types_it_handles_and_no_others(amqp_url: str) -> None:
    await apply(amqp_url)
    async with post_office(amqp_url) as office:
        for key in ("order.placed", "top_up.received", "top_up"):
            await office.channel.basic_publish(key.encode(), exchange=EXCHANGE, routing_key=key)
        assert await office.bodies("wallet", 1) == ["top_up.received"]
        assert await office.count("wallet") == 0


async def test_what_is_rejected_too_often_goes_to_the_dead_letter_queue(amqp_url: str) -> None:
    await apply(amqp_url)
    async with post_office(amqp_url) as office:
        await office.channel.basic_publish(b"x", exchange=EXCHANGE, routing_key="top_up.received")
        for _ in range(DELIVERY_LIMIT + 1):
            await office.has("wallet", 1)
            got = await office.channel.basic_get("wallet")
            assert isinstance(got.delivery, Basic.GetOk)
            await office.channel.basic_reject(got.delivery.delivery_tag or 0, requeue=True)
        assert await office.bodies(dead_queue_of("wallet"), 1) == ["x"]
        await office.channel.basic_publish(b"y", exchange=DEAD_EXCHANGE, routing_key="wallet")
        assert await office.bodies(dead_queue_of("wallet"), 1) == ["y"]


def test_a_service_without_handlers_has_no_queue() -> None:
    assert not list(topology.queues_of([]))
    assert [queue.name for queue in topology.queues_of([service()])] == ["wallet.dead", "wallet"]
