"""A delivery of which the broker believes that a worker has it, and which never arrived there."""

import asyncio

import pytest
from aiormq.abc import DeliveredMessage
from pydantic import SecretStr

from services.registry import SERVICES
from shared import broker, topology
from shared.broker import Deliveries
from shared.messages.upstream import AccountRegistered
from shared.messages.wallet import WalletCredited
from shared.outbox import Parcel
from shared.publishing import confirming_channel, publish
from shared.worker import Worker
from tests.builders import said
from tests.integration.shared.post import WITHIN_S, eventually, settings_for
from tests.integration.shared.rooms import top_up
from tests.system.ear import listening

WALLET = SERVICES["wallet"]


@pytest.mark.parametrize(
    "top_ups", [pytest.param(1, id="the last"), pytest.param(2, id="one before another")]
)
async def test_it_comes_again(
    amqp_url: str, database_url: str, monkeypatch: pytest.MonkeyPatch, top_ups: int
) -> None:
    """Once its worker has heard nothing for a while; at once, where the next arrives: that would
    be acknowledged, and with it all that were delivered before."""
    lost: list[DeliveredMessage] = []
    arrived = Deliveries._arrived

    async def lose_the_first(self: Deliveries, message: DeliveredMessage) -> None:
        if self is worker._deliveries and b"t-0" in message.body and not lost:
            lost.append(message)
        else:
            await arrived(self, message)

    async def ready() -> bool:
        return worker.ready

    settings = settings_for(amqp_url, database_url=SecretStr(database_url), consume_anew_s=0.5)
    worker = Worker(WALLET, settings)
    async with broker.connected(amqp_url, "test") as connection:
        await topology.apply(connection, [WALLET])
        async with listening(amqp_url) as ear:
            monkeypatch.setattr(Deliveries, "_arrived", lose_the_first)
            running = asyncio.create_task(worker.run())
            await eventually(ready)
            channel = await confirming_channel(connection, lambda: None)
            customer = AccountRegistered(account_id="acc-1", email="a@example.com", name="An")
            for message in (said(customer), *(top_up(f"t-{number}") for number in range(top_ups))):
                await publish(channel, Parcel.of(message), WITHIN_S)
            await ear.wait_for(WalletCredited, lambda one: one.reference == "t-0", WITHIN_S)
            worker.stop()
            await running
    assert len(lost) == 1
