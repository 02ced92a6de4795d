"""Metered use: every report counts once, in its month or on the next invoice (domain 8)."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from itertools import permutations
from random import Random

import asyncpg
import pytest

from services.invoicing.store.reports import archive_month
from shared.database import PassingTrouble
from shared.messages.catalogue import Meter
from shared.messages.provisioning import ResourceResized, ResourceStarted
from shared.messages.upstream import BatchedUsageReport
from tests.builders import said
from tests.integration.invoicing.house import (
    Invoicing,
    handle,
    hanoi,
    happened,
    invoices_in,
    month_over,
    postpaid_item,
    price,
    refused,
    registered,
)
from tests.integration.invoicing.meters import (
    DECEMBER,
    METERS,
    NOVEMBER,
    batch,
    lines,
    metered_product,
    metered_resource,
    report,
    shop,
    single,
)

TICK, NEXT_TICK = hanoi("2026-12-01 00:05"), hanoi("2027-01-01 00:05")
HOUR = timedelta(hours=1)


async def november(invoicing: Invoicing) -> list[tuple[str, Decimal, int, str | None]]:
    """The lines of November's invoices."""
    return lines(invoices_in(await invoicing.settle(month_over("2026-11", TICK))))


async def december(invoicing: Invoicing) -> list[tuple[str, Decimal, int, str | None]]:
    """The lines of December's invoices."""
    return lines(invoices_in(await invoicing.settle(month_over("2026-12", NEXT_TICK))))


async def test_a_snapshot_of_10_gb_for_3_hours_at_7_7_is_231(invoicing: Invoicing) -> None:
    await invoicing.hear(*shop())
    await invoicing.hear(metered_resource())
    await invoicing.hear(
        single(report("r", "10", NOVEMBER, NOVEMBER + 3 * HOUR, meter="size")),
    )
    assert await november(invoicing) == [("snapshot-gb", Decimal(30), 231, None)]


async def test_only_whole_gigabytes_of_the_months_traffic_are_charged(invoicing: Invoicing) -> None:
    await invoicing.hear(*shop())
    await invoicing.hear(metered_resource(), metered_resource(resource_id="res-2"))
    first = report("a", "5.56", NOVEMBER, NOVEMBER + HOUR)
    await invoicing.hear(
        batch(
            first,
            report("a", "5.56", NOVEMBER, NOVEMBER + HOUR, resource_id="res-2"),
            report("b", "8.25", NOVEMBER + HOUR, NOVEMBER + 2 * HOUR, resource_id="res-2"),
        )
    )
    assert await november(invoicing) == [
        ("traffic-gb", Decimal(5), 5_000, None),
        ("traffic-gb", Decimal(13), 13_000, None),
    ]


async def test_less_than_one_whole_unit_makes_no_invoice(invoicing: Invoicing) -> None:
    await invoicing.hear(*shop())
    await invoicing.hear(metered_resource())
    await invoicing.hear(batch(report("a", "0.99", NOVEMBER, NOVEMBER + HOUR)))
    assert await november(invoicing) == []


async def test_what_a_meter_reports_is_not_billed_by_time_as_well(invoicing: Invoicing) -> None:
    await invoicing.hear(*shop())
    await invoicing.hear(metered_resource(components=[("cpu", 1), ("snapshot-gb", 10)]))
    assert await november(invoicing) == [("cpu", Decimal(1), 300_000, None)]


async def test_the_same_report_counts_once_however_it_comes(invoicing: Invoicing) -> None:
    await invoicing.hear(*shop())
    await invoicing.hear(metered_resource())
    one = report("a", "2", NOVEMBER, NOVEMBER + HOUR)
    again = report("a", "2.00", NOVEMBER, NOVEMBER + HOUR)
    assert await invoicing.hear(batch(one, again, one)) == []
    assert await invoicing.hear(batch(again), batch(one, at=NOVEMBER + 5 * HOUR)) == []
    of_its_own = single(one)
    assert await invoicing.hear(of_its_own) == []
    assert await invoicing.hear(said(type(of_its_own)(**of_its_own.model_dump()), id="a")) == []
    assert await november(invoicing) == [("traffic-gb", Decimal(4), 4_000, None)]


