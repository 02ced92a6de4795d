"""Invoices are paid in the portal and automatically, in full or in part, and never twice."""

import asyncio
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import asyncpg
import pytest

from services.invoicing import store
from shared.messages import Message
from shared.messages.billing import InvoicePaymentConfirmed, PaymentCollect, RefundToCredit
from shared.messages.invoicing import (
    AccountOverdue,
    AccountSettled,
    InvoicePaid,
    InvoicePartiallyPaid,
    InvoicePaymentsDue,
)
from shared.messages.notifications import NotificationRequested
from shared.messages.scheduler import TickDay
from shared.messages.upstream import InvoicePaymentRecorded
from tests.builders import said
from tests.integration.invoicing.house import (
    Invoicing,
    hanoi,
    month_over,
    of_type,
    price,
    product,
    provisioned,
    put_off,
    refused,
    registered,
)
from tests.integration.invoicing.paying import (
    NOVEMBER,
    SOON,
    TICK,
    asked,
    at_one_instant,
    confirmed,
    failed,
    one_invoice,
    state_of,
    templates,
)

WITHIN_S: Final = 20


def _day(at: datetime = SOON) -> TickDay:
    return said(TickDay(), at=at)


async def test_an_invoice_is_paid_in_parts_until_nothing_is_outstanding(
    invoicing: Invoicing,
) -> None:
    invoice_id = await one_invoice(invoicing)
    (first,) = of_type(await invoicing.hear(asked(invoice_id, 100_000)), PaymentCollect)
    assert (first.amount, first.as_far_as_possible) == (100_000, False)
    assert await state_of(invoicing) == (0, 100_000, "unpaid")
    answers = await invoicing.hear(confirmed(first))
    (partly,) = of_type(answers, InvoicePartiallyPaid)
    assert (partly.amount, partly.outstanding) == (100_000, 200_000)
    assert await state_of(invoicing) == (100_000, 0, "partially_paid")
    (second,) = of_type(await invoicing.hear(asked(invoice_id)), PaymentCollect)
    assert second.amount == 200_000
    answers = await invoicing.hear(confirmed(second))
    (paid,) = of_type(answers, InvoicePaid)
    assert (paid.amount, paid.outstanding) == (200_000, 0)
    assert templates(answers) == ["invoice_paid"]
    assert await state_of(invoicing) == (300_000, 0, "paid")


async def test_two_requests_at_once_collect_the_outstanding_amount_once(
    invoicing: Invoicing,
) -> None:
    invoice_id = await one_invoice(invoicing)
    answers = await asyncio.gather(*(invoicing.hear(asked(invoice_id)) for _ in range(5)))
    everything = [one for some in answers for one in some]
    assert [one.amount for one in of_type(everything, PaymentCollect)] == [300_000]
    assert templates(everything) == ["invoice_nothing_due"] * 4


async def test_portal_and_automatic_payment_at_the_same_instant_settle_once(
    invoicing: Invoicing,
) -> None:
    invoice_id = await one_invoice(invoicing)
    await asyncio.gather(
        invoicing.settle(_day()),
        invoicing.hear(asked(invoice_id)),
    )
    rows = await invoicing.rows("select payment_id, amount from invoice_collection")
    assert [row["amount"] for row in rows] == [300_000]


async def test_a_failed_payment_frees_what_it_had_reserved(invoicing: Invoicing) -> None:
    invoice_id = await one_invoice(invoicing)
    (collect,) = of_type(await invoicing.hear(asked(invoice_id)), PaymentCollect)
    assert templates(await invoicing.hear(failed(collect))) == ["invoice_payment_failed"]
    assert await state_of(invoicing) == (0, 0, "unpaid")
    assert await invoicing.hear(failed(collect)) == []
    assert await state_of(invoicing) == (0, 0, "unpaid")


async def test_the_same_confirmation_again_pays_nothing_more(invoicing: Invoicing) -> None:
    invoice_id = await one_invoice(invoicing)
    (collect,) = of_type(await invoicing.hear(asked(invoice_id, 100_000)), PaymentCollect)
    answers = await invoicing.hear(confirmed(collect), confirmed(collect))
    assert len(of_type(answers, InvoicePartiallyPaid)) == 1
    assert await invoicing.hear(confirmed(collect)) == []
    assert await state_of(invoicing) == (100_000, 0, "partially_paid")


