"""Postpaid: the month's run makes one unpaid invoice for each resource with use (domain 3)."""

from datetime import timedelta
from decimal import Decimal

import asyncpg
import pytest

from shared.messages.billing import RefundToCredit
from shared.messages.invoicing import InvoiceIssued, InvoiceRunCompleted, MonthRangeDue
from shared.messages.provisioning import (
    ResourceConverted,
    ResourceDeleted,
    ResourceResized,
    ResourceStarted,
    ResourceStopped,
)
from shared.messages.scheduler import TickMonth
from tests.builders import said
from tests.integration.invoicing.house import (
    Invoicing,
    hanoi,
    happened,
    invoices_in,
    month_over,
    of_type,
    postpaid_item,
    price,
    product,
    provisioned,
    put_off,
    refused,
    registered,
)

NOVEMBER, DECEMBER, JANUARY = (
    hanoi("2026-11-01 00:00"), hanoi("2026-12-01 00:00"), hanoi("2027-01-01 00:00")
)  # fmt: skip
TICK = hanoi("2026-12-01 00:05")


async def test_a_month_of_31_days_costs_31_thirtieths_of_the_price(invoicing: Invoicing) -> None:
    await invoicing.hear(registered(), product(), price(300_000))
    await invoicing.hear(provisioned(hanoi("2026-11-20 08:00")))
    await invoicing.settle(month_over("2026-11", TICK))
    answers = await invoicing.settle(month_over("2026-12", hanoi("2027-01-01 00:05")))
    (invoice,) = invoices_in(answers)
    assert invoice.gross == 310_000
    (line,) = invoice.lines
    assert (line.minutes, line.vat, line.unit_price) == (44_640, 28_182, Decimal(300_000))
    assert (line.period_from, line.period_to) == (DECEMBER, JANUARY)
    assert (invoice.net, invoice.vat) == (281_818, 28_182)
    assert (invoice.status, invoice.kind) == ("unpaid", "usage")
    assert invoice.due_at == hanoi("2027-01-16 00:05")
    (completed,) = of_type(answers, InvoiceRunCompleted)
    assert (completed.invoices, completed.amount, completed.quarantined) == (1, 310_000, 0)
    assert completed.amounts == {"VND": 310_000}


async def test_two_resizes_make_three_lines_that_tile_the_use(invoicing: Invoicing) -> None:
    first, second = hanoi("2026-11-11 00:00"), hanoi("2026-11-21 00:00")
    await invoicing.hear(registered(), product(), price(300_000), price(60_000, sku="ram"))
    await invoicing.hear(
        provisioned(NOVEMBER - timedelta(days=3)),
        happened(ResourceStopped, first - timedelta(hours=1), 2),
        happened(ResourceResized, first, 3, components=[("cpu", 2), ("ram", "0.5")]),
        happened(ResourceStarted, first + timedelta(hours=1), 4),
        happened(ResourceResized, second, 5, components=[("ram", 4)]),
        happened(ResourceDeleted, DECEMBER - timedelta(seconds=1), 6, state="deleted"),
    )
    answers = await invoicing.settle(month_over("2026-11", TICK))
    (_, invoice) = invoices_in(answers)
    assert [(one.sku, one.amount, one.minutes) for one in invoice.lines] == [
        ("cpu", 100_000, 14_400),
        ("cpu", 200_000, 14_400),
        ("ram", 10_000, 14_400),
        ("ram", 79_994, 14_399),
    ]
    assert invoice.gross == 389_994


async def test_created_and_deleted_in_the_same_minute_is_not_invoiced(invoicing: Invoicing) -> None:
    at = hanoi("2026-11-11 10:00")
    await invoicing.hear(registered(), product(), price(300_000))
    await invoicing.hear(
        provisioned(at), happened(ResourceDeleted, at + timedelta(seconds=59), 2, state="deleted")
    )
    answers = await invoicing.settle(month_over("2026-11", TICK))
    assert invoices_in(answers) == []
    (completed,) = of_type(answers, InvoiceRunCompleted)
    assert completed.invoices == 0