@pytest.mark.parametrize(
    "other",
    [
        report("a", "3", NOVEMBER, NOVEMBER + HOUR),
        report("a", "2", NOVEMBER, NOVEMBER + 2 * HOUR),
        report("a", "2", NOVEMBER, NOVEMBER + HOUR, meter="size"),
        report("a", "2", NOVEMBER - 2 * HOUR, NOVEMBER - HOUR),
    ],
    ids=["quantity", "end", "meter", "month"],
)
async def test_the_same_id_with_another_content_is_a_dead_letter(
    invoicing: Invoicing, other: BatchedUsageReport
) -> None:
    await invoicing.hear(*shop())
    await invoicing.hear(metered_resource())
    first = report("a", "2", NOVEMBER, NOVEMBER + HOUR)
    at = NOVEMBER + 9 * HOUR
    answers = await invoicing.settle(batch(first, other, at=at))
    assert refused(answers) == ["id_reused"]
    assert refused(await invoicing.settle(batch(first, at=at))) == []
    assert refused(await invoicing.settle(batch(other, at=at))) == ["id_reused"]
    assert await invoicing.value("select count(*) from usage_report") == 1


async def test_the_order_in_which_reports_come_changes_nothing(invoicing: Invoicing) -> None:
    resources = [f"res-{place}" for place in range(6)]
    await invoicing.hear(*shop())
    await invoicing.hear(*(metered_resource(resource_id=one) for one in resources))
    for resource_id, order in zip(resources, permutations(range(3)), strict=True):
        for place in order:
            start = NOVEMBER + place * HOUR
            quantity = ("0.4", "0.8", "1.9")[place]
            one = report(f"r{place}", quantity, start, start + HOUR, resource_id=resource_id)
            await invoicing.hear(batch(one, at=NOVEMBER + 9 * HOUR))
    assert await november(invoicing) == [("traffic-gb", Decimal(3), 3_000, None)] * 6


async def test_overlapping_reports_of_one_meter_both_count(invoicing: Invoicing) -> None:
    await invoicing.hear(*shop())
    await invoicing.hear(metered_resource())
    await invoicing.hear(
        batch(
            report("disk-1", "10", NOVEMBER, NOVEMBER + 3 * HOUR, meter="size"),
            report("disk-2", "5", NOVEMBER + HOUR, NOVEMBER + 2 * HOUR, meter="size"),
        )
    )
    assert await november(invoicing) == [("snapshot-gb", Decimal(35), 270, None)]


async def test_late_traffic_is_the_difference_on_the_next_invoice_and_names_its_month(
    invoicing: Invoicing,
) -> None:
    await invoicing.hear(*shop())
    await invoicing.hear(metered_resource())
    await invoicing.hear(batch(report("a", "5.56", NOVEMBER, NOVEMBER + HOUR)))
    assert await november(invoicing) == [("traffic-gb", Decimal(5), 5_000, None)]
    late = report("b", "8.25", NOVEMBER + HOUR, NOVEMBER + 2 * HOUR)
    of_december = report("c", "1", DECEMBER, DECEMBER + HOUR)
    await invoicing.hear(batch(late, of_december, at=DECEMBER + 2 * HOUR))
    assert await december(invoicing) == [
        ("traffic-gb", Decimal(1), 1_000, None),
        ("traffic-gb", Decimal(8), 8_000, "2026-11"),
    ]


async def test_late_snapshots_are_on_the_next_invoice_and_name_their_month(
    invoicing: Invoicing,
) -> None:
    await invoicing.hear(*shop())
    await invoicing.hear(metered_resource())
    assert await november(invoicing) == []
    late = report("b", "10", NOVEMBER, NOVEMBER + 3 * HOUR, meter="size")
    await invoicing.hear(batch(late, at=DECEMBER + HOUR))
    assert await december(invoicing) == [("snapshot-gb", Decimal(30), 231, "2026-11")]


async def test_use_over_midnight_belongs_to_the_month_in_which_it_ended(
    invoicing: Invoicing,
) -> None:
    await invoicing.hear(*shop())
    await invoicing.hear(metered_resource())
    await invoicing.hear(
        batch(
            report("until", "1", DECEMBER - HOUR, DECEMBER),
            report("over", "2", DECEMBER - HOUR, DECEMBER + HOUR),
        )
    )
    assert await november(invoicing) == [("traffic-gb", Decimal(1), 1_000, None)]
    assert await december(invoicing) == [("traffic-gb", Decimal(2), 2_000, None)]


