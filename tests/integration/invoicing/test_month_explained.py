"""Every line of an invoice can be derived again: from segments, corrections, orders and prices."""

from datetime import timedelta
from typing import Any

from services.invoicing import store
from shared.messages.provisioning import ResourceConverted, ResourceDeleted, ResourceResized
from tests.integration.invoicing.house import (
    Invoicing,
    hanoi,
    happened,
    month_over,
    paid_item,
    postpaid_item,
    price,
    product,
    provisioned,
    registered,
)
from tests.integration.invoicing.meters import batch, metered_resource, report, shop

NOVEMBER, MID_NOVEMBER = hanoi("2026-11-01 00:00"), hanoi("2026-11-16 00:00")
TICK, JANUARY = hanoi("2026-12-01 00:05"), hanoi("2027-01-01 00:05")


async def _explained(invoicing: Invoicing) -> list[tuple[str, str | None]]:
    """How each line of every invoice came about, and what is wrong with it."""
    numbers = await invoicing.rows("select invoice_id from invoice order by series, number")
    found: list[tuple[str, str | None]] = []
    async with invoicing.open_database("invoicing") as db:
        for row in numbers:
            invoice: Any = await store.show_invoice(db, row["invoice_id"])
            found += [(one.words, one.fault) for one in await store.explain_invoice(db, invoice)]
    return found


async def test_a_line_says_its_segment_its_price_and_its_rounding(invoicing: Invoicing) -> None:
    await invoicing.hear(registered(), product(), price(100_000))
    await invoicing.hear(
        provisioned(NOVEMBER),
        happened(ResourceDeleted, hanoi("2026-11-01 00:01"), 2, state="deleted"),
    )
    await invoicing.settle(month_over("2026-11", TICK))
    ((words, fault),) = await _explained(invoicing)
    assert fault is None
    assert words == (
        "cpu (segment 1, price in force since 2020-01-01 00:00 UTC): 100000 x 1 x 1 / 43200"
        " minutes = 2.3148 smallest units, rounded half up 2; VAT of 0.1 included: 0"
    )


async def test_prices_discounts_resizes_and_corrections_are_all_derived(
    invoicing: Invoicing,
) -> None:
    change = hanoi("2026-11-16 00:00")
    await invoicing.hear(
        registered(),
        product(),
        product(vat_rate="0.08", vat_included=False, since=change),
        price(333_333),
        price(77_777, since=change),
        price(600, sku="ram", per="unit_hour"),
    )
    await invoicing.hear(
        provisioned(hanoi("2026-10-03 07:13"), item=postpaid_item("0.15")),
        happened(ResourceResized, hanoi("2026-11-20 13:01"), 2, components=[("ram", "2.5")]),
    )
    await invoicing.settle(month_over("2026-11", TICK))
    await invoicing.hear(
        happened(ResourceDeleted, hanoi("2026-11-28 01:02"), 3, state="deleted"),
    )
    await invoicing.settle(month_over("2026-12", JANUARY))
    explained = await _explained(invoicing)
    assert [fault for _, fault in explained] == [None] * 5
    assert "(correction 3, " in explained[-1][0]
    assert "of 2026-11" in explained[-1][0]


async def test_a_switch_and_purchases_are_derived(invoicing: Invoicing) -> None:
    await invoicing.hear(registered(), product(), price(300_000))
    await invoicing.hear(
        provisioned(NOVEMBER),
        provisioned(NOVEMBER, "bought", user_type="prepaid", item=paid_item(230_000, discount=20)),
    )
    await invoicing.hear(
        happened(ResourceConverted, hanoi("2026-11-11 00:00"), 2, user_type="prepaid")
    )
    explained = await _explained(invoicing)
    assert [fault for _, fault in explained] == [None, None]


async def test_an_amount_that_nothing_accounts_for_is_said_to_be_wrong(
    invoicing: Invoicing,
) -> None:
    await invoicing.hear(registered(), product(), price(300_000))
    await invoicing.hear(provisioned(NOVEMBER))
    await invoicing.settle(month_over("2026-11", TICK))
    await invoicing.rows("update price set unit_price = 299999")
    ((_, fault),) = await _explained(invoicing)
    assert fault == "no such price was in force throughout"
    await invoicing.rows("update price set unit_price = 300000")
    await invoicing.rows("update usage_segment set started_at = started_at + interval '1 minute'")
    ((_, fault),) = await _explained(invoicing)
    assert fault == "no use is recorded for it"


async def test_metered_use_is_derived_from_its_reports_also_where_they_came_late(
    invoicing: Invoicing,
) -> None:
    hour = timedelta(hours=1)
    await invoicing.hear(*shop(), price(1_100, sku="traffic-gb", per="unit", since=MID_NOVEMBER))
    await invoicing.hear(metered_resource())
    await invoicing.hear(
        batch(
            report("a", "10", NOVEMBER, NOVEMBER + 3 * hour, meter="size"),
            report("b", "5.56", NOVEMBER, NOVEMBER + hour),
            report("c", "8.25", MID_NOVEMBER, MID_NOVEMBER + hour),
        )
    )
    await invoicing.settle(month_over("2026-11", TICK))
    late = MID_NOVEMBER - 3 * hour
    await invoicing.hear(batch(report("d", "3.33", late, late + hour), at=TICK))
    await invoicing.settle(month_over("2026-12", JANUARY))
    explained = await _explained(invoicing)
    assert [fault for _, fault in explained] == [None] * len(explained)
    assert len(explained) >= 4
    assert all("reports" in words for words, _ in explained)