async def test_a_second_tick_for_the_month_changes_nothing(invoicing: Invoicing) -> None:
    await invoicing.hear(registered(), product(), price(300_000))
    await invoicing.hear(provisioned(NOVEMBER))
    await invoicing.settle(month_over("2026-11", TICK))
    before = await invoicing.rows("select * from invoice join invoice_state using (invoice_id)")
    assert await invoicing.settle(month_over("2026-11", TICK + timedelta(hours=1))) == []
    assert before == await invoicing.rows(
        "select * from invoice join invoice_state using (invoice_id)"
    )


async def test_a_range_done_twice_issues_nothing_more(invoicing: Invoicing) -> None:
    await invoicing.hear(registered(), product(), price(300_000))
    await invoicing.hear(provisioned(NOVEMBER))
    (due,) = of_type(await invoicing.hear(month_over("2026-11", TICK)), MonthRangeDue)
    assert len(invoices_in(await invoicing.settle(due))) == 1
    assert await invoicing.settle(said(MonthRangeDue(**due.model_dump()), at=TICK)) == []


async def test_a_month_that_is_not_over_is_not_invoiced(invoicing: Invoicing) -> None:
    just_before = DECEMBER - timedelta(seconds=1)
    answers = await invoicing.settle(month_over("2026-11", just_before))
    assert refused(answers) == ["month_not_over"]
    assert refused(await invoicing.settle(month_over("2026-11", DECEMBER))) == []


async def test_missed_months_are_closed_oldest_first_at_the_prices_then_in_force(
    invoicing: Invoicing,
) -> None:
    await invoicing.hear(
        registered(),
        product(),
        price(300_000),
        price(600_000, since=DECEMBER),
        price(600_000, since=hanoi("2026-12-05 00:00")),
    )
    await invoicing.hear(provisioned(hanoi("2026-10-31 00:00")))
    answers = await invoicing.settle(month_over("2026-12", JANUARY))
    invoices = invoices_in(answers)
    assert [(one.gross, one.period_from) for one in invoices] == [
        (10_000, hanoi("2026-10-01 00:00")),
        (300_000, NOVEMBER),
        (620_000, DECEMBER),
    ]
    assert [one.number for one in invoices] == [
        "2027A-0000001", "2027A-0000002", "2027A-0000003"
    ]  # fmt: skip
    assert [len(one.lines) for one in invoices] == [1, 1, 1]
    late = await invoicing.settle(month_over("2026-11", JANUARY))
    assert invoices_in(late) == []
    assert len(of_type(late, InvoiceRunCompleted)) == 1


async def test_a_price_that_changes_within_the_month_splits_the_line_at_that_minute(
    invoicing: Invoicing,
) -> None:
    change = hanoi("2026-11-16 00:00")
    await invoicing.hear(
        registered(),
        product(),
        product(vat_rate="0.08", vat_included=False, since=change),
        price(300_000),
        price(150_000, since=change + timedelta(seconds=30)),
    )
    await invoicing.hear(provisioned(NOVEMBER))
    (invoice,) = invoices_in(await invoicing.settle(month_over("2026-11", TICK)))
    assert [(one.amount, one.vat, one.period_to) for one in invoice.lines] == [
        (150_000, 13_636, change),
        (75_000, 6_000, DECEMBER),
    ]
    assert (invoice.net, invoice.vat, invoice.gross) == (211_364, 19_636, 231_000)


async def test_a_discount_fixed_at_the_purchase_is_taken_off_before_rounding(
    invoicing: Invoicing,
) -> None:
    await invoicing.hear(registered(), product(), price(440_000))
    at = hanoi("2026-11-25 12:58")
    await invoicing.hear(
        provisioned(at, item=postpaid_item("0.5")),
        happened(ResourceDeleted, at + timedelta(minutes=1_563), 2, state="deleted"),
    )
    (invoice,) = invoices_in(await invoicing.settle(month_over("2026-11", TICK)))
    assert invoice.gross == 7_960
    assert invoice.lines[0].discount_rate == Decimal("0.5")


