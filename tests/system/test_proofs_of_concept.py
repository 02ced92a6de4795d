"""A proof of concept, from its grant to a regular resource (domain 9)."""

from datetime import datetime, timedelta

from shared.messages.billing import OrderRejected, PaymentConfirmed, RefundToCredit
from shared.messages.invoicing import InvoiceIssued
from shared.messages.notifications import NotificationRequested
from shared.messages.provisioning import (
    ResourceProvisioned,
    ResourceRecovered,
    ResourceRenewed,
    ResourceResized,
    ResourceSuspended,
)
from shared.messages.scheduler import TickDay, TickMinute
from shared.messages.upstream import OrderItem, OrderPlaced, PocGranted
from shared.messages.wallet import WalletCredited
from tests.builders import NOON, component, said
from tests.system.house import House
from tests.system.shop import assert_audit_is_clean, catalogue, customer, fetch, order, server

DAY = timedelta(days=1)
END = NOON + 60 * DAY


def granted(amount: int, *, ends_at: datetime = END, at: datetime = NOON - DAY) -> PocGranted:
    """Sales grant a proof of concept."""
    grant = PocGranted(account_id="acc-1", amount=amount, ends_at=ends_at, granted_by="Lan")
    return said(grant, at=at)


def act(action: str, at: datetime, **item: object) -> OrderPlaced:
    """An order for `web`, whose id tells the action and the day."""
    name = f"{action}-{(at - NOON).days}"
    asked = OrderItem.model_validate({"item_id": name, "resource_id": "web", **item})
    return order(name, [asked], action=action, at=at)


async def balances(house: House) -> dict[str, int]:
    """What is in the wallets of the account."""
    return dict(await fetch(house, "select wallet, balance from wallet.wallet"))


async def open_trial(house: House, amount: int) -> None:
    """A customer with credit of 1,000,000, who pays a trial of 180,000 from a POC wallet."""
    house.start()
    await house.publish(*catalogue(), *customer(credit=1_000_000), granted(amount))
    await house.wait_for(WalletCredited, lambda credited: credited.wallet == "poc")
    await house.publish(order("ord-1", [server("web", "image", days=None)], payment_method="poc"))
    await house.wait_for(ResourceProvisioned)
    await house.wait_until_idle()


async def test_a_trial_lives_from_its_wallet_ends_with_it_and_becomes_a_paid_resource(
    house: House,
) -> None:
    await open_trial(house, 500_000)
    broken = order("ord-2", [server("bad", "broken")], payment_method="poc")
    await house.publish(broken)
    refund = await house.wait_for(RefundToCredit)
    assert (refund.wallet, refund.amount) == ("poc", 100_000)

    await house.publish(act("resize", NOON, components=(component("image"), component("disk", 10))))
    rejected = await house.wait_for(OrderRejected)
    assert rejected.reason == "insufficient_poc_credit"
    larger = (component("image"), component("disk"))
    await house.publish(act("resize", NOON + 30 * DAY, components=larger))
    await house.wait_for(ResourceResized)
    await house.wait_until_idle()
    assert await balances(house) == {"credit": 1_000_000, "poc": 500_000 - 180_000 - 35_000}

    await house.publish(said(TickDay(), at=END - 7 * DAY), said(TickMinute(), at=END))
    ended = await house.wait_for(ResourceSuspended)
    assert (ended.because_of, ended.at, ended.poc) == ("poc_ended", END, "ended")
    await house.wait_until_idle()
    await assert_audit_is_clean(house)
    assert not house.heard(InvoiceIssued)

    await house.publish(act("recover", END + 2 * DAY, days=30))
    recovered = await house.wait_for(ResourceRecovered)
    invoice = await house.wait_for(InvoiceIssued)
    await house.wait_until_idle()
    assert (recovered.poc, recovered.ends_at) == (None, END + 32 * DAY)
    assert (invoice.gross, invoice.status) == (125_000, "paid")
    assert await balances(house) == {"credit": 875_000, "poc": 285_000}
    told = {one.template for one in house.heard(NotificationRequested)}
    assert {"poc_granted", "poc_ends_soon", "poc_stopped", "resource_recovered"} <= told
    await assert_audit_is_clean(house)


async def test_a_trial_that_is_stopped_gives_back_and_is_renewed_by_other_means(
    house: House,
) -> None:
    await open_trial(house, 180_000)
    await house.publish(act("stop_poc", NOON + 20 * DAY))
    refund = await house.wait_for(RefundToCredit)
    assert (refund.wallet, refund.amount, refund.reason) == ("poc", 120_000, "poc_stopped")
    await house.wait_until_idle()
    await assert_audit_is_clean(house)

    await house.publish(act("renew", NOON + 22 * DAY, days=30))
    renewed = await house.wait_for(ResourceRenewed)
    invoice = await house.wait_for(InvoiceIssued)
    await house.wait_until_idle()
    assert (renewed.poc, renewed.ends_at) == (None, NOON + 50 * DAY)
    assert (invoice.gross, invoice.period_from) == (90_000, NOON + 20 * DAY)
    assert await balances(house) == {"credit": 910_000, "poc": 120_000}
    await assert_audit_is_clean(house)


async def test_a_wallet_that_was_moved_out_renews_and_one_that_ended_pays_again_once_granted(
    house: House,
) -> None:
    await open_trial(house, 200_000)
    later = END + 30 * DAY
    await house.publish(granted(70_000, ends_at=later, at=NOON + DAY))
    await house.wait_until_idle()
    await house.publish(act("renew", NOON + 2 * DAY))
    renewed = await house.wait_for(ResourceRenewed)
    assert (renewed.poc, renewed.ends_at) == ("running", later)
    await house.wait_until_idle()
    assert (await balances(house))["poc"] == 0

    await house.publish(said(TickMinute(), at=later))
    await house.wait_for(ResourceSuspended)
    too_late = order("ord-3", [server("more", "disk", days=30)], at=later, payment_method="poc")
    await house.publish(too_late)
    rejected = await house.wait_for(OrderRejected)
    assert rejected.reason == "poc_wallet_ended"
    await house.publish(granted(35_000, ends_at=later + 60 * DAY, at=later + DAY))
    await house.wait_until_idle()
    again = order("ord-4", [server("more", "disk", days=30)], at=later + DAY, payment_method="poc")
    await house.publish(again)
    await house.wait_for(PaymentConfirmed, lambda paid: paid.order_id == "ord-4")
    await house.wait_until_idle()
    assert (await balances(house))["poc"] == 0
    assert not house.heard(InvoiceIssued)
    await assert_audit_is_clean(house)
