"""Postpaid: use, then pay; one unpaid invoice for each resource and billing month (domain 3)."""

from datetime import UTC, datetime

import pytest

from shared.messages.billing import AccountSwitched, OrderConfirmed, OrderRejected
from shared.messages.invoicing import Invoice, InvoiceRunCompleted, InvoicesIssued
from shared.messages.provisioning import ResourceDeleted, ResourceProvisioned
from shared.messages.scheduler import TickMonth
from shared.messages.upstream import AccountSwitchRequested, OrderItem
from shared.messages.wallet import WalletCharge
from tests.builders import said
from tests.system.house import House
from tests.system.shop import assert_audit_is_clean, catalogue, customer, fetch, order, server

SWITCHED = datetime(2026, 9, 20, 2, 0, tzinfo=UTC)
NOVEMBER_BEGINS = datetime(2026, 10, 31, 17, 0, tzinfo=UTC)
"""Midnight in Ho Chi Minh City."""


@pytest.fixture
async def shop(house: House) -> House:
    """A house whose workers run and whose customer is postpaid."""
    house.start()
    await house.publish(*catalogue(), *customer())
    await house.publish(
        said(
            AccountSwitchRequested(
                account_id="acc-1", user_type="postpaid", requested_by="sales", reason="contract"
            ),
            at=SWITCHED,
        )
    )
    switched = await house.wait_for(AccountSwitched)
    await house.wait_until_idle()
    assert (switched.from_, switched.to) == ("prepaid", "postpaid")
    return house


def invoices(house: House) -> list[Invoice]:
    """All that the month's runs told."""
    return [one for batch in house.heard(InvoicesIssued) for one in batch.invoices]


async def close(house: House, period: str, at: datetime = NOVEMBER_BEGINS) -> None:
    """End a billing month."""
    await house.publish(said(TickMonth(period=period), at=at))
    await house.wait_for(InvoiceRunCompleted, lambda run: run.period == period)
    await house.wait_until_idle()


async def test_a_month_of_use_makes_one_unpaid_invoice(shop: House) -> None:
    started = datetime(2026, 9, 30, 17, 0, tzinfo=UTC)  # midnight of October 1st
    await shop.publish(order("ord-1", [server("web", "image", days=None)], at=started))
    await shop.wait_for(ResourceProvisioned)
    await shop.wait_until_idle()
    assert len(shop.heard(OrderConfirmed)) == 1
    assert not shop.heard(WalletCharge), "nothing is paid before it is used"

    await close(shop, "2026-10")
    (invoice,) = invoices(shop)
    assert (invoice.kind, invoice.status) == ("usage", "unpaid")
    assert invoice.gross == 93_000, "31 days of a price per 30 days"
    assert [line.minutes for line in invoice.lines] == [31 * 1_440]
    assert invoice.due_at == NOVEMBER_BEGINS.replace(month=11, day=15)
    await assert_audit_is_clean(shop)


async def test_a_second_tick_for_the_same_month_changes_nothing(shop: House) -> None:
    await shop.publish(
        order("ord-1", [server("web", "image", days=None)], at=datetime(2026, 10, 3, tzinfo=UTC))
    )
    await shop.wait_for(ResourceProvisioned)
    await shop.wait_until_idle()
    await close(shop, "2026-10")
    before = await fetch(shop, "select * from invoicing.invoice_line")
    await shop.publish(said(TickMonth(period="2026-10"), at=NOVEMBER_BEGINS.replace(hour=18)))
    await shop.wait_until_idle()
    assert await fetch(shop, "select * from invoicing.invoice_line") == before
    assert len(invoices(shop)) == 1
    await assert_audit_is_clean(shop)


async def test_a_deletion_ends_the_use_and_it_is_invoiced_up_to_then(shop: House) -> None:
    begun, ended = datetime(2026, 10, 3, 5, 0, tzinfo=UTC), datetime(2026, 10, 18, 5, 0, tzinfo=UTC)
    await shop.publish(order("ord-1", [server("web", "image", days=None)], at=begun))
    await shop.wait_for(ResourceProvisioned)
    await shop.wait_until_idle()
    await shop.publish(
        order("ord-2", [OrderItem(item_id="d-1", resource_id="web")], action="delete", at=ended)
    )
    await shop.wait_for(ResourceDeleted)
    await shop.wait_until_idle()
    await close(shop, "2026-10")
    (invoice,) = invoices(shop)
    assert invoice.gross == 45_000, "15 of 30 days"
    assert [(line.period_from, line.period_to) for line in invoice.lines] == [(begun, ended)]
    await assert_audit_is_clean(shop)


async def test_each_month_has_its_own_invoice(shop: House) -> None:
    begun = datetime(2026, 10, 16, 17, 0, tzinfo=UTC)
    await shop.publish(order("ord-1", [server("web", "image", days=None)], at=begun))
    await shop.wait_for(ResourceProvisioned)
    await shop.wait_until_idle()
    await close(shop, "2026-10")
    await close(shop, "2026-11", datetime(2026, 11, 30, 17, 0, tzinfo=UTC))
    assert [one.gross for one in invoices(shop)] == [45_000, 90_000]
    await assert_audit_is_clean(shop)


async def test_a_postpaid_user_cannot_renew(shop: House) -> None:
    await shop.publish(
        order("ord-1", [server("web", "image", days=None)], at=datetime(2026, 10, 3, tzinfo=UTC))
    )
    await shop.wait_for(ResourceProvisioned)
    await shop.wait_until_idle()
    renewal = [OrderItem(item_id="r-1", resource_id="web", days=30)]
    await shop.publish(order("ord-2", renewal, action="renew"))
    rejected = await shop.wait_for(OrderRejected)
    assert rejected.reason == "not_for_postpaid"