@pytest.mark.parametrize(
    ("currency", "unit_price", "gross"),
    [("VND", "10", 10), ("USD", "10", 1_033), ("KWD", "10", 10_333)],
)
async def test_amounts_are_rounded_to_the_smallest_unit_of_their_currency(
    invoicing: Invoicing, currency: str, unit_price: str, gross: int
) -> None:
    await invoicing.hear(
        registered(currency=currency), product(), price(unit_price, currency=currency)
    )
    await invoicing.hear(provisioned(DECEMBER))
    (invoice,) = invoices_in(await invoicing.settle(month_over("2026-12", JANUARY)))
    assert (invoice.gross, invoice.currency) == (gross, currency)


async def test_what_costs_nothing_is_paid_at_once(invoicing: Invoicing) -> None:
    await invoicing.hear(registered(), product(), price(0))
    await invoicing.hear(provisioned(NOVEMBER))
    (invoice,) = invoices_in(await invoicing.settle(month_over("2026-11", TICK)))
    assert (invoice.gross, invoice.status) == (0, "paid")
    assert await invoicing.value("select status from invoice_state") == "paid"


async def test_an_account_without_a_price_is_left_out_and_run_again_alone(
    invoicing: Invoicing,
) -> None:
    await invoicing.hear(*(registered(f"acc-{n}") for n in (1, 2, 3)), product(), price(300_000))
    await invoicing.hear(
        provisioned(NOVEMBER, "res-1", account_id="acc-1"),
        provisioned(NOVEMBER, "res-2", account_id="acc-2"),
        provisioned(NOVEMBER, "res-2b", account_id="acc-2", components=[("gpu", 1)]),
        provisioned(NOVEMBER, "res-3", account_id="acc-3"),
    )
    answers = await invoicing.settle(month_over("2026-11", TICK))
    assert [one.account_id for one in invoices_in(answers)] == ["acc-1", "acc-3"]
    (completed,) = of_type(answers, InvoiceRunCompleted)
    assert completed.quarantined == 1
    (shut,) = await invoicing.rows("select account_id, reason, detail, resolved_at from quarantine")
    assert shut == {
        "account_id": "acc-2",
        "reason": "no_price",
        "detail": "res-2b: vserver gpu in VND",
        "resolved_at": None,
    }
    await invoicing.hear(price(90_000, sku="gpu"))
    again = MonthRangeDue(
        period="2026-11", range_number=1, first_account="acc-2", next_account="acc-2 "
    )
    answers = await invoicing.settle(said(again, at=TICK))
    assert [(one.resource_id, one.gross) for one in invoices_in(answers)] == [
        ("res-2", 300_000),
        ("res-2b", 90_000),
    ]
    assert of_type(answers, InvoiceRunCompleted) == []
    assert await invoicing.value("select count(*) from quarantine where resolved_at is null") == 0


async def test_a_range_of_an_unknown_run_waits(invoicing: Invoicing) -> None:
    due = MonthRangeDue(period="2026-11", range_number=0, first_account="")
    assert put_off(await invoicing.hear(said(due, at=TICK))) == ["unknown_run"]


async def test_no_minute_is_on_two_segments_by_the_schema(invoicing: Invoicing) -> None:
    await invoicing.hear(registered())
    await invoicing.hear(provisioned(NOVEMBER))
    with pytest.raises(asyncpg.ExclusionViolationError):
        await invoicing.rows(
            "insert into usage_segment select account_id, resource_id, 7, product, skus,"
            " quantities, 0, started_at + interval '1 day', started_at + interval '2 days'"
            " from usage_segment"
        )


async def test_deletion_learnt_of_too_late_comes_off_the_next_invoice(invoicing: Invoicing) -> None:
    await invoicing.hear(registered(), product(), price(300_000))
    await invoicing.hear(provisioned(NOVEMBER))
    await invoicing.settle(month_over("2026-11", TICK))
    await invoicing.hear(happened(ResourceDeleted, hanoi("2026-11-21 00:00"), 2, state="deleted"))
    answers = await invoicing.settle(month_over("2026-12", JANUARY))
    (invoice,) = invoices_in(answers)
    (line,) = invoice.lines
    assert (line.amount, line.month, line.minutes) == (-100_000, "2026-11", 14_400)
    assert (invoice.gross, invoice.status) == (-100_000, "paid")
    (refund,) = of_type(answers, RefundToCredit)
    assert (refund.amount, refund.wallet, refund.item_id) == (100_000, "credit", "res-1")
    assert (
        invoices_in(await invoicing.settle(month_over("2027-01", hanoi("2027-02-01 00:01")))) == []
    )


