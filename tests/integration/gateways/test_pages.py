"""Pages where payments can be made, asked of a stand-in for ZaloPay (domain 2.2)."""

from shared.database import Connection
from shared.messages import Refused
from shared.messages.gateways import PaymentLinkReady
from shared.messages.notifications import NotificationRequested
from shared.messages.upstream import GatewayPaymentFailed, GatewayPaymentSucceeded
from tests.builders import NOON
from tests.integration.gateways.conftest import Office
from tests.integration.gateways.scenes import MINUTE, UNTIL, open_order, requested
from tests.integration.gateways.stand_in import StandIn


async def test_a_requested_payment_has_a_page_whose_link_is_told(
    office: Office, stand_in: StandIn
) -> None:
    request = requested()
    assert await office.handle(request) == []
    await office.work()
    ((order_id, order),) = stand_in.orders.items()
    (link,) = await office.said(PaymentLinkReady)
    assert link.url == f"{stand_in.url}/pay/{order_id}"
    assert (link.payment_id, link.account_id, link.gateway) == ("pay-1", "acc-1", "zalopay")
    assert (link.pay_until, link.time) == (UNTIL, NOON)
    assert link.envelope.causation_id == request.envelope.id
    assert order.amount == 250_000
    assert order.fields["expire_duration_seconds"] == "86400"
    assert order.fields["callback_url"] == "https://till.example.com/gateways/zalopay/callback"
    assert order_id.startswith("261102_")
    assert "acc-1" not in str(order.fields)
    assert await office.said(NotificationRequested) == []


async def test_who_has_somebody_else_pay_is_sent_the_link(office: Office) -> None:
    await office.handle(requested(method="on_behalf"))
    await office.work()
    (link,) = await office.said(PaymentLinkReady)
    (notice,) = await office.said(NotificationRequested)
    assert notice.template == "payment_link"
    assert notice.facts["url"] == link.url
    assert (notice.facts["payment_id"], notice.facts["amount"]) == ("pay-1", 250_000)


async def test_a_payment_requested_twice_is_asked_for_once(
    office: Office, stand_in: StandIn
) -> None:
    assert await office.handle(requested(), requested()) == []
    assert await office.handle(requested()) == []
    await office.work()
    assert await office.handle(requested()) == []
    await office.work()
    assert len(stand_in.asked) == 1
    assert len(await office.said(PaymentLinkReady)) == 1


async def test_a_payment_id_used_again_with_another_amount_is_put_away(office: Office) -> None:
    (refusal,) = await office.handle(requested(), requested(amount=7))
    assert isinstance(refusal, Refused)
    assert (refusal.reason, refusal.cause) == ("id_reused", requested(amount=7))
    assert await office.fetch("select amount from payment") == [(250_000,)]


async def test_a_gateway_that_is_down_is_asked_again_for_the_same_order(
    office: Office, stand_in: StandIn
) -> None:
    stand_in.broken = 3
    order_id = await open_order(office, stand_in, requested())
    assert stand_in.asked == [("create", order_id)] * 4


async def test_a_worker_that_died_after_asking_asks_for_the_same_order_and_then_anew(
    office: Office, stand_in: StandIn
) -> None:
    """ZaloPay does not tell a page twice; nobody can have paid on one that nobody saw."""
    await office.handle(requested())
    async with office.connections.acquire() as db:
        ((first,),) = await db.fetch("select order_id from gateway_order")
    stand_in.forgetful = 1
    await office.work()
    second = next(one for one in stand_in.orders if one != first)
    assert stand_in.asked == [("create", first), ("create", first), ("create", second)]
    (link,) = await office.said(PaymentLinkReady)
    assert stand_in.order_of(link.url) == second
    stand_in.pay(second, NOON + MINUTE)
    assert (await office.post(stand_in.callback(second))).json()["return_code"] == 1
    assert len(await office.said(GatewayPaymentSucceeded)) == 1


async def test_two_workers_that_ask_at_once_tell_one_link(
    office: Office, stand_in: StandIn
) -> None:
    await office.handle(*(requested(f"pay-{number}") for number in range(30)))
    async with office.working(), office.working():
        await office.work()
    links = await office.said(PaymentLinkReady)
    assert len({link.payment_id for link in links}) == len(links) == 30
    assert len(stand_in.orders) == 30


async def test_an_order_that_zalopay_will_never_take_fails_at_once(
    office: Office, stand_in: StandIn
) -> None:
    stand_in.refused = -401
    await office.handle(requested())
    await office.work()
    (failure,) = await office.said(GatewayPaymentFailed)
    assert (failure.payment_id, failure.reason) == ("pay-1", "refused_by_gateway")
    assert await office.said(PaymentLinkReady) == []


async def test_an_amount_that_is_not_in_dong_is_never_asked_of_zalopay(
    office: Office, stand_in: StandIn
) -> None:
    await office.handle(requested(currency="USD"))
    await office.work()
    (failure,) = await office.said(GatewayPaymentFailed)
    assert (failure.reason, failure.time) == ("currency_not_supported", NOON)
    assert stand_in.asked == []


async def test_an_order_that_zalopay_can_not_take_now_waits(
    office: Office, stand_in: StandIn
) -> None:
    stand_in.refused = -500
    await office.handle(requested())

    async def asked_thrice(db: Connection) -> bool:
        return await db.fetchval("select failures >= 3 from errand") is True

    async with office.working():
        await office.until(asked_thrice)
        stand_in.refused = None
        await office.work()
    assert len(await office.said(PaymentLinkReady)) == 1
    assert await office.said(GatewayPaymentFailed) == []
