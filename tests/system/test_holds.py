"""Credit holds with real workers: the example of domain 8, shortage, the month's end, crashes."""

import asyncio
import random
import signal
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from services.registry import SERVICES
from shared.messages.billing import OrderRejected, PaymentConfirmed
from shared.messages.invoicing import InvoicePaid, InvoiceRunCompleted, InvoicesIssued
from shared.messages.notifications import NotificationRequested
from shared.messages.provisioning import (
    ProvisioningFailed,
    ResourceDeleted,
    ResourceProvisioned,
    ResourceStarted,
    ResourceSuspended,
)
from shared.messages.scheduler import TickDay, TickMonth
from shared.messages.upstream import OrderItem, TopUpReceived
from shared.messages.wallet import WalletCharge, WalletCredited, WalletDebited
from tests.builders import said
from tests.system.house import House, WorkerProcess
from tests.system.shop import (
    assert_audit_is_clean,
    catalogue,
    customer,
    fetch,
    nodes,
    order,
    server,
    use_priced_catalogue,
)

DAY = timedelta(days=1)
BEGUN = datetime(2026, 11, 9, 17, tzinfo=UTC)
DECEMBER = datetime(2026, 11, 30, 17, 5, tzinfo=UTC)
"""Midnight of November 10th, and five minutes of December, in Ho Chi Minh City."""
OF_NOVEMBER = 21 * 600_000
NEW_MONTH = 1_800_000 + 2_083


async def open_shop(house: House, credit: int) -> None:
    """A customer with credit, and what is on sale."""
    await house.publish(*catalogue(), *use_priced_catalogue(), *customer(credit=credit))
    await house.wait_for(WalletCredited)
    await house.wait_until_idle()


async def wallet(house: House) -> tuple[int, int]:
    """What is held, and what is available."""
    ((held, available),) = await fetch(
        house, "select held, balance - held from wallet.wallet where wallet = 'credit'"
    )
    return held, available


async def pass_day(house: House, at: datetime) -> None:
    """A day is over."""
    await house.publish(said(TickDay(), at=at))
    await house.wait_until_idle()


async def test_two_nodes_hold_and_pay_as_the_domain_says(house: House) -> None:
    house.start()
    await open_shop(house, 50_000_000)
    await house.publish(order("ord-1", [nodes("cluster")], at=BEGUN))
    await house.wait_for(ResourceProvisioned)
    await house.wait_until_idle()
    assert await wallet(house) == (1_800_000, 48_200_000)
    await pass_day(house, BEGUN + DAY)
    assert await wallet(house) == (2_400_000, 47_600_000)
    await pass_day(house, DECEMBER - DAY)
    assert not house.heard(WalletCharge)

    await house.publish(
        said(TickMonth(period="2026-11"), at=DECEMBER), said(TickDay(), at=DECEMBER)
    )
    await house.wait_for(InvoiceRunCompleted)
    await house.wait_for(InvoicePaid)
    await house.wait_until_idle()
    (issued,) = house.heard(InvoicesIssued)
    assert [one.gross for one in issued.invoices] == [OF_NOVEMBER]
    (payment,) = house.heard(PaymentConfirmed)
    assert (payment.invoice_id, payment.amount) == (issued.invoices[0].invoice_id, OF_NOVEMBER)
    assert await wallet(house) == (NEW_MONTH, 50_000_000 - OF_NOVEMBER - NEW_MONTH)

    gone = OrderItem(item_id="gone", resource_id="cluster")
    await house.publish(order("ord-2", [gone], action="delete", at=DECEMBER + DAY))
    await house.wait_for(ResourceDeleted)
    await house.wait_until_idle()
    assert (await wallet(house))[0] == 600_000 + 2_083
    january = datetime(2026, 12, 31, 17, 5, tzinfo=UTC)
    await house.publish(said(TickMonth(period="2026-12"), at=january))
    await house.wait_for(InvoiceRunCompleted, lambda run: run.period == "2026-12")
    await house.wait_until_idle()
    assert await wallet(house) == (0, 50_000_000 - OF_NOVEMBER - 600_000 - 2_083)
    await assert_audit_is_clean(house)


async def test_too_little_credit_rejects_and_failure_frees_what_was_held(house: House) -> None:
    house.start()
    await open_shop(house, 5_000_000)
    await house.publish(order("ord-1", [nodes("a"), nodes("b"), nodes("c")], at=BEGUN))
    rejected = await house.wait_for(OrderRejected)
    await house.wait_until_idle()
    assert rejected.reason == "insufficient_credit"
    assert await wallet(house) == (0, 5_000_000)
    await house.publish(order("ord-2", [nodes("d"), nodes("e", sku="broken")], at=BEGUN))
    await house.wait_for(ProvisioningFailed)
    await house.wait_until_idle()
    assert await wallet(house) == (1_800_000, 3_200_000)
    await assert_audit_is_clean(house)