async def test_a_late_resize_replaces_what_was_invoiced_from_that_minute(
    invoicing: Invoicing,
) -> None:
    await invoicing.hear(registered(), product(), price(300_000), price(150_000, sku="ram"))
    await invoicing.hear(provisioned(hanoi("2026-10-01 00:00")))
    await invoicing.settle(month_over("2026-11", TICK))
    await invoicing.hear(
        happened(ResourceResized, hanoi("2026-10-22 00:00"), 2, components=[("ram", 1)])
    )
    (invoice,) = invoices_in(await invoicing.settle(month_over("2026-12", JANUARY)))
    assert [(one.sku, one.amount, one.month) for one in invoice.lines] == [
        ("ram", 155_000, None),
        ("cpu", -100_000, "2026-10"),
        ("ram", 50_000, "2026-10"),
        ("cpu", -300_000, "2026-11"),
        ("ram", 150_000, "2026-11"),
    ]


async def test_use_learnt_of_after_its_month_is_charged_with_the_next(invoicing: Invoicing) -> None:
    await invoicing.hear(registered(), product(), price(300_000))
    await invoicing.settle(month_over("2026-11", TICK))
    await invoicing.hear(provisioned(hanoi("2026-11-30 00:00")))
    (invoice,) = invoices_in(await invoicing.settle(month_over("2026-12", JANUARY)))
    assert [(one.amount, one.month) for one in invoice.lines] == [
        (310_000, None),
        (10_000, "2026-11"),
    ]


async def test_a_switch_to_prepaid_is_invoiced_at_once_and_not_again(invoicing: Invoicing) -> None:
    await invoicing.hear(registered(), product(), price(300_000))
    await invoicing.hear(provisioned(NOVEMBER), provisioned(NOVEMBER, "res-2"))
    await invoicing.settle(month_over("2026-11", TICK))
    at = hanoi("2026-12-11 00:00")
    answers = await invoicing.hear(happened(ResourceConverted, at, 2, user_type="prepaid"))
    (invoice,) = of_type(answers, InvoiceIssued)
    assert (invoice.kind, invoice.status, invoice.gross) == ("final", "unpaid", 100_000)
    assert (invoice.period_from, invoice.period_to) == (DECEMBER, at)
    assert invoice.due_at == at + timedelta(days=15)
    back = hanoi("2026-12-21 00:00")
    await invoicing.hear(happened(ResourceConverted, back, 3, user_type="postpaid"))
    invoices = invoices_in(await invoicing.settle(month_over("2026-12", JANUARY)))
    assert [(one.resource_id, one.gross) for one in invoices] == [
        ("res-1", 110_000),
        ("res-2", 310_000),
    ]


async def test_a_switch_learnt_of_after_its_month_gives_back_what_was_charged_too_much(
    invoicing: Invoicing,
) -> None:
    await invoicing.hear(registered(), product(), price(300_000))
    await invoicing.hear(provisioned(NOVEMBER))
    await invoicing.settle(month_over("2026-11", TICK))
    answers = await invoicing.hear(
        happened(ResourceConverted, hanoi("2026-11-21 00:00"), 2, user_type="prepaid")
    )
    (invoice,) = of_type(answers, InvoiceIssued)
    assert [(one.amount, one.month) for one in invoice.lines] == [(-100_000, "2026-11")]
    assert (invoice.kind, invoice.status) == ("final", "paid")
    assert [one.amount for one in of_type(answers, RefundToCredit)] == [100_000]
    assert invoices_in(await invoicing.settle(month_over("2026-12", JANUARY))) == []