async def test_each_whole_unit_costs_what_it_did_when_it_was_completed(
    invoicing: Invoicing,
) -> None:
    dearer = NOVEMBER + 10 * HOUR
    await invoicing.hear(*shop(), price(2_000, sku="traffic-gb", per="unit", since=dearer))
    await invoicing.hear(price("15.4", sku="snapshot-gb", per="unit_hour", since=dearer))
    await invoicing.hear(metered_resource())
    await invoicing.hear(
        batch(
            report("a", "5.56", NOVEMBER, NOVEMBER + HOUR),
            report("b", "8.25", dearer, dearer + HOUR),
            report("c", "10", dearer - HOUR, dearer + 2 * HOUR, meter="size"),
        )
    )
    assert await november(invoicing) == [
        ("snapshot-gb", Decimal(10), 77, None),
        ("snapshot-gb", Decimal(20), 308, None),
        ("traffic-gb", Decimal(5), 5_000, None),
        ("traffic-gb", Decimal(8), 16_000, None),
    ]


async def test_a_reboot_does_not_reprice_the_metered_use_of_its_month(
    invoicing: Invoicing,
) -> None:
    await invoicing.hear(*shop())
    await invoicing.hear(metered_resource(item=postpaid_item("0.5")))
    await invoicing.hear(batch(report("a", "100", NOVEMBER, NOVEMBER + HOUR)))
    await invoicing.hear(happened(ResourceStarted, NOVEMBER + 2 * HOUR, 2, item=postpaid_item("0")))
    assert await november(invoicing) == [("traffic-gb", Decimal(100), 50_000, None)]


async def test_metered_use_before_a_resize_keeps_the_discount_that_it_had(
    invoicing: Invoicing,
) -> None:
    await invoicing.hear(*shop())
    await invoicing.hear(metered_resource(item=postpaid_item("0.5")))
    resized = NOVEMBER + 10 * HOUR
    parts = [("snapshot-gb", 20), ("traffic-gb", 1)]
    await invoicing.hear(
        happened(ResourceResized, resized, 2, components=parts, item=postpaid_item("0.2"))
    )
    await invoicing.hear(
        batch(
            report("a", "5.5", NOVEMBER, resized),
            report("b", "3.5", resized, resized + HOUR),
            report("c", "10", NOVEMBER, NOVEMBER + 10 * HOUR, meter="size"),
            report("d", "20", resized, resized + 10 * HOUR, meter="size"),
        )
    )
    assert await november(invoicing) == [
        ("snapshot-gb", Decimal(200), 1_232, None),
        ("snapshot-gb", Decimal(100), 385, None),
        ("traffic-gb", Decimal(4), 3_200, None),
        ("traffic-gb", Decimal(5), 2_500, None),
    ]


async def test_a_meter_without_a_price_puts_its_account_in_quarantine(invoicing: Invoicing) -> None:
    await invoicing.hear(registered(), metered_product())
    await invoicing.hear(metered_resource())
    await invoicing.hear(
        batch(
            report("a", "3", NOVEMBER, NOVEMBER + HOUR),
            report("b", "3", NOVEMBER, NOVEMBER + HOUR, meter="size"),
        )
    )
    assert await november(invoicing) == []
    (row,) = await invoicing.rows("select reason, detail from quarantine")
    assert row["reason"] == "no_price"
    await invoicing.hear(*shop())
    assert await december(invoicing) == [
        ("snapshot-gb", Decimal(3), 23, None),
        ("traffic-gb", Decimal(3), 3_000, None),
    ]


async def test_use_reported_before_any_month_was_closed_is_invoiced_in_its_own(
    invoicing: Invoicing,
) -> None:
    await invoicing.hear(*shop())
    await invoicing.hear(metered_resource())
    october = NOVEMBER - timedelta(days=3)
    await invoicing.hear(batch(report("a", "3", october, october + HOUR), at=NOVEMBER + HOUR))
    (invoice,) = invoices_in(await invoicing.settle(month_over("2026-11", TICK)))
    assert (invoice.period_from, invoice.period_to) == (hanoi("2026-10-01 00:00"), NOVEMBER)
    assert invoice.gross == 3_000


async def test_a_meter_that_changes_its_sku_is_priced_by_the_one_in_force(
    invoicing: Invoicing,
) -> None:
    change = NOVEMBER + timedelta(days=10)
    await invoicing.hear(*shop(), price(500, sku="traffic-2", per="unit"))
    renamed = {"traffic": Meter(sku="traffic-2", aggregation="cumulative")}
    await invoicing.hear(metered_product(METERS | renamed, since=change))
    await invoicing.hear(metered_resource())
    await invoicing.hear(
        batch(
            report("a", "2", NOVEMBER, NOVEMBER + HOUR),
            report("b", "3", change, change + HOUR),
        )
    )
    assert await november(invoicing) == [
        ("traffic-2", Decimal(3), 1_500, None),
        ("traffic-gb", Decimal(2), 2_000, None),
    ]