async def test_what_is_paid_too_much_goes_back_as_credit(invoicing: Invoicing) -> None:
    invoice_id = await one_invoice(invoicing)
    (collect,) = of_type(await invoicing.hear(asked(invoice_id, 250_000)), PaymentCollect)
    (other,) = of_type(await invoicing.hear(asked(invoice_id)), PaymentCollect)
    assert other.amount == 50_000
    answers = await invoicing.hear(confirmed(collect, 260_000), confirmed(other))
    (refund,) = of_type(answers, RefundToCredit)
    assert (refund.amount, refund.wallet, refund.reason) == (10_000, "credit", "overpaid")
    assert await state_of(invoicing) == (300_000, 0, "paid")


async def test_a_gateway_success_after_its_failure_still_counts(invoicing: Invoicing) -> None:
    invoice_id = await one_invoice(invoicing)
    (collect,) = of_type(await invoicing.hear(asked(invoice_id)), PaymentCollect)
    await invoicing.hear(failed(collect))
    (again,) = of_type(await invoicing.hear(asked(invoice_id, 120_000)), PaymentCollect)
    answers = await invoicing.hear(confirmed(collect))
    assert [one.amount for one in of_type(answers, RefundToCredit)] == [120_000]
    assert await state_of(invoicing) == (180_000, 120_000, "partially_paid")
    await invoicing.hear(confirmed(again))
    assert await state_of(invoicing) == (300_000, 0, "paid")


async def test_sales_record_a_bank_transfer_with_a_note_once(invoicing: Invoicing) -> None:
    invoice_id = await one_invoice(invoicing)

    def recorded() -> InvoicePaymentRecorded:
        return said(
            InvoicePaymentRecorded(
                invoice_id=invoice_id,
                account_id="acc-1",
                amount=310_000,
                reference="VCB-77",
                recorded_by="sales@example.com",
                note="paid at the counter",
            ),
            at=SOON,
        )

    answers = await invoicing.hear(recorded())
    assert [one.outstanding for one in of_type(answers, InvoicePaid)] == [0]
    assert [one.amount for one in of_type(answers, RefundToCredit)] == [10_000]
    assert await invoicing.hear(recorded()) == []
    async with invoicing.open_database("invoicing") as db:
        (payment,) = await store.show_invoice_payments(db, invoice_id)
    assert (payment["recorded_by"], payment["note"], payment["amount"]) == (
        "sales@example.com",
        "paid at the counter",
        300_000,
    )


async def test_somebody_elses_invoice_can_not_be_paid(invoicing: Invoicing) -> None:
    invoice_id = await one_invoice(invoicing)
    await invoicing.hear(registered("acc-2"))
    assert put_off(await invoicing.hear(asked(invoice_id, account_id="acc-2"))) == [
        "unknown_invoice"
    ]
    late = await invoicing.hear(asked(invoice_id, account_id="acc-2", attempt=6))
    assert refused(late) == ["unknown_invoice"]
    assert refused(await invoicing.hear(asked("nothing", attempt=6))) == ["unknown_invoice"]


async def test_a_payment_in_another_currency_is_refused(invoicing: Invoicing) -> None:
    invoice_id = await one_invoice(invoicing)
    (collect,) = of_type(await invoicing.hear(asked(invoice_id)), PaymentCollect)
    wrong = InvoicePaymentConfirmed(**{**confirmed(collect).model_dump(), "currency": "USD"})
    assert refused(await invoicing.hear(said(wrong, at=SOON))) == ["wrong_currency"]


async def _three_invoices(invoicing: Invoicing) -> None:
    """One of October, and of November a dearer and a cheaper one."""
    await invoicing.hear(registered(), product(), price(300), price(100, sku="ram"))
    await invoicing.hear(provisioned(hanoi("2026-10-31 00:00"), "res-dear"))
    await invoicing.settle(month_over("2026-10", NOVEMBER))
    await invoicing.hear(provisioned(NOVEMBER, "res-cheap", components=[("ram", 1)]))
    await invoicing.settle(month_over("2026-11", TICK))


