"""Metered use through the whole house: reported, invoiced, and audited (domain 8)."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from shared.messages import Message
from shared.messages.billing import AccountSwitched
from shared.messages.catalogue import Meter, PricePublished, ProductPublished
from shared.messages.invoicing import InvoiceRunCompleted, InvoicesIssued, UsageReportSetApart
from shared.messages.provisioning import ResourceProvisioned
from shared.messages.scheduler import TickMonth
from shared.messages.upstream import (
    AccountSwitchRequested,
    BatchedUsageReport,
    OrderItem,
    UsageBatchRecorded,
)
from tests.builders import component, said
from tests.system.house import House
from tests.system.shop import LONG_AGO, assert_audit_is_clean, catalogue, customer, fetch, order

OCTOBER = datetime(2026, 9, 30, 17, tzinfo=UTC)
NOVEMBER, DECEMBER = datetime(2026, 10, 31, 17, tzinfo=UTC), datetime(2026, 11, 30, 17, tzinfo=UTC)
"""In Ho Chi Minh City."""
HOUR = timedelta(hours=1)


def metered_catalogue() -> list[Message]:
    """`vserver` with snapshots by the hour and traffic by the gigabyte (domain 8)."""
    plain = catalogue()
    assert isinstance(plain[0], ProductPublished)
    meters = {
        "size": Meter(sku="snapshot-gb", aggregation="time_weighted"),
        "traffic": Meter(sku="traffic-gb", aggregation="cumulative"),
    }
    metered = plain[0].model_copy(update={"meters": meters})
    prices = [
        PricePublished.model_validate(
            {
                "product": "vserver",
                "sku": sku,
                "unit_price": unit_price,
                "currency": "VND",
                "per": per,
                "effective_from": LONG_AGO,
            }
        )
        for sku, unit_price, per in (
            ("snapshot-gb", "7.7", "unit_hour"),
            ("traffic-gb", "1000", "unit"),
        )
    ]
    return [
        said(ProductPublished(**metered.model_dump()), at=LONG_AGO),
        *plain[1:],
        *(said(one, at=LONG_AGO) for one in prices),
    ]


def reported(
    report_id: str, quantity: str, start: datetime, hours: int, meter: str
) -> BatchedUsageReport:
    """What the team reports of the one resource there is."""
    return BatchedUsageReport(
        report_id=report_id,
        account_id="chi",
        resource_id="net",
        meter=meter,
        quantity=quantity,
        from_=start,
        to=start + hours * HOUR,
    )


def batch(*reports: BatchedUsageReport, at: datetime) -> UsageBatchRecorded:
    """Reports in one message."""
    return said(UsageBatchRecorded(reports=reports), at=at)


async def closed(house: House, period: str, at: datetime) -> dict[str, tuple[Decimal, int]]:
    """Close a month: quantity and amount of each line, by its SKU and the month it names."""
    await house.publish(said(TickMonth(period=period), at=at))
    await house.wait_for(InvoiceRunCompleted, lambda run: run.period == period)
    await house.wait_until_idle()
    return {
        f"{line.sku} {line.month or period}": (line.quantity, line.amount)
        for told in house.heard(InvoicesIssued)
        if told.period == period
        for invoice in told.invoices
        for line in invoice.lines
    }


async def test_reports_early_late_double_and_wrong_end_on_the_right_invoices(
    house: House,
) -> None:
    house.start()
    switched = AccountSwitchRequested(
        account_id="chi", user_type="postpaid", requested_by="sales", reason="contract"
    )
    net = OrderItem(
        item_id="net",
        product="vserver",
        name="net",
        components=(component("image"), component("snapshot-gb", 10), component("traffic-gb")),
    )
    snapshot = reported("s", "10", OCTOBER, 3, "size")
    first = reported("a", "5.56", OCTOBER, 1, "traffic")
    early = batch(first, snapshot, first, at=OCTOBER + 4 * HOUR)
    await house.publish(
        *metered_catalogue(), *customer("chi"), said(switched, at=OCTOBER - timedelta(days=20))
    )
    await house.wait_for(AccountSwitched)
    await house.publish(early, early)
    await house.wait_until_idle()
    await house.publish(order("ord-net", [net], account_id="chi", at=OCTOBER))
    await house.wait_for(ResourceProvisioned)
    await house.publish(
        batch(first, reported("x", "1", OCTOBER, 1, "steps"), at=OCTOBER + 5 * HOUR)
    )
    await house.wait_until_idle()
    assert await closed(house, "2026-10", NOVEMBER + HOUR) == {
        "image 2026-10": (Decimal(1), 93_000),
        "snapshot-gb 2026-10": (Decimal(30), 231),
        "traffic-gb 2026-10": (Decimal(5), 5_000),
    }
    late = reported("b", "8.25", OCTOBER + HOUR, 1, "traffic")
    await house.publish(batch(first, late, at=NOVEMBER + HOUR))
    await house.wait_until_idle()
    assert await closed(house, "2026-11", DECEMBER + HOUR) == {
        "image 2026-11": (Decimal(1), 90_000),
        "traffic-gb 2026-10": (Decimal(8), 8_000),
    }
    dead = await fetch(house, "select reason, type from invoicing.dead_letter")
    assert dead == [("unknown_meter", UsageReportSetApart.type)]
    await assert_audit_is_clean(house)