async def test_a_switch_there_and_back_in_one_group_loses_no_use(invoicing: Invoicing) -> None:
    days = [hanoi(f"2026-11-{day} 00:00") for day in (11, 16, 21)]
    await invoicing.hear(registered(), product(), price(300_000))
    answers = await invoicing.hear(
        provisioned(NOVEMBER),
        happened(ResourceConverted, days[0], 2, user_type="prepaid"),
        happened(ResourceConverted, days[1], 3, user_type="postpaid"),
        happened(ResourceDeleted, days[2], 4, state="deleted"),
    )
    assert [one.gross for one in of_type(answers, InvoiceIssued)] == [100_000]
    (invoice,) = invoices_in(await invoicing.settle(month_over("2026-11", TICK)))
    assert (invoice.gross, invoice.lines[0].minutes) == (50_000, 7_200)


async def test_all_resources_of_a_switched_account_get_their_final_invoices(
    invoicing: Invoicing,
) -> None:
    at = hanoi("2026-11-16 00:00")
    await invoicing.hear(registered(), product(), price(300_000))
    await invoicing.hear(*(provisioned(NOVEMBER, f"res-{number}") for number in range(5)))
    answers = await invoicing.hear(
        *(
            happened(ResourceConverted, at, 2, resource_id=f"res-{number}", user_type="prepaid")
            for number in range(5)
        )
    )
    finals = of_type(answers, InvoiceIssued)
    assert [one.resource_id for one in finals] == [f"res-{number}" for number in range(5)]
    assert {one.gross for one in finals} == {150_000}


async def test_a_switch_without_a_price_is_left_to_the_months_run(invoicing: Invoicing) -> None:
    at = hanoi("2026-11-16 00:00")
    await invoicing.hear(registered(), product())
    await invoicing.hear(provisioned(NOVEMBER))
    answers = await invoicing.hear(happened(ResourceConverted, at, 2, user_type="prepaid"))
    assert answers == []
    await invoicing.hear(price(300_000))
    (invoice,) = invoices_in(await invoicing.settle(month_over("2026-11", TICK)))
    assert invoice.gross == 150_000


@pytest.mark.parametrize(
    ("unit_price", "quantity", "reason"),
    [("1000000000000", 10**12, "amount_too_large"), (None, 1, "no_price")],
)
async def test_absurd_use_holds_up_nobody_else(
    invoicing: Invoicing, unit_price: str | None, quantity: int, reason: str
) -> None:
    await invoicing.hear(registered("acc-1"), registered("acc-2"), product(), price(300_000))
    if unit_price:
        await invoicing.hear(price(unit_price, sku="gold"))
    else:
        await invoicing.hear(price(5, sku="gold", per="unit"))
    await invoicing.hear(
        provisioned(NOVEMBER, "res-1", account_id="acc-1", components=[("gold", quantity)]),
        provisioned(NOVEMBER, "res-2", account_id="acc-2"),
    )
    answers = await invoicing.settle(month_over("2026-11", TICK))
    assert [one.account_id for one in invoices_in(answers)] == ["acc-2"]
    assert await invoicing.value("select reason from quarantine") == reason
    await invoicing.settle(month_over("2026-12", JANUARY))
    assert await invoicing.value("select count(*) from quarantine") == 1


async def test_an_hourly_price_is_charged_by_the_minute(invoicing: Invoicing) -> None:
    await invoicing.hear(registered(), product(), price(600, per="unit_hour"))
    at = hanoi("2026-11-16 00:00")
    await invoicing.hear(
        provisioned(at), happened(ResourceDeleted, at + timedelta(minutes=90), 2, state="deleted")
    )
    (invoice,) = invoices_in(await invoicing.settle(month_over("2026-11", TICK)))
    assert invoice.gross == 900


async def test_a_tick_for_no_accounts_completes_an_empty_run(invoicing: Invoicing) -> None:
    answers = await invoicing.settle(said(TickMonth(period="2026-11"), at=TICK))
    (completed,) = of_type(answers, InvoiceRunCompleted)
    assert (completed.invoices, completed.amount) == (0, 0)