async def _pay_as_far_as(invoicing: Invoicing, credit: int, *messages: Message) -> list[int]:
    """Answer for billing with as much credit as there is."""
    collected: list[int] = []
    waiting = of_type(await invoicing.settle(*messages), PaymentCollect)
    while waiting:
        (collect,) = waiting
        assert collect.as_far_as_possible
        amount = min(credit, collect.amount)
        collected.append(amount)
        answer = confirmed(collect, amount) if amount else failed(collect)
        credit -= amount
        waiting = of_type(await invoicing.settle(answer), PaymentCollect)
    return collected


async def test_automatic_payment_pays_older_invoices_first_then_smaller_ones(
    invoicing: Invoicing,
) -> None:
    await _three_invoices(invoicing)
    assert await _pay_as_far_as(invoicing, 1_000, _day()) == [10, 100, 300]
    rows = await invoicing.rows("select status, reserved from invoice_state")
    assert {(row["status"], row["reserved"]) for row in rows} == {("paid", 0)}


async def test_the_last_invoice_is_paid_as_far_as_the_credit_reaches_and_the_rest_next_day(
    invoicing: Invoicing,
) -> None:
    await _three_invoices(invoicing)
    assert await _pay_as_far_as(invoicing, 60, _day()) == [10, 50]
    assert await _pay_as_far_as(invoicing, 1_000, _day(SOON + timedelta(hours=2))) == []
    assert await _pay_as_far_as(invoicing, 1_000, _day(SOON + timedelta(days=1))) == [50, 300]


async def test_an_invoice_paid_in_the_portal_just_now_does_not_keep_the_next_from_being_paid(
    invoicing: Invoicing, database_url: str
) -> None:
    await _three_invoices(invoicing)
    oldest = await invoicing.value(
        "select invoice_id from invoice_state order by issued_at limit 1"
    )
    ranges = of_type(await invoicing.hear(_day()), InvoicePaymentsDue)
    answers = await at_one_instant(database_url, [asked(oldest)], ranges)
    assert [one.amount for one in of_type(answers, PaymentCollect)] == [10, 100]


async def test_without_credit_nothing_is_paid(invoicing: Invoicing) -> None:
    await _three_invoices(invoicing)
    assert await _pay_as_far_as(invoicing, 0, _day()) == [0]
    assert await invoicing.value("select sum(reserved + paid)::int from invoice_state") == 0


async def test_a_days_tick_twice_collects_once(invoicing: Invoicing) -> None:
    await one_invoice(invoicing)
    answers = await invoicing.settle(_day(), _day())
    assert len(of_type(answers, PaymentCollect)) == 1


async def test_overdue_invoices_are_reminded_of_every_day(invoicing: Invoicing) -> None:
    await _three_invoices(invoicing)
    early = hanoi("2026-12-16 00:04")
    assert "invoices_overdue" in templates(await invoicing.settle(_day(early)))
    (reminder,) = [
        one
        for one in of_type(
            await invoicing.settle(_day(early + timedelta(days=1))), NotificationRequested
        )
        if one.template == "invoices_overdue"
    ]
    assert reminder.facts["invoices"] == 3
    assert Decimal(reminder.facts["outstanding"]) == 410
    assert reminder.facts["numbers"][0] == "2026A-0000001"


async def test_who_is_overdue_is_told_of_daily_until_all_that_was_due_is_paid(
    invoicing: Invoicing,
) -> None:
    await _three_invoices(invoicing)
    due = hanoi("2026-12-16 00:05")
    answers = await invoicing.settle(_day(due - timedelta(days=31)))
    assert of_type(answers, AccountOverdue) == []
    (collect,) = of_type(answers, PaymentCollect)
    await invoicing.settle(failed(collect))
    answers = await invoicing.settle(_day(due))
    (overdue,) = of_type(answers, AccountOverdue)
    assert (overdue.account_id, overdue.since) == ("acc-1", hanoi("2026-11-16 00:00"))
    (collect,) = of_type(answers, PaymentCollect)
    answers = await invoicing.settle(confirmed(collect))
    assert of_type(answers, AccountSettled) == [], "two more are due"
    (second,) = of_type(answers, PaymentCollect)
    answers = await invoicing.settle(failed(second), _day(due + timedelta(days=1)))
    assert len(of_type(answers, AccountOverdue)) == 1
    (second,) = of_type(answers, PaymentCollect)
    answers = await invoicing.settle(confirmed(second))
    (third,) = of_type(answers, PaymentCollect)
    answers = await invoicing.settle(confirmed(third))
    (settled,) = of_type(answers, AccountSettled)
    assert settled.time == due + timedelta(days=1), "not before the debt was told of"


