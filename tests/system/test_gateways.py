"""Paying through a gateway, with real workers: a link, a callback, and a resource (domain 2.2).

Whatever a gateway tells and in whatever order it comes, the money is in the paid order or in the
wallet.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Final

import httpx
import pytest
from pydantic import SecretStr

from services.gateways.adapters.simulated import SimulatedCallback
from shared.messages import Message
from shared.messages.billing import (
    AccountSwitched,
    OrderRejected,
    PaymentConfirmed,
    PaymentRequested,
)
from shared.messages.gateways import PaymentLinkReady
from shared.messages.invoicing import InvoiceIssued, InvoicePaid, InvoicesIssued
from shared.messages.notifications import NotificationRequested
from shared.messages.provisioning import ResourceProvisioned
from shared.messages.scheduler import TickMinute, TickMonth
from shared.messages.upstream import (
    AccountSwitchRequested,
    GatewayPaymentSucceeded,
    InvoicePaymentRequested,
)
from shared.messages.wallet import WalletCredited
from tests.builders import NOON, said
from tests.integration.gateways.stand_in import StandIn, zalopay
from tests.servers.server import free_port
from tests.system.house import House
from tests.system.shop import assert_audit_is_clean, catalogue, customer, fetch, order, server

MINUTE = timedelta(minutes=1)
SEPTEMBER_ENDS = datetime(2026, 9, 30, 17, 0, tzinfo=UTC)
OCTOBER_ENDS = datetime(2026, 10, 31, 17, 0, tzinfo=UTC)
"""Midnights in Ho Chi Minh City."""
LINK_VALIDITY = timedelta(days=3)
KEY: Final = SecretStr("a key for the demo")
TOLD: Final = ("succeeded", "failed", "expired")


class Shop:
    """A house that is paid through gateways."""

    def __init__(self, house: House, stand_in: StandIn) -> None:
        self.house = house
        self.stand_in = stand_in
        self.port = free_port()
        self.settings = stand_in.environment() | {
            "gateways_port": str(self.port),
            "gateway_lease_s": "4",
            "gateway_longest_pause_s": "0.2",
            "simulated_gateway_key": KEY.get_secret_value(),
        }

    def webhook(self, gateway: str) -> str:
        """Where a gateway tells what was paid."""
        return f"http://127.0.0.1:{self.port}/gateways/{gateway}/callback"

    async def open(self, *, credit: int = 0, **settings: str) -> None:
        """Start all workers, for a customer with some credit."""
        self.house.start(**(self.settings | settings))
        await self.house.publish(*catalogue(), *customer(credit=credit))
        if credit:
            await self.house.wait_for(WalletCredited)
        await self.house.wait_until_idle()

    async def link(self, payment_id: str = "payment-ord-1") -> PaymentLinkReady:
        """The link of a payment, once it is there."""
        return await self.house.wait_for(
            PaymentLinkReady, lambda link: link.payment_id == payment_id
        )

    async def pay(
        self, at: datetime, amount: int | None = None, *, payment_id: str = "payment-ord-1"
    ) -> int:
        """Pay on the page of a payment, and have ZaloPay call back; returns what it is answered."""
        order_id = self.stand_in.order_of((await self.link(payment_id)).url)
        self.stand_in.pay(order_id, at, amount)
        return await self.stand_in.call_back(self.webhook("zalopay"), order_id)

    async def credit(self) -> int:
        """What lies in the customer's wallet."""
        ((balance,),) = await fetch(self.house, "select balance from wallet.wallet")
        return int(balance)


@pytest.fixture
async def shop(house: House) -> AsyncIterator[Shop]:
    """A shop that is not open yet."""
    async with zalopay() as stand_in:
        yield Shop(house, stand_in)


def tick(at: datetime) -> Message:
    """A minute begins."""
    return said(TickMinute(), at=at)


async def test_an_order_paid_through_a_gateway_ends_as_a_resource_and_a_paid_invoice(
    shop: Shop,
) -> None:
    await shop.open(credit=40_000)
    placed = order("ord-1", [server("web", "image", "disk")], payment_method="gateway")
    await shop.house.publish(placed)
    assert await shop.pay(NOON + 9 * MINUTE) == 1
    invoice = await shop.house.wait_for(InvoiceIssued)
    assert await shop.pay(NOON + 9 * MINUTE) == 2
    await shop.house.wait_until_idle()
    assert (invoice.gross, invoice.status) == (250_000, "paid")
    (provisioned,) = shop.house.heard(ResourceProvisioned)
    assert (provisioned.resource_id, provisioned.at) == ("web", NOON + 9 * MINUTE)
    (success,) = shop.house.heard(GatewayPaymentSucceeded)
    assert success.envelope.correlation_id == placed.envelope.id
    assert await shop.credit() == 40_000
    await assert_audit_is_clean(shop.house)


