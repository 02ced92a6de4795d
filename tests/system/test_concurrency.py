"""Many at once on one wallet, one coupon, one resource, one invoice: what fits succeeds, once."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from shared.messages.billing import OrderRejected, RefundToCredit
from shared.messages.catalogue import CouponPublished
from shared.messages.invoicing import InvoiceCredited, InvoiceIssued, InvoicePaid, InvoicesIssued
from shared.messages.provisioning import ResourceProvisioned
from shared.messages.scheduler import TickDay, TickMonth
from shared.messages.upstream import (
    AccountSwitchRequested,
    InvoicePaymentRequested,
    OrderItem,
    TopUpReceived,
)
from shared.messages.wallet import WalletCredited
from tests.builders import NOON, said, to_credit
from tests.system.house import House
from tests.system.shop import (
    LONG_AGO,
    assert_audit_is_clean,
    catalogue,
    customer,
    fetch,
    order,
    server,
)


@pytest.fixture
async def busy_house(house: House) -> House:
    """A house in which each queue has two worker processes."""
    for _ in range(2):
        house.start("billing", "wallet", "provisioning", "invoicing")
    await house.publish(*catalogue())
    return house


async def open_account(house: House, credit: int) -> None:
    """A customer with so much credit."""
    await house.publish(*customer(credit=credit))
    await house.wait_for(WalletCredited)
    await house.wait_until_idle()


def reasons(house: House) -> Counter[str]:
    """Why orders were rejected."""
    return Counter(one.reason for one in house.heard(OrderRejected))


async def test_two_hundred_orders_on_credit_for_ten_give_ten_resources(busy_house: House) -> None:
    await open_account(busy_house, 10 * 180_000)
    await busy_house.publish(
        *(order(f"ord-{number}", [server(f"web-{number}", "image")]) for number in range(200))
    )
    await busy_house.wait_until_idle(90)
    assert len(busy_house.heard(InvoiceIssued)) == 10
    assert reasons(busy_house) == {"insufficient_credit": 190}
    assert await fetch(busy_house, "select balance, held from wallet.wallet") == [(0, 0)]
    await assert_audit_is_clean(busy_house)


async def test_a_coupon_for_three_orders_serves_three_of_forty(busy_house: House) -> None:
    await open_account(busy_house, 100_000_000)
    coupon = CouponPublished(
        code="THREE",
        kind="amount",
        value=Decimal(30_000),
        products=("vserver",),
        valid_until=NOON + timedelta(days=30),
        max_uses=3,
    )
    await busy_house.publish(said(coupon, at=LONG_AGO))
    await busy_house.wait_until_idle()
    await busy_house.publish(
        *(
            order(f"ord-{number}", [server(f"web-{number}", "image")], coupon="THREE")
            for number in range(40)
        )
    )
    await busy_house.wait_until_idle(60)
    assert [one.gross for one in busy_house.heard(InvoiceIssued)] == [150_000] * 3
    assert reasons(busy_house) == {"coupon_used_up": 37}
    assert await fetch(busy_house, "select uses from billing.coupon") == [(3,)]
    await assert_audit_is_clean(busy_house)


async def test_of_many_deletions_of_one_resource_one_gives_its_value_back(
    busy_house: House,
) -> None:
    await open_account(busy_house, 180_000)
    await busy_house.publish(order("ord-1", [server("web", "image")]))
    await busy_house.wait_for(InvoiceIssued)
    await busy_house.wait_until_idle()
    half_time = NOON + timedelta(days=30)
    await busy_house.publish(
        *(
            order(
                f"del-{number}",
                [OrderItem(item_id=f"d-{number}", resource_id="web")],
                action="delete",
                at=half_time,
            )
            for number in range(30)
        )
    )
    await busy_house.wait_until_idle(60)
    assert sum(reasons(busy_house).values()) == 29
    assert await fetch(busy_house, "select balance from wallet.wallet") == [(90_000,)]
    await assert_audit_is_clean(busy_house)


async def test_a_deletion_and_credit_notes_of_one_resource_at_once_give_back_what_was_paid(
    busy_house: House,
) -> None:
    await open_account(busy_house, 180_000)
    await busy_house.publish(order("ord-1", [server("web", "image")]))
    invoice = await busy_house.wait_for(InvoiceIssued)
    await busy_house.wait_until_idle()
    half_time = NOON + timedelta(days=30)
    deletion = OrderItem(item_id="gone", resource_id="web")
    notes = (to_credit(f"cn-{number}", invoice.invoice_id, 60_000) for number in range(8))
    await busy_house.publish(
        order("del", [deletion], action="delete", at=half_time),
        *(said(note, at=half_time) for note in notes),
    )
    await busy_house.wait_until_idle(60)
    issued = len(busy_house.heard(InvoiceCredited))
    given_back = sum(refund.amount for refund in busy_house.heard(RefundToCredit))
    assert (issued, given_back) in ((1, 150_000), (2, 180_000), (3, 180_000))
    assert await fetch(busy_house, "select balance from wallet.wallet") == [(given_back,)]
    refused = await fetch(busy_house, "select reason from billing.dead_letter")
    assert len(refused) + issued == 8
    assert {row[0] for row in refused} == {"exceeds_invoice"}
    await assert_audit_is_clean(busy_house)


async def test_portal_and_automatic_payment_at_the_same_instant_settle_an_invoice_once(
    busy_house: House,
) -> None:
    await busy_house.publish(*customer())
    switch = AccountSwitchRequested(
        account_id="acc-1", user_type="postpaid", requested_by="sales", reason="contract"
    )
    await busy_house.publish(said(switch, at=datetime(2026, 9, 20, tzinfo=UTC)))
    await busy_house.wait_until_idle()
    begun = datetime(2026, 9, 30, 17, 0, tzinfo=UTC)
    await busy_house.publish(order("ord-1", [server("web", "image", days=None)], at=begun))
    await busy_house.wait_for(ResourceProvisioned)
    await busy_house.wait_until_idle()
    closed = datetime(2026, 10, 31, 17, 0, tzinfo=UTC)
    await busy_house.publish(said(TickMonth(period="2026-10"), at=closed))
    issued = await busy_house.wait_for(InvoicesIssued)
    (invoice,) = issued.invoices
    top_up = TopUpReceived(
        top_up_id="t-1",
        account_id="acc-1",
        amount=200_000,
        gateway="bank",
        gateway_reference="r-1",
    )
    await busy_house.publish(said(top_up, at=closed + timedelta(hours=1)))
    await busy_house.wait_for(WalletCredited)
    await busy_house.wait_until_idle()

    payment = InvoicePaymentRequested(
        invoice_id=invoice.invoice_id, account_id="acc-1", method="credit"
    )
    instant = closed + timedelta(hours=2)
    await busy_house.publish(
        *(said(payment.model_copy(), at=instant) for _ in range(10)),
        said(TickDay(), at=instant),
    )
    await busy_house.wait_for(InvoicePaid)
    await busy_house.wait_until_idle()
    assert len(busy_house.heard(InvoicePaid)) == 1
    assert await fetch(busy_house, "select balance from wallet.wallet") == [(200_000 - 93_000,)]
    assert await fetch(busy_house, "select paid, status from invoicing.invoice_state") == [
        (93_000, "paid")
    ]
    await assert_audit_is_clean(busy_house)