async def test_two_workers_that_open_a_month_at_once_count_all_reports(
    invoicing: Invoicing,
) -> None:
    await invoicing.hear(*shop())
    await invoicing.hear(metered_resource())
    first, second = (report(one, "1", NOVEMBER, NOVEMBER + HOUR) for one in "ab")
    async with invoicing.open_database("invoicing") as db:
        await handle([batch(first)], db)
        with pytest.raises(PassingTrouble):
            await invoicing.hear(batch(second))
    await invoicing.hear(batch(second))
    assert await november(invoicing) == [("traffic-gb", Decimal(2), 2_000, None)]


async def test_an_archived_month_takes_no_more_reports(invoicing: Invoicing) -> None:
    await invoicing.hear(*shop())
    await invoicing.hear(metered_resource())
    first = report("a", "2", NOVEMBER, NOVEMBER + HOUR)
    await invoicing.hear(batch(first))
    async with invoicing.open_database("invoicing") as db:
        assert await archive_month(db, "2026-11") is None
    await november(invoicing)
    late = report("b", "2", NOVEMBER, NOVEMBER + HOUR)
    await invoicing.hear(batch(late, at=DECEMBER + HOUR))
    async with invoicing.open_database("invoicing") as db:
        assert await archive_month(db, "2026-11") is None, "December still needs a late report"
    await december(invoicing)
    async with invoicing.open_database("invoicing") as db:
        assert await archive_month(db, "2026-11") == "usage_report_202611"
        assert await archive_month(db, "2026-11") is None
    assert await invoicing.value("select count(*) from usage_report_202611") == 2
    assert await invoicing.value("select count(*) from usage_report") == 0
    answers = await invoicing.settle(batch(first, late, at=DECEMBER + HOUR))
    assert refused(answers) == ["month_archived", "month_archived"]


async def test_reports_are_never_changed_or_deleted(invoicing: Invoicing) -> None:
    await invoicing.hear(*shop())
    await invoicing.hear(metered_resource())
    await invoicing.hear(batch(report("a", "2", NOVEMBER, NOVEMBER + HOUR)))
    for statement in (
        "update usage_report set quantity = 3",
        "delete from usage_report",
        "update usage_report_202611 set quantity = 3",
        "delete from usage_report_202611",
        "update usage_report_key set month = '2026-12'",
    ):
        with pytest.raises(asyncpg.RestrictViolationError):
            await invoicing.rows(statement)


async def test_traffic_costs_the_whole_units_of_its_month_however_late_its_reports_come(
    invoicing: Invoicing,
) -> None:
    chance = Random(7)
    resources = [f"res-{place}" for place in range(60)]
    august = hanoi("2026-08-01 00:00")
    ends = [hanoi(f"2026-{month:02}-01 00:00") for month in (9, 10, 11)]
    dearer = price(3_000, sku="traffic-gb", per="unit", since=hanoi("2026-08-01 06:00"))
    await invoicing.hear(*shop(), dearer)
    await invoicing.hear(*(metered_resource(august, resource_id=one) for one in resources))
    reports = [
        report(str(place), f"{chance.randint(1, 300) / 100}", start, start + HOUR, resource_id=one)
        for one in resources
        for place in range(chance.randint(1, 8))
        for start in [august + place * HOUR]
    ]
    come_in = [chance.randrange(3) for _ in reports]
    charged: Counter[str] = Counter()
    for late, end in enumerate(ends):
        due = [one for one, when in zip(reports, come_in, strict=True) if when == late]
        chance.shuffle(due)
        await invoicing.hear(batch(*due, at=end - HOUR), batch(*due[:9], at=end - HOUR))
        answers = await invoicing.settle(month_over(f"2026-{8 + late:02}", end + HOUR))
        for invoice in invoices_in(answers):
            charged[invoice.resource_id] += invoice.gross
    for resource_id in resources:
        own = [one for one in reports if one.resource_id == resource_id]
        before = int(sum(Decimal(one.quantity) for one in own if int(one.report_id) < 6))
        total = int(sum(Decimal(one.quantity) for one in own))
        assert charged[resource_id] == before * 1_000 + (total - before) * 3_000