async def test_top_up_and_pay_takes_the_credit_and_the_rest_through_the_gateway(
    shop: Shop,
) -> None:
    await shop.open(credit=100_000)
    items = [server("web", "image", "disk")]
    await shop.house.publish(order("ord-1", items, payment_method="top_up_and_pay"))
    asked = await shop.house.wait_for(PaymentRequested)
    assert asked.amount == 150_000
    assert await shop.pay(NOON + MINUTE) == 1
    invoice = await shop.house.wait_for(InvoiceIssued)
    await shop.house.wait_until_idle()
    assert (invoice.gross, invoice.status) == (250_000, "paid")
    assert await shop.credit() == 0
    await assert_audit_is_clean(shop.house)


async def test_a_link_that_nobody_used_for_three_days_ends_the_order_and_late_money_is_credit(
    shop: Shop,
) -> None:
    await shop.open()
    await shop.house.publish(
        order("ord-1", [server("web", "image", "disk")], payment_method="on_behalf")
    )
    link = await shop.link()
    assert link.pay_until == NOON + LINK_VALIDITY
    notice = await shop.house.wait_for(
        NotificationRequested, lambda notice: notice.template == "payment_link"
    )
    assert notice.facts["url"] == link.url
    await shop.house.publish(tick(NOON + LINK_VALIDITY - MINUTE))
    await shop.house.wait_until_idle()
    assert not shop.house.heard(OrderRejected)
    await shop.house.publish(tick(NOON + LINK_VALIDITY))
    rejected = await shop.house.wait_for(OrderRejected)
    assert (rejected.order_id, rejected.reason) == ("ord-1", "link_expired")

    # 2 where asking, which the end of the link began, was quicker than the callback.
    assert await shop.pay(NOON + LINK_VALIDITY + MINUTE) in {1, 2}
    await shop.house.wait_for(WalletCredited)
    await shop.house.wait_until_idle()
    assert await shop.credit() == 250_000
    templates = [notice.template for notice in shop.house.heard(NotificationRequested)]
    assert "payment_became_credit" in templates
    assert not shop.house.heard(PaymentConfirmed)
    await assert_audit_is_clean(shop.house)


async def test_an_invoice_is_paid_through_the_gateway(shop: Shop) -> None:
    await shop.open()
    switch = AccountSwitchRequested(
        account_id="acc-1", user_type="postpaid", requested_by="sales", reason="contract"
    )
    await shop.house.publish(said(switch, at=SEPTEMBER_ENDS - timedelta(days=10)))
    await shop.house.wait_for(AccountSwitched)
    await shop.house.publish(order("ord-1", [server("web", "image", days=None)], at=SEPTEMBER_ENDS))
    await shop.house.wait_for(ResourceProvisioned)
    await shop.house.wait_until_idle()
    await shop.house.publish(said(TickMonth(period="2026-10"), at=OCTOBER_ENDS))
    issued = await shop.house.wait_for(InvoicesIssued)
    (invoice,) = issued.invoices
    payment = InvoicePaymentRequested(
        invoice_id=invoice.invoice_id, account_id="acc-1", method="gateway"
    )
    await shop.house.publish(said(payment, at=NOON))
    asked = await shop.house.wait_for(PaymentRequested)
    assert (asked.invoice_id, asked.amount) == (invoice.invoice_id, 93_000)
    assert await shop.pay(NOON + MINUTE, payment_id=asked.payment_id) == 1
    paid = await shop.house.wait_for(InvoicePaid)
    await shop.house.wait_until_idle()
    assert (paid.invoice_id, paid.amount, paid.outstanding) == (invoice.invoice_id, 93_000, 0)
    await assert_audit_is_clean(shop.house)


async def test_another_amount_than_was_asked_for_becomes_credit(shop: Shop) -> None:
    await shop.open()
    await shop.house.publish(order("ord-1", [server("web", "image")], payment_method="gateway"))
    assert await shop.pay(NOON + MINUTE, amount=179_999) == 1
    await shop.house.wait_for(WalletCredited)
    await shop.house.wait_until_idle()
    assert await shop.credit() == 179_999
    assert not shop.house.heard(PaymentConfirmed)
    await shop.house.publish(tick(NOON + timedelta(days=1)))
    await shop.house.wait_for(OrderRejected)
    await shop.house.wait_until_idle()
    await assert_audit_is_clean(shop.house)


