"""A wallet worker that dies at any step of its path, and the one that takes over."""

import pytest

from shared.database import connect
from shared.messages.upstream import AccountRegistered, TopUpReceived
from shared.messages.wallet import WalletCredited
from tests.builders import said
from tests.integration.shared.post import eventually
from tests.system.conftest import OpenHouse

SECOND_MESSAGE = [
    "received:2",
    "remembered:2",
    "handled:2",
    "said:2",
    "committed:2",
    "acknowledged:2",
    "published:1",
    "deleted:1",
]
"""Where a worker dies of the top-up: it passes the first steps with the registration before."""


@pytest.mark.parametrize("step", SECOND_MESSAGE)
async def test_a_worker_killed_at_any_step_credits_a_top_up_exactly_once(
    house_of: OpenHouse, step: str
) -> None:
    house = await house_of("wallet")
    dying = house.start("wallet", die_at=step)
    await house.publish(
        said(AccountRegistered(account_id="acc-1", email="a@example.com", name="An"))
    )
    await house.wait_until_idle()

    top_up = said(
        TopUpReceived(
            top_up_id="t-1",
            account_id="acc-1",
            amount=500_000,
            gateway="bank",
            gateway_reference="r-1",
        )
    )
    await house.publish(top_up)
    assert await dying.wait_for_end() == -9
    house.start("wallet")

    credited = await house.wait_for(WalletCredited)
    await house.wait_until_idle()
    assert credited.balance == 500_000
    assert credited.envelope.causation_id == top_up.envelope.id
    assert house.heard(WalletCredited) == [credited]
    db = await connect(house.database_url)
    try:
        ledger = await db.fetch("select transfer_id, amount, balance_after from wallet.transfer")
        balance = await db.fetchval("select balance from wallet.wallet")
        assert await db.fetchval("select count(*) from wallet.dead_letter") == 0
    finally:
        await db.close()
    assert [tuple(entry) for entry in ledger] == [("t-1", 500_000, 500_000)]
    assert balance == 500_000


async def test_a_worker_that_is_asked_logs_where_it_waits_and_works_on(
    house_of: OpenHouse,
) -> None:
    house = await house_of("wallet")
    worker = house.start("wallet")

    async def told() -> bool:
        if worker.started:
            worker.ask_where_it_waits()
        return "Deliveries._until_waiting" in worker.log.read_text()

    await eventually(told)
    assert worker.terminate() == 0


async def test_a_top_up_that_is_published_twice_is_credited_once(house_of: OpenHouse) -> None:
    house = await house_of("wallet")
    worker = house.start("wallet")
    top_up = TopUpReceived(
        top_up_id="t-1", account_id="acc-1", amount=500_000, gateway="bank", gateway_reference="r-1"
    )
    await house.publish(
        said(top_up.model_copy(), id="m-1"),
        said(top_up.model_copy(), id="m-2"),
        said(AccountRegistered(account_id="acc-1", email="a@example.com", name="An")),
    )
    await house.publish(said(top_up.model_copy(), id="m-1"))
    await house.wait_until_idle()
    assert [credited.balance for credited in house.heard(WalletCredited)] == [500_000]
    assert worker.terminate() == 0
