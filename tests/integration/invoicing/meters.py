"""A product with meters, and what its team reports of it, with short defaults."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from shared.messages import Message
from shared.messages.catalogue import Meter, ProductPublished
from shared.messages.upstream import BatchedUsageReport, UsageBatchRecorded, UsageRecorded
from tests.builders import said
from tests.integration.invoicing.house import (
    BEGINNING,
    hanoi,
    price,
    product,
    provisioned,
    registered,
)

NOVEMBER, DECEMBER = hanoi("2026-11-01 00:00"), hanoi("2026-12-01 00:00")
METERS = {
    "size": Meter(sku="snapshot-gb", aggregation="time_weighted"),
    "traffic": Meter(sku="traffic-gb", aggregation="cumulative"),
}


def metered_product(
    meters: dict[str, Meter] | None = None, *, since: datetime = BEGINNING
) -> ProductPublished:
    """`vserver`, with snapshots by the hour and traffic by the gigabyte."""
    plain = product(since=since)
    return said(
        ProductPublished(**plain.model_dump() | {"meters": METERS if meters is None else meters}),
        at=since,
    )


def shop() -> list[Message]:
    """An account, the product, and the prices of domain 8."""
    return [
        registered(),
        metered_product(),
        price("7.7", sku="snapshot-gb", per="unit_hour"),
        price(1_000, sku="traffic-gb", per="unit"),
        price(300_000),
    ]


def metered_resource(at: datetime = NOVEMBER, **facts: Any) -> Message:
    """A resource of which nothing but metered use is billed."""
    return provisioned(at, **{"components": [("snapshot-gb", 10), ("traffic-gb", 1)]} | facts)


def report(
    report_id: str,
    quantity: str,
    start: datetime,
    end: datetime,
    *,
    meter: str = "traffic",
    resource_id: str = "res-1",
    account_id: str = "acc-1",
) -> BatchedUsageReport:
    """What a team reports of one resource."""
    return BatchedUsageReport(
        report_id=report_id,
        account_id=account_id,
        resource_id=resource_id,
        meter=meter,
        quantity=quantity,
        from_=start,
        to=end,
    )


def batch(
    *reports: BatchedUsageReport, at: datetime | None = None, id: str | None = None
) -> UsageBatchRecorded:
    """Reports in one message, said when the last use in it ended."""
    return said(UsageBatchRecorded(reports=reports), at=at or max(one.to for one in reports), id=id)


def single(
    one: BatchedUsageReport, *, at: datetime | None = None, attempt: int = 0
) -> UsageRecorded:
    """A report that is a message of its own: that is what names it."""
    recorded = UsageRecorded(
        account_id=one.account_id,
        resource_id=one.resource_id,
        meter=one.meter,
        quantity=Decimal(one.quantity),
        from_=one.from_,
        to=one.to,
    )
    return said(recorded, at=at or one.to, id=one.report_id, attempt=attempt)


def lines(invoices: Sequence[Any]) -> list[tuple[str, Decimal, int, str | None]]:
    """SKU, quantity, amount and month of all lines."""
    return [
        (line.sku, line.quantity, line.amount, line.month)
        for invoice in invoices
        for line in invoice.lines
    ]