async def test_a_payment_whose_callback_was_lost_is_found_by_asking(shop: Shop) -> None:
    await shop.open()
    await shop.house.publish(order("ord-1", [server("web", "image")], payment_method="gateway"))
    order_id = shop.stand_in.order_of((await shop.link()).url)
    shop.stand_in.pay(order_id, NOON + 2 * MINUTE)
    await shop.house.publish(tick(NOON + 5 * MINUTE))
    invoice = await shop.house.wait_for(InvoiceIssued)
    assert await shop.stand_in.call_back(shop.webhook("zalopay"), order_id) == 2
    await shop.house.wait_until_idle()
    assert (invoice.gross, len(shop.house.heard(GatewayPaymentSucceeded))) == (180_000, 1)
    await assert_audit_is_clean(shop.house)


async def test_a_worker_killed_between_asking_and_storing_leaves_one_link(shop: Shop) -> None:
    dying = shop.house.start("gateways", die_at="asked", **shop.settings)
    shop.house.start("billing", "wallet", "provisioning", "invoicing")
    await shop.house.publish(*catalogue(), *customer())
    await shop.house.publish(order("ord-1", [server("web", "image")], payment_method="gateway"))
    assert await dying.wait_for_end() == -9
    assert len(shop.stand_in.orders) == 1
    shop.house.start("gateways", **shop.settings)
    assert await shop.pay(NOON + MINUTE) == 1
    await shop.house.wait_for(InvoiceIssued)
    await shop.house.wait_until_idle()
    first, second = shop.stand_in.orders
    assert shop.stand_in.asked == [("create", first), ("create", first), ("create", second)]
    assert len(shop.house.heard(PaymentLinkReady)) == 1
    await assert_audit_is_clean(shop.house)


class Orders:
    """Orders at the simulated gateway, whose callbacks a test sends as it likes."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self.house = shop.house

    async def place(self, number: int) -> datetime:
        """Place an order whose link is there when this returns; returns its time."""
        at = NOON + number * timedelta(days=10)
        placed = order(
            f"ord-{number}",
            [server(f"web-{number}", "image")],
            payment_method="on_behalf",
            at=at,
        )
        await self.house.publish(placed)
        await self._shop.link(f"payment-ord-{number}")
        return at

    async def tell(self, number: int, what: str, placed_at: datetime) -> None:
        """Have the gateway tell that it took the money or not; or the link's time be over."""
        if what == "expired":
            await self.house.publish(tick(placed_at + LINK_VALIDITY))
            return
        callback = SimulatedCallback(
            order_id=f"payment-ord-{number}",
            reference=f"ref-{number}",
            at=placed_at + MINUTE,
            amount=180_000 if what == "succeeded" else None,
        )
        async with httpx.AsyncClient() as http:
            url = self._shop.webhook("simulated")
            answer = await http.post(url, content=callback.signed(KEY))
        assert answer.json() == {"verdict": "taken"}

    def invoiced(self, number: int) -> int:
        """How many invoices an order has."""
        return sum(one.order_id == f"ord-{number}" for one in self.house.heard(InvoiceIssued))

    def rejected(self, number: int) -> list[str]:
        """Why an order was rejected, once for each time."""
        rejections = self.house.heard(OrderRejected)
        return [one.reason for one in rejections if one.order_id == f"ord-{number}"]


async def test_in_every_order_of_arrival_the_money_is_in_the_order_or_in_the_wallet(
    shop: Shop,
) -> None:
    await shop.open(gateway="simulated")
    orders = Orders(shop)
    credit = 0
    for number, arrival in enumerate(permutations(TOLD), start=1):
        placed_at = await orders.place(number)
        for what in arrival:
            await orders.tell(number, what, placed_at)
            await shop.house.wait_until_idle()
        if arrival[0] == "succeeded":
            assert (orders.invoiced(number), orders.rejected(number)) == (1, [])
        else:
            credit += 180_000
            reason = {"failed": "gateway_failed", "expired": "link_expired"}[arrival[0]]
            assert (orders.invoiced(number), orders.rejected(number)) == (0, [reason])
        assert await shop.credit() == credit
        await assert_audit_is_clean(shop.house)


async def test_what_comes_at_the_same_instant_ends_in_one_way_too(shop: Shop) -> None:
    await shop.open(gateway="simulated")
    shop.house.start("billing")
    orders = Orders(shop)
    numbers = range(1, 9)
    for number in numbers:
        placed_at = await orders.place(number)
        await asyncio.gather(*(orders.tell(number, what, placed_at) for what in TOLD))
    await shop.house.wait_until_idle()
    ends = [(orders.invoiced(number), len(orders.rejected(number))) for number in numbers]
    assert set(ends) <= {(1, 0), (0, 1)}
    assert await shop.credit() == 180_000 * ends.count((0, 1))
    await assert_audit_is_clean(shop.house)
