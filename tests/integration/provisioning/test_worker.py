"""The provisioning worker on its queue: a product team, delays, and several workers at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from pydantic import SecretStr

from services.provisioning.app import SERVICE
from shared import broker, publishing, topology
from shared.database import connect, pool
from shared.ids import derived_id
from shared.messages import Message, Said
from shared.messages.billing import OrderConfirmed
from shared.messages.product_teams import ProductRequested, ProductSucceeded
from shared.messages.provisioning import (
    ProvisioningFailed,
    ResourceConverted,
    ResourceProvisioned,
    ResourceReleased,
    ResourceRenewed,
    ResourceStopped,
)
from shared.messages.scheduler import TickMinute
from shared.outbox import Parcel
from shared.publishing import confirming_channel
from shared.settings import Settings
from shared.worker import Worker
from tests.builders import NOON, said
from tests.integration.at_once import one_after_the_other
from tests.integration.provisioning.scenes import (
    DAY,
    confirmed,
    handle,
    item,
    of_type,
    paid,
    published,
    succeeded,
    switched,
)
from tests.system.ear import Ear, listening

WITHIN_S = 60
MINUTE = timedelta(minutes=1)


class Office:
    """Two provisioning workers on one queue, and an ear at the exchange."""

    def __init__(self, amqp_url: str, ear: Ear) -> None:
        self.ear = ear
        self._amqp_url = amqp_url

    async def publish(self, *messages: Message) -> None:
        async with broker.connected(self._amqp_url, "test") as connection:
            channel = await confirming_channel(connection, lambda: None)
            for message in messages:
                await publishing.publish(channel, Parcel.of(message), WITHIN_S)

    async def hear(self, message_type: type[Message], count: int = 1) -> list[Message]:
        """Wait until so many messages of this type were heard."""
        seen: list[Message] = []
        for _ in range(count):
            seen.append(
                await self.ear.wait_for(message_type, lambda one: one not in seen, WITHIN_S)
            )
        return seen


@pytest.fixture
async def office(amqp_url: str, database_url: str) -> AsyncIterator[Office]:
    """Opens with nothing published."""
    settings = Settings(
        amqp_url=SecretStr(amqp_url),
        database_url=SecretStr(database_url),
        retry_delays_s=(0.1, 0.2, 0.5, 1, 2, 2, 2),
        outbox_poll_s=0.05,
    )
    async with broker.connected(amqp_url, "test") as connection:
        await topology.apply(connection, [SERVICE])
    async with listening(amqp_url) as ear, _running(Worker(SERVICE, settings)):
        async with _running(Worker(SERVICE, settings)):
            yield Office(amqp_url, ear)


@asynccontextmanager
async def _running(worker: Worker) -> AsyncIterator[None]:
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        worker.stop()
        await asyncio.wait_for(task, WITHIN_S)


async def test_a_team_provisions_by_messages_and_an_early_stop_waits_for_it(
    office: Office,
) -> None:
    stop = confirmed(item("stop"), order_id="ord-2", at=NOON + DAY)
    await office.publish(stop, paid(item()), published("message"))
    [asked] = await office.hear(ProductRequested)
    assert isinstance(asked, ProductRequested)
    await office.publish(succeeded(asked, NOON))
    await office.hear(ResourceProvisioned)
    [_, to_stop] = await office.hear(ProductRequested, 2)
    assert isinstance(to_stop, ProductRequested)
    assert to_stop.action == "stop"
    await office.publish(succeeded(to_stop, NOON + DAY))
    [stopped] = await office.hear(ResourceStopped)
    assert stopped.envelope.correlation_id == stop.envelope.id


async def test_a_delayed_answer_comes_by_itself(office: Office) -> None:
    await office.publish(published(options={"delay_ms": 300}), paid(item()))
    [event] = await office.hear(ResourceProvisioned)
    assert event.time > NOON


async def test_of_many_payments_at_once_each_ends_once(office: Office, database_url: str) -> None:
    names = [f"vm-{number}" for number in range(60)]
    payments = [paid(item(resource_id=name), order_id=f"ord-{name}") for name in names]
    again = [paid(item(resource_id=name), order_id=f"ord-{name}") for name in names]
    await office.publish(published(options={"fail_rate": 0.3}), *payments, *again)
    async with asyncio.timeout(WITHIN_S):
        while not await _all_concluded(database_url, 60):
            await office.ear.catch_up()
    await office.publish(published(product="last"), paid(item(product="last", resource_id="last")))
    await office.ear.wait_for(
        ResourceProvisioned, lambda event: event.resource_id == "last", WITHIN_S
    )
    await office.ear.catch_up()
    active = [one for one in office.ear.heard if isinstance(one, ResourceProvisioned)]
    failed = [one for one in office.ear.heard if isinstance(one, ProvisioningFailed)]
    ended = [one.resource_id for one in active] + [one.resource_id for one in failed]
    assert sorted(ended) == sorted([*names, "last"])
    assert failed
    assert len(active) > 1


async def _all_concluded(database_url: str, count: int) -> bool:
    """Whether so many requests are concluded and nothing is left to be said."""
    db = await connect(database_url)
    try:
        concluded = await db.fetchval(
            "select count(*) from provisioning.request where outcome is not null"
        )
        waiting = await db.fetchval("select count(*) from provisioning.outbox")
    finally:
        await db.close()
    return bool(concluded == count and waiting == 0)


@pytest.mark.parametrize("renewal_first", [True, False])
async def test_a_renewal_and_the_release_at_the_same_instant_exclude_each_other(
    database_url: str, renewal_first: bool
) -> None:
    release_at = NOON + 60 * DAY
    tick = said(TickMinute(), at=release_at)
    renewal = paid(item("renew", days=60), order_id="ord-2", at=release_at - DAY / 24)
    first, second = (renewal, tick) if renewal_first else (tick, renewal)
    told = await _at_once(database_url, [published(), paid(item())], first, second)
    assert len(of_type(told, ResourceRenewed)) == renewal_first
    assert len(of_type(told, ResourceReleased)) == (not renewal_first)
    assert len(of_type(told, ProvisioningFailed)) == (not renewal_first)


@pytest.mark.parametrize("switch_first", [False, True])
async def test_a_switch_to_prepaid_meets_what_is_provisioned_at_that_instant(
    database_url: str, switch_first: bool
) -> None:
    order = confirmed(item(user_type="postpaid"))
    switch = switched("prepaid", NOON + MINUTE)
    first, second = (switch, order) if switch_first else (order, switch)
    told = await _at_once(
        database_url, [switched("postpaid", NOON - DAY), published()], first, second
    )
    [converted] = of_type(told, ResourceConverted)
    assert (converted.user_type, converted.at) == ("prepaid", NOON + MINUTE)


@pytest.mark.parametrize("switch_first", [False, True])
async def test_a_switch_to_prepaid_meets_what_a_team_provisions_at_that_instant(
    database_url: str, switch_first: bool
) -> None:
    order = confirmed(item(user_type="postpaid"))
    switch = switched("prepaid", NOON + MINUTE)
    before = [switched("postpaid", NOON - DAY), published("message"), order]
    success = said(ProductSucceeded(request_id=_request_of(order), at=NOON, details=None), at=NOON)
    first, second = (switch, success) if switch_first else (success, switch)
    told = await _at_once(database_url, before, first, second)
    [converted] = of_type(told, ResourceConverted)
    assert (converted.user_type, converted.at) == ("prepaid", NOON + MINUTE)


@pytest.mark.parametrize("switch_first", [False, True])
async def test_what_ends_at_the_instant_of_a_switch_to_postpaid_goes_on(
    database_url: str, switch_first: bool
) -> None:
    end = NOON + 30 * DAY
    tick, switch = said(TickMinute(), at=end), switched("postpaid", end - MINUTE)
    first, second = (switch, tick) if switch_first else (tick, switch)
    before = [published(expiry_policy="trash", trash_days=3), paid(item())]
    told = await _at_once(database_url, before, first, second)
    [converted] = of_type(told, ResourceConverted)
    assert (converted.user_type, converted.at, converted.state) == ("postpaid", end, "active")


@pytest.mark.parametrize("switch_first", [False, True])
async def test_what_goes_on_as_postpaid_at_the_instant_of_a_switch_back_meets_it(
    database_url: str, switch_first: bool
) -> None:
    end = NOON + 30 * DAY
    tick, switch = said(TickMinute(), at=end), switched("prepaid", end + MINUTE)
    first, second = (switch, tick) if switch_first else (tick, switch)
    before = [published(), paid(item()), switched("postpaid", NOON + DAY)]
    told = await _at_once(database_url, before, first, second)
    converted = of_type(told, ResourceConverted)
    assert [(one.user_type, one.at) for one in converted] == [
        ("postpaid", end),
        ("prepaid", end + MINUTE),
    ]


def _request_of(order: OrderConfirmed) -> str:
    return derived_id("request", order.order_id, order.items[0].item_id)


async def _at_once(
    database_url: str, before: list[Message], first: Message, second: Message
) -> list[Said]:
    """Handle two messages in a transaction each, the second until it waits for the first."""
    async with pool(database_url, "provisioning", size=1) as connections:
        async with connections.acquire() as db, db.transaction():
            await handle(db, *before)
    return await one_after_the_other(
        database_url, "provisioning", lambda db: handle(db, first), lambda db: handle(db, second)
    )
