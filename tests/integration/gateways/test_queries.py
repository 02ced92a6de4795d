"""Asking ZaloPay, a stand-in, for payments of which it told nothing (reading E5)."""

from datetime import timedelta

from services.gateways.domain import ASKED_AFTER
from shared.database import Connection
from shared.messages.upstream import GatewayPaymentFailed, GatewayPaymentSucceeded
from tests.builders import NOON
from tests.integration.gateways.conftest import Office
from tests.integration.gateways.scenes import MINUTE, UNTIL, open_order, requested, tick
from tests.integration.gateways.stand_in import StandIn


async def test_a_payment_whose_callback_was_lost_is_found_by_asking(
    office: Office, stand_in: StandIn
) -> None:
    order_id = await open_order(office, stand_in, requested())
    await office.handle(tick(4 * MINUTE))
    await office.work()
    assert ("query", order_id) not in stand_in.asked
    await office.handle(tick(5 * MINUTE))
    await office.work()
    assert stand_in.asked.count(("query", order_id)) == 1
    assert await office.said(GatewayPaymentSucceeded) == []

    order = stand_in.pay(order_id, NOON + 6 * MINUTE)
    await office.handle(tick(11 * MINUTE))
    await office.work()
    (success,) = await office.said(GatewayPaymentSucceeded)
    assert (success.gateway_reference, success.amount) == (str(order.zp_trans_id), 250_000)
    assert success.time == NOON + 6 * MINUTE
    assert (await office.post(stand_in.callback(order_id))).json()["return_code"] == 2
    assert len(await office.said(GatewayPaymentSucceeded)) == 1
    await office.handle(tick(timedelta(hours=9)))
    await office.work()
    assert stand_in.asked.count(("query", order_id)) == 2


async def test_an_order_too_old_to_be_asked_for_is_left_to_its_own_end(
    office: Office, stand_in: StandIn
) -> None:
    """ZaloPay says so of an order after two days, though it may still be paid on the third."""
    order_id = await open_order(office, stand_in, requested())
    stand_in.expire(order_id)
    for after in (6 * MINUTE, 60 * MINUTE):
        await office.handle(tick(after))
        await office.work()
    assert stand_in.asked.count(("query", order_id)) == 2
    assert await office.said(GatewayPaymentFailed) == []


async def test_an_order_that_failed_at_zalopay_fails_the_payment(
    office: Office, stand_in: StandIn
) -> None:
    order_id = await open_order(office, stand_in, requested())
    stand_in.fail(order_id)
    await office.handle(tick(6 * MINUTE))
    await office.work()
    (failure,) = await office.said(GatewayPaymentFailed)
    assert (failure.payment_id, failure.reason) == ("pay-1", "zalopay_63")


async def test_a_late_payment_is_still_looked_for_a_day_after_its_time(
    office: Office, stand_in: StandIn
) -> None:
    order_id = await open_order(office, stand_in, requested())
    for after in (timedelta(hours=25), timedelta(hours=40)):
        await office.handle(tick(after))
        await office.work()
    stand_in.pay(order_id, UNTIL + timedelta(hours=2))
    last = UNTIL - NOON + ASKED_AFTER
    await office.handle(tick(last))
    await office.work()
    assert [one.time for one in await office.said(GatewayPaymentSucceeded)] == [
        UNTIL + timedelta(hours=2)
    ]
    assert await office.fetch("select next_query_at from gateway_order") == [(None,)]


async def test_a_query_that_is_refused_says_nothing_of_the_payment(
    office: Office, stand_in: StandIn
) -> None:
    order_id = await open_order(office, stand_in, requested())
    stand_in.rejected = -402
    await office.handle(tick(6 * MINUTE))

    async def asked_twice(db: Connection) -> bool:
        return await db.fetchval("select failures >= 2 from errand") is True

    async with office.working():
        await office.until(asked_twice)
        assert await office.said(GatewayPaymentFailed) == []
        stand_in.rejected = None
        stand_in.fail(order_id)
        await office.work()
    assert len(await office.said(GatewayPaymentFailed)) == 1


async def test_a_page_is_not_asked_for_any_more_once_its_time_is_over(
    office: Office, stand_in: StandIn
) -> None:
    await office.handle(requested())
    await office.handle(tick(UNTIL - NOON))
    assert await office.fetch("select * from errand") == []
    assert stand_in.asked == []