async def test_two_last_payments_at_once_settle_the_account_once(invoicing: Invoicing) -> None:
    await _three_invoices(invoicing)
    answers = await invoicing.settle(_day(hanoi("2026-12-20 00:05")))
    (automatic,) = of_type(answers, PaymentCollect)
    others = await invoicing.rows("select invoice_id from invoice_state where reserved = 0")
    answers = await invoicing.hear(*(asked(one["invoice_id"]) for one in others))
    collects = [automatic, *of_type(answers, PaymentCollect)]
    results = await asyncio.gather(*(invoicing.hear(confirmed(one)) for one in collects))
    told = [one for some in results for one in of_type(some, AccountSettled)]
    assert [one.account_id for one in told] == ["acc-1"]


@pytest.mark.parametrize("seen_to", [None, "2026-12-15", "2026-12-16"], ids=["new", "due", "told"])
@pytest.mark.parametrize("payer_first", [True, False], ids=["payer first", "reminder first"])
async def test_who_pays_while_the_debt_is_told_of_is_settled(
    invoicing: Invoicing, database_url: str, seen_to: str | None, payer_first: bool
) -> None:
    invoice_id = await one_invoice(invoicing)
    (collect,) = of_type(await invoicing.hear(asked(invoice_id)), PaymentCollect)
    told = await invoicing.settle(_day(hanoi(f"{seen_to} 00:05"))) if seen_to else []
    times_told = len(of_type(told, AccountOverdue))
    assert times_told == (seen_to == "2026-12-16")
    paid = [confirmed(collect)]
    ranges = of_type(await invoicing.hear(_day(hanoi("2026-12-17 00:05"))), InvoicePaymentsDue)
    order = (paid, ranges) if payer_first else (ranges, paid)
    told += await at_one_instant(database_url, *order)
    assert await state_of(invoicing) == (300_000, 0, "paid")
    times_told += not payer_first
    assert len(of_type(told, AccountOverdue)) == times_told
    assert len(of_type(told, AccountSettled)) == (times_told > 0)


async def test_accounts_that_are_overdue_and_owe_nothing_are_settled_the_next_day(
    invoicing: Invoicing,
) -> None:
    await invoicing.hear(registered("acc-2"))
    await _three_invoices(invoicing)
    due = hanoi("2026-12-16 00:05")
    await invoicing.settle(_day(due))
    await invoicing.rows(
        "insert into account_dues (account_id, day, overdue_told_at)"
        " values ('acc-2', '2026-12-16', $1), ('acc-0', '2026-12-16', $1)",
        due,
    )
    await invoicing.hear(registered("acc-0"))
    answers = await invoicing.settle(_day(due + timedelta(days=1)))
    settled = of_type(answers, AccountSettled)
    assert [one.account_id for one in settled] == ["acc-0", "acc-2"], "acc-1 owes something"
    assert len({one.envelope.id for one in settled}) == 2
    assert of_type(await invoicing.settle(_day(due + timedelta(days=2))), AccountSettled) == []


async def test_no_more_is_paid_than_the_invoice_has_by_the_schema(invoicing: Invoicing) -> None:
    invoice_id = await one_invoice(invoicing)
    (collect,) = of_type(await invoicing.hear(asked(invoice_id, 100)), PaymentCollect)
    await invoicing.hear(confirmed(collect))
    with pytest.raises(asyncpg.UniqueViolationError):
        await invoicing.rows(
            "insert into invoice_payment select 'again', invoice_id, account_id, method, 5, 0, 0,"
            " 5, at from invoice_payment"
        )
    with pytest.raises(asyncpg.RestrictViolationError):
        await invoicing.rows("update invoice_payment set amount = 0")