async def test_a_resource_short_of_credit_is_suspended_and_comes_back_with_it(
    house: House,
) -> None:
    house.start()
    await open_shop(house, 2_000_000)
    await house.publish(order("ord-1", [nodes("cluster")], at=BEGUN))
    await house.wait_for(ResourceProvisioned)
    await house.wait_until_idle()
    for number in range(1, 5):
        await pass_day(house, BEGUN + number * DAY)
    suspended = await house.wait_for(ResourceSuspended)
    assert (suspended.because_of, suspended.at) == ("hold_short", BEGUN + 4 * DAY)
    told = [one for one in house.heard(NotificationRequested) if one.template == "hold_short"]
    assert [one.facts["missing"] for one in told] == [400_000, 1_000_000, 1_600_000, 2_200_000]
    top_up = TopUpReceived(
        top_up_id="t-2",
        account_id="acc-1",
        amount=10_000_000,
        gateway="bank",
        gateway_reference="r-2",
    )
    await house.publish(said(top_up, at=BEGUN + 5 * DAY))
    await house.wait_for(ResourceStarted)
    await house.wait_until_idle()
    assert await wallet(house) == (5 * 600_000 + 1_800_000, 12_000_000 - 4_800_000)
    await assert_audit_is_clean(house)


async def test_held_credit_is_spent_by_nothing_else_however_much_comes_at_once(
    house: House,
) -> None:
    house.start()
    house.start("billing", "wallet", "provisioning", "invoicing")
    await open_shop(house, 9_000_000)
    orders = [
        *(order(f"hold-{number}", [nodes(f"nodes-{number}")], at=BEGUN) for number in range(10)),
        *(
            order(f"pay-{number}", [server(f"web-{number}", "image")], at=BEGUN)
            for number in range(60)
        ),
    ]
    random.Random(8).shuffle(orders)
    await house.publish(*orders)
    await house.wait_until_idle()
    paid = sum(one.amount for one in house.heard(WalletDebited))
    held, available = await wallet(house)
    provisioned = Counter(one.user_type for one in house.heard(ResourceProvisioned))
    assert held == provisioned["postpaid"] * 1_800_000
    assert paid == provisioned["prepaid"] * 180_000
    assert held + paid + available == 9_000_000
    assert available < 1_800_000, "whoever was rejected found too little"
    await assert_audit_is_clean(house)


@pytest.mark.parametrize(
    "steps",
    [
        {
            "billing": "committed:wallet.held",
            "wallet": "committed:wallet.charge",
            "invoicing": "committed:holds.due",
        },
        {
            "billing": "handled:payment.collect",
            "wallet": "said:wallet.hold",
            "invoicing": "committed:invoice.payment_confirmed",
        },
    ],
)
async def test_crashes_duplicates_and_another_order_end_as_without_them(
    house: House, steps: dict[str, str]
) -> None:
    house.start(*(service for service in SERVICES if service not in steps))
    replaced = [
        asyncio.create_task(_replace(house, house.start(service, die_at=step), service))
        for service, step in steps.items()
    ]
    await open_shop(house, 50_000_000)
    await house.publish(order("ord-1", [nodes("cluster")], at=BEGUN))
    await house.wait_for(ResourceProvisioned)
    days = [said(TickDay(), at=BEGUN + number * DAY) for number in range(1, 21)] * 2
    random.Random(5).shuffle(days)
    for start in range(0, len(days), 10):
        await house.publish(*days[start : start + 10])
    await house.wait_until_idle()
    held = 20 * 600_000 + 1_800_000
    assert await wallet(house) == (held, 50_000_000 - held)
    month = said(TickMonth(period="2026-11"), at=DECEMBER)
    await house.publish(month, said(TickDay(), at=DECEMBER), month)
    await house.wait_for(InvoicePaid, within_s=60)
    await house.wait_until_idle()
    await asyncio.gather(*replaced)
    assert await wallet(house) == (NEW_MONTH, 50_000_000 - OF_NOVEMBER - NEW_MONTH)
    assert len(house.heard(InvoicePaid)) == 1
    await assert_audit_is_clean(house)


async def _replace(house: House, dying: WorkerProcess, service: str) -> None:
    """Start another worker once this one has died."""
    assert await dying.wait_for_end(240) == -signal.SIGKILL
    house.start(service)
