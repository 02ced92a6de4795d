"""Prepaid: pay, then use; money ends as a resource with a paid invoice, or as credit (domain 2)."""

import pytest

from shared.messages.billing import OrderRejected, PaymentConfirmed, PaymentFailed, RefundToCredit
from shared.messages.invoicing import InvoiceCredited, InvoiceIssued
from shared.messages.provisioning import ProvisioningFailed, ResourceDeleted, ResourceProvisioned
from shared.messages.upstream import OrderItem
from shared.messages.wallet import WalletCharge, WalletCredited, WalletDebited, WalletDeclined
from tests.builders import NOON, said, to_credit
from tests.system.house import House
from tests.system.shop import assert_audit_is_clean, catalogue, customer, fetch, order, server

CHAIN = (
    WalletCharge,
    WalletDebited,
    PaymentConfirmed,
    ResourceProvisioned,
    InvoiceIssued,
)


@pytest.fixture
async def shop(house: House) -> House:
    """A house whose workers run and whose customer has 1,000,000."""
    house.start()
    await house.publish(*catalogue(), *customer(credit=1_000_000))
    await house.wait_for(WalletCredited)
    await house.wait_until_idle()
    return house


async def test_a_paid_order_ends_as_a_resource_and_one_paid_invoice(shop: House) -> None:
    placed = order("ord-1", [server("web", "image", "disk")])
    await shop.publish(placed)
    invoice = await shop.wait_for(InvoiceIssued)
    await shop.wait_until_idle()

    assert (invoice.gross, invoice.status, invoice.kind) == (250_000, "paid", "prepaid")
    assert [line.amount for line in invoice.lines] == [180_000, 70_000]
    assert (invoice.net, invoice.vat) == (227_272, 22_728)
    resource = shop.heard(ResourceProvisioned)[0]
    assert (resource.resource_id, resource.state, resource.at) == ("web", "active", NOON)
    chain = [message for kind in CHAIN for message in shop.heard(kind)]
    assert len(chain) == len(CHAIN), "each was said once"
    assert {message.envelope.correlation_id for message in chain} == {placed.envelope.id}
    assert await fetch(shop, "select balance, held from wallet.wallet") == [(750_000, 0)]
    await assert_audit_is_clean(shop)


async def test_the_payment_is_in_the_history_before_the_resource_is_there(house: House) -> None:
    house.start("billing", "wallet")
    await house.publish(*catalogue(), *customer(credit=1_000_000))
    await house.wait_for(WalletCredited)
    await house.publish(order("ord-1", [server("web", "image")]))
    await house.wait_for(PaymentConfirmed)
    history = await fetch(
        house,
        "select payment_id, amount, outcome from billing.payment_outcome where reason is null",
    )
    assert history == [("payment-ord-1", 180_000, "confirmed")]
    assert not house.heard(ResourceProvisioned)
    house.start("provisioning", "invoicing")
    await house.wait_for(InvoiceIssued)
    await house.wait_until_idle()
    await assert_audit_is_clean(house)


async def test_an_order_that_cannot_be_paid_is_rejected_and_nothing_else_happens(
    shop: House,
) -> None:
    await shop.publish(order("ord-1", [server("web", "image", days=3_000)]))
    rejected = await shop.wait_for(OrderRejected)
    failed = await shop.wait_for(PaymentFailed)
    await shop.wait_until_idle()
    assert (rejected.order_id, rejected.reason) == ("ord-1", "insufficient_credit")
    assert failed.reason == "insufficient_credit"
    assert len(shop.heard(WalletDeclined)) == 1
    assert not shop.heard(ResourceProvisioned)
    assert not shop.heard(InvoiceIssued)
    assert await fetch(shop, "select balance from wallet.wallet") == [(1_000_000,)]
    await assert_audit_is_clean(shop)


async def test_failed_provisioning_gives_the_money_back_as_credit_and_no_invoice(
    shop: House,
) -> None:
    await shop.publish(order("ord-1", [server("web", "image", "broken")]))
    await shop.wait_for(ProvisioningFailed)
    await shop.wait_for(WalletCredited, lambda credited: credited.reason != "top_up")
    await shop.wait_until_idle()
    refund = shop.heard(RefundToCredit)
    assert [(one.amount, one.wallet, one.item_id) for one in refund] == [(280_000, "credit", "web")]
    assert not shop.heard(InvoiceIssued)
    assert await fetch(shop, "select balance from wallet.wallet") == [(1_000_000,)]
    await assert_audit_is_clean(shop)


async def test_of_two_resources_only_the_failed_one_is_refunded(shop: House) -> None:
    await shop.publish(order("ord-1", [server("good", "image"), server("bad", "image", "broken")]))
    await shop.wait_for(InvoiceIssued)
    await shop.wait_for(RefundToCredit)
    await shop.wait_until_idle()
    assert [one.resource_id for one in shop.heard(InvoiceIssued)] == ["good"]
    assert [one.amount for one in shop.heard(RefundToCredit)] == [280_000]
    assert await fetch(shop, "select balance from wallet.wallet") == [(820_000,)]
    states = await fetch(shop, "select state from billing.purchase_order")
    assert states == [("partially_completed",)]
    await assert_audit_is_clean(shop)


async def test_a_deleted_resource_gives_its_unused_value_back(shop: House) -> None:
    await shop.publish(order("ord-1", [server("web", "image", "disk")]))
    await shop.wait_for(InvoiceIssued)
    await shop.wait_until_idle()
    deletion = [OrderItem(item_id="d-1", resource_id="web")]
    await shop.publish(order("ord-2", deletion, action="delete", at=NOON.replace(month=12, day=2)))
    await shop.wait_for(ResourceDeleted)
    await shop.wait_until_idle()
    refund = shop.heard(RefundToCredit)
    assert [(one.amount, one.reason) for one in refund] == [(125_000, "deleted")]
    assert await fetch(shop, "select balance from wallet.wallet") == [(875_000,)]
    await assert_audit_is_clean(shop)


async def test_a_credit_note_and_a_deletion_at_once_give_back_no_more_than_was_paid(
    shop: House,
) -> None:
    await shop.publish(order("ord-1", [server("web", "image", "disk")]))
    invoice = await shop.wait_for(InvoiceIssued)
    await shop.wait_until_idle()
    at = NOON.replace(month=12, day=2)
    note = to_credit("note-1", invoice.invoice_id, 200_000)
    deletion = order("ord-2", [OrderItem(item_id="d-1", resource_id="web")], action="delete", at=at)
    await shop.publish(said(note, at=at), deletion)
    await shop.wait_for(ResourceDeleted)
    await shop.wait_until_idle()
    refunds = {one.reason: one.amount for one in shop.heard(RefundToCredit)}
    letters = await fetch(shop, "select reason, type from billing.dead_letter")
    assert (refunds, letters) in (
        ({"invoice_credited": 200_000, "deleted": 50_000}, []),
        ({"deleted": 125_000}, [("exceeds_invoice", "refund.reserve")]),
    )
    assert [one.credit_note_id for one in shop.heard(InvoiceCredited)] == (
        ["note-1"] if "invoice_credited" in refunds else []
    )
    await assert_audit_is_clean(shop)


async def test_an_order_id_used_again_with_another_content_is_put_away(shop: House) -> None:
    await shop.publish(order("ord-1", [server("web", "image")]))
    await shop.wait_for(InvoiceIssued)
    await shop.publish(order("ord-1", [server("other", "image", "disk")]))
    await shop.publish(order("ord-1", [server("web", "image")]))
    await shop.publish(order("ord-2", [server("next", "image")]))
    await shop.wait_for(InvoiceIssued, lambda invoice: invoice.resource_id == "next")
    await shop.wait_until_idle()
    letters = await fetch(shop, "select reason, type from billing.dead_letter")
    assert letters == [("id_reused", "order.placed")]
    assert len(shop.heard(InvoiceIssued)) == 2
    assert await fetch(shop, "select balance from wallet.wallet") == [(640_000,)]
    await assert_audit_is_clean(shop)


async def test_orders_before_their_account_and_product_wait_for_them(house: House) -> None:
    house.start()
    await house.publish(order("ord-1", [server("web", "image")]))
    await house.publish(*customer(credit=200_000))
    await house.publish(*catalogue())
    invoice = await house.wait_for(InvoiceIssued)
    await house.wait_until_idle()
    assert invoice.gross == 180_000
    await assert_audit_is_clean(house)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"account_id": "nobody"}, "unknown_account"),
        ({"items": [server("web", "gold")]}, "unknown_sku"),
        (
            {"items": [server("web", "image").model_copy(update={"product": "vgold"})]},
            "unknown_product",
        ),
        (
            {"items": [OrderItem(item_id="d-1", resource_id="no-such")], "action": "delete"},
            "unknown_resource",
        ),
        ({"items": [server("web", "image", days=None)]}, "term_missing"),
        ({"coupon": "FREE"}, "coupon_unknown"),
    ],
)
async def test_an_order_that_breaks_a_rule_is_rejected_and_its_neighbours_go_through(
    shop: House, broken: dict[str, object], reason: str
) -> None:
    items = broken.pop("items", [server("web", "image")])
    await shop.publish(
        order("ord-0", [server("before", "image")]),
        order("ord-1", items, **broken),  # type: ignore[arg-type]
        order("ord-2", [server("after", "image")]),
    )
    rejected = await shop.wait_for(OrderRejected)
    await shop.wait_until_idle()
    assert (rejected.order_id, rejected.reason) == ("ord-1", reason)
    assert {one.resource_id for one in shop.heard(InvoiceIssued)} == {"before", "after"}
    assert await fetch(shop, "select balance from wallet.wallet") == [(640_000,)]
    await assert_audit_is_clean(shop)
