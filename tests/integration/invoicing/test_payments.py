"""Invoices are paid in the portal and automatically, in full or in part, and never twice."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Final

import asyncpg
import pytest

from services.invoicing import store
from shared.messages import Message, Said
from shared.messages.billing import (
    InvoicePaymentConfirmed,
    PaymentCollect,
    PaymentFailed,
    RefundReserve,
    RefundReserved,
    RefundToCredit,
)
from shared.messages.invoicing import (
    AccountOverdue,
    AccountSettled,
    InvoiceCredited,
    InvoiceIssued,
    InvoicePaid,
    InvoicePartiallyPaid,
    InvoicePaymentsDue,
)
from shared.messages.notifications import NotificationRequested
from shared.messages.provisioning import ResourceProvisioned
from shared.messages.scheduler import TickDay
from shared.messages.upstream import (
    InvoiceCreditRequested,
    InvoicePaymentRecorded,
    InvoicePaymentRequested,
)
from tests.builders import said
from tests.integration.at_once import one_after_the_other
from tests.integration.invoicing.house import (
    Invoicing,
    handle,
    hanoi,
    invoices_in,
    month_over,
    of_type,
    paid_item,
    price,
    product,
    provisioned,
    put_off,
    refused,
    registered,
)

NOVEMBER, TICK = hanoi("2026-11-01 00:00"), hanoi("2026-12-01 00:05")
SOON = TICK + timedelta(hours=1)
WITHIN_S: Final = 20


async def _one_invoice(invoicing: Invoicing, amount: int = 300_000) -> str:
    await invoicing.hear(registered(), product(), price(amount))
    await invoicing.hear(provisioned(NOVEMBER))
    (invoice,) = invoices_in(await invoicing.settle(month_over("2026-11", TICK)))
    return invoice.invoice_id


def _asked(
    invoice_id: str, amount: int | None = None, *, account_id: str = "acc-1", attempt: int = 0
) -> InvoicePaymentRequested:
    return said(
        InvoicePaymentRequested(
            invoice_id=invoice_id, account_id=account_id, method="credit", amount=amount
        ),
        at=SOON,
        attempt=attempt,
    )


def _confirmed(collect: PaymentCollect, amount: int | None = None) -> InvoicePaymentConfirmed:
    return said(
        InvoicePaymentConfirmed(
            payment_id=collect.payment_id,
            invoice_id=collect.invoice_id,
            account_id=collect.account_id,
            amount=amount or collect.amount,
            currency="VND",
            method=collect.method,
        ),
        at=SOON,
    )


def _failed(collect: PaymentCollect) -> PaymentFailed:
    return said(
        PaymentFailed(
            payment_id=collect.payment_id,
            invoice_id=collect.invoice_id,
            account_id=collect.account_id,
            reason="insufficient_credit",
        ),
        at=SOON,
    )


def _day(at: datetime = SOON) -> TickDay:
    return said(TickDay(), at=at)


def _templates(answers: list[Said]) -> list[str]:
    return [one.template for one in of_type(answers, NotificationRequested)]


async def _one_after_the_other(
    database_url: str, first: Sequence[Message], second: Sequence[Message]
) -> list[Said]:
    """Two workers of invoicing, each with a group."""
    return await one_after_the_other(
        database_url, "invoicing", partial(handle, first), partial(handle, second)
    )


async def _state(invoicing: Invoicing) -> tuple[int, int, str]:
    (row,) = await invoicing.rows("select paid, reserved, status from invoice_state")
    return row["paid"], row["reserved"], row["status"]


async def test_an_invoice_is_paid_in_parts_until_nothing_is_outstanding(
    invoicing: Invoicing,
) -> None:
    invoice_id = await _one_invoice(invoicing)
    (first,) = of_type(await invoicing.hear(_asked(invoice_id, 100_000)), PaymentCollect)
    assert (first.amount, first.as_far_as_possible) == (100_000, False)
    assert await _state(invoicing) == (0, 100_000, "unpaid")
    answers = await invoicing.hear(_confirmed(first))
    (partly,) = of_type(answers, InvoicePartiallyPaid)
    assert (partly.amount, partly.outstanding) == (100_000, 200_000)
    assert await _state(invoicing) == (100_000, 0, "partially_paid")
    (second,) = of_type(await invoicing.hear(_asked(invoice_id)), PaymentCollect)
    assert second.amount == 200_000
    answers = await invoicing.hear(_confirmed(second))
    (paid,) = of_type(answers, InvoicePaid)
    assert (paid.amount, paid.outstanding) == (200_000, 0)
    assert _templates(answers) == ["invoice_paid"]
    assert await _state(invoicing) == (300_000, 0, "paid")


async def test_two_requests_at_once_collect_the_outstanding_amount_once(
    invoicing: Invoicing,
) -> None:
    invoice_id = await _one_invoice(invoicing)
    answers = await asyncio.gather(*(invoicing.hear(_asked(invoice_id)) for _ in range(5)))
    everything = [one for some in answers for one in some]
    assert [one.amount for one in of_type(everything, PaymentCollect)] == [300_000]
    assert _templates(everything) == ["invoice_nothing_due"] * 4


async def test_portal_and_automatic_payment_at_the_same_instant_settle_once(
    invoicing: Invoicing,
) -> None:
    invoice_id = await _one_invoice(invoicing)
    await asyncio.gather(
        invoicing.settle(_day()),
        invoicing.hear(_asked(invoice_id)),
    )
    rows = await invoicing.rows("select payment_id, amount from invoice_collection")
    assert [row["amount"] for row in rows] == [300_000]


async def test_a_failed_payment_frees_what_it_had_reserved(invoicing: Invoicing) -> None:
    invoice_id = await _one_invoice(invoicing)
    (collect,) = of_type(await invoicing.hear(_asked(invoice_id)), PaymentCollect)
    assert _templates(await invoicing.hear(_failed(collect))) == ["invoice_payment_failed"]
    assert await _state(invoicing) == (0, 0, "unpaid")
    assert await invoicing.hear(_failed(collect)) == []
    assert await _state(invoicing) == (0, 0, "unpaid")


async def test_the_same_confirmation_again_pays_nothing_more(invoicing: Invoicing) -> None:
    invoice_id = await _one_invoice(invoicing)
    (collect,) = of_type(await invoicing.hear(_asked(invoice_id, 100_000)), PaymentCollect)
    answers = await invoicing.hear(_confirmed(collect), _confirmed(collect))
    assert len(of_type(answers, InvoicePartiallyPaid)) == 1
    assert await invoicing.hear(_confirmed(collect)) == []
    assert await _state(invoicing) == (100_000, 0, "partially_paid")


async def test_what_is_paid_too_much_goes_back_as_credit(invoicing: Invoicing) -> None:
    invoice_id = await _one_invoice(invoicing)
    (collect,) = of_type(await invoicing.hear(_asked(invoice_id, 250_000)), PaymentCollect)
    (other,) = of_type(await invoicing.hear(_asked(invoice_id)), PaymentCollect)
    assert other.amount == 50_000
    answers = await invoicing.hear(_confirmed(collect, 260_000), _confirmed(other))
    (refund,) = of_type(answers, RefundToCredit)
    assert (refund.amount, refund.wallet, refund.reason) == (10_000, "credit", "overpaid")
    assert await _state(invoicing) == (300_000, 0, "paid")


async def test_a_gateway_success_after_its_failure_still_counts(invoicing: Invoicing) -> None:
    invoice_id = await _one_invoice(invoicing)
    (collect,) = of_type(await invoicing.hear(_asked(invoice_id)), PaymentCollect)
    await invoicing.hear(_failed(collect))
    (again,) = of_type(await invoicing.hear(_asked(invoice_id, 120_000)), PaymentCollect)
    answers = await invoicing.hear(_confirmed(collect))
    assert [one.amount for one in of_type(answers, RefundToCredit)] == [120_000]
    assert await _state(invoicing) == (180_000, 120_000, "partially_paid")
    await invoicing.hear(_confirmed(again))
    assert await _state(invoicing) == (300_000, 0, "paid")


async def test_sales_record_a_bank_transfer_with_a_note_once(invoicing: Invoicing) -> None:
    invoice_id = await _one_invoice(invoicing)

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


def _credit(invoice_id: str, amount: int, name: str) -> InvoiceCreditRequested:
    return said(
        InvoiceCreditRequested(
            credit_note_id=name,
            invoice_id=invoice_id,
            account_id="acc-1",
            amount=amount,
            reason="an hour without network",
            requested_by="support",
        ),
        at=SOON,
    )


async def test_a_credit_note_names_its_invoice_and_takes_off_what_is_outstanding(
    invoicing: Invoicing,
) -> None:
    invoice_id = await _one_invoice(invoicing)
    answers = await invoicing.hear(_credit(invoice_id, 110_000, "cn-1"))
    (note,) = of_type(answers, InvoiceCredited)
    assert (note.number, note.net, note.vat) == ("2026A-0000001-C1", 100_000, 10_000)
    assert (note.outstanding, note.given_back) == (190_000, 0)
    assert of_type(answers, RefundToCredit) == []
    (collect,) = of_type(await invoicing.hear(_asked(invoice_id)), PaymentCollect)
    assert collect.amount == 190_000
    await invoicing.hear(_confirmed(collect))
    assert await _state(invoicing) == (190_000, 0, "paid")


async def test_what_is_credited_after_it_was_paid_goes_back_as_credit(
    invoicing: Invoicing,
) -> None:
    invoice_id = await _one_invoice(invoicing)
    (collect,) = of_type(await invoicing.hear(_asked(invoice_id, 250_000)), PaymentCollect)
    await invoicing.hear(_confirmed(collect))
    answers = await invoicing.hear(_credit(invoice_id, 80_000, "cn-1"))
    assert [one.amount for one in of_type(answers, RefundToCredit)] == [30_000]
    assert await _state(invoicing) == (250_000, 0, "paid")
    assert await invoicing.hear(_credit(invoice_id, 80_000, "cn-1")) == []


async def _prepaid_invoice(invoicing: Invoicing) -> tuple[ResourceProvisioned, str]:
    await invoicing.hear(registered())
    paid = provisioned(NOVEMBER, user_type="prepaid", ends_at=TICK, item=paid_item(90_000))
    (invoice,) = of_type(await invoicing.hear(paid), InvoiceIssued)
    return paid, invoice.invoice_id


def _reserved(command: RefundReserve) -> RefundReserved:
    return said(RefundReserved.model_validate(command.model_dump()), at=command.time)


async def test_a_credit_note_of_a_prepaid_invoice_is_issued_once_what_it_gives_back_is_reserved(
    invoicing: Invoicing,
) -> None:
    paid, invoice_id = await _prepaid_invoice(invoicing)
    (command,) = await invoicing.hear(_credit(invoice_id, 30_000, "cn-1"))
    assert isinstance(command, RefundReserve)
    assert (command.resource_id, command.order_id, command.item_id, command.amount) == (
        paid.resource_id,
        paid.order_id,
        paid.item_id,
        30_000,
    )
    assert await invoicing.rows("select from credit_note") == []
    answers = await invoicing.hear(_reserved(command))
    (note,) = of_type(answers, InvoiceCredited)
    assert (note.amount, note.given_back, note.reason) == (30_000, 30_000, command.reason)
    assert [one.amount for one in of_type(answers, RefundToCredit)] == [30_000]
    assert _templates(answers) == ["invoice_credited"]
    assert await invoicing.rows("select requested_by, at from credit_note") == [
        {"requested_by": "support", "at": SOON}
    ]


async def test_what_was_issued_is_neither_reserved_nor_issued_again(invoicing: Invoicing) -> None:
    _, invoice_id = await _prepaid_invoice(invoicing)
    request = _credit(invoice_id, 90_000, "cn-1")
    (command,) = of_type(await invoicing.hear(request), RefundReserve)
    (again,) = of_type(await invoicing.hear(request), RefundReserve)
    assert again.envelope.id == command.envelope.id
    answers = await invoicing.hear(_reserved(command), _reserved(command), request)
    assert len(of_type(answers, InvoiceCredited)) == 1
    assert not of_type(answers, RefundReserve)
    assert await invoicing.hear(_reserved(command), request) == []
    assert refused(await invoicing.hear(_credit(invoice_id, 1, "cn-1"))) == ["id_reused"]
    other = _reserved(command.model_copy(update={"amount": 1}))
    assert refused(await invoicing.hear(other)) == ["id_reused"]


async def test_a_prepaid_invoice_is_asked_to_be_credited_at_most_in_full(
    invoicing: Invoicing,
) -> None:
    _, invoice_id = await _prepaid_invoice(invoicing)
    assert refused(await invoicing.hear(_credit(invoice_id, 90_001, "cn-1"))) == ["exceeds_invoice"]
    (command,) = of_type(await invoicing.hear(_credit(invoice_id, 60_000, "cn-2")), RefundReserve)
    await invoicing.hear(_reserved(command))
    assert refused(await invoicing.hear(_credit(invoice_id, 30_001, "cn-3"))) == ["exceeds_invoice"]


async def test_what_was_reserved_waits_for_its_invoice(invoicing: Invoicing) -> None:
    _, invoice_id = await _prepaid_invoice(invoicing)
    (command,) = of_type(await invoicing.hear(_credit(invoice_id, 60_000, "cn-1")), RefundReserve)
    early = _reserved(command.model_copy(update={"invoice_id": "to-come"}))
    assert put_off(await invoicing.hear(early)) == ["unknown_invoice"]


async def test_credit_notes_of_an_invoice_at_once_are_all_issued(
    invoicing: Invoicing, database_url: str
) -> None:
    invoice_id = await _one_invoice(invoicing)
    first, second = (_credit(invoice_id, 1_000, name) for name in ("cn-1", "cn-2"))
    answers = await _one_after_the_other(database_url, [first], [second])
    numbers = [one.number for one in of_type(answers, InvoiceCredited)]
    assert numbers == ["2026A-0000001-C1", "2026A-0000001-C2"]
    assert [one.outstanding for one in of_type(answers, InvoiceCredited)] == [299_000, 298_000]


async def test_credit_notes_never_exceed_their_invoice(invoicing: Invoicing) -> None:
    invoice_id = await _one_invoice(invoicing)
    answers = await invoicing.hear(
        *(_credit(invoice_id, 200_000, name) for name in ("cn-1", "cn-2"))
    )
    assert refused(answers) == ["exceeds_invoice"]
    assert len(of_type(answers, InvoiceCredited)) == 1
    assert refused(await invoicing.hear(_credit(invoice_id, 7, "cn-1"))) == ["id_reused"]
    results = await asyncio.gather(
        *(invoicing.hear(_credit(invoice_id, 60_000, f"at-once-{n}")) for n in range(3))
    )
    everything = [one for some in results for one in some]
    assert len(of_type(everything, InvoiceCredited)) == 1
    with pytest.raises(asyncpg.CheckViolationError):
        await invoicing.rows("update invoice_state set credited = gross + 1")
    with pytest.raises(asyncpg.RestrictViolationError):
        await invoicing.rows("delete from credit_note")


async def test_a_payment_under_way_for_what_is_then_credited_goes_back(
    invoicing: Invoicing,
) -> None:
    invoice_id = await _one_invoice(invoicing)
    (collect,) = of_type(await invoicing.hear(_asked(invoice_id)), PaymentCollect)
    await invoicing.hear(_credit(invoice_id, 300_000, "cn-1"))
    assert await _state(invoicing) == (0, 300_000, "paid")
    answers = await invoicing.hear(_confirmed(collect))
    assert [one.amount for one in of_type(answers, RefundToCredit)] == [300_000]
    assert await _state(invoicing) == (0, 0, "paid")


async def test_somebody_elses_invoice_can_not_be_paid(invoicing: Invoicing) -> None:
    invoice_id = await _one_invoice(invoicing)
    await invoicing.hear(registered("acc-2"))
    assert put_off(await invoicing.hear(_asked(invoice_id, account_id="acc-2"))) == [
        "unknown_invoice"
    ]
    late = await invoicing.hear(_asked(invoice_id, account_id="acc-2", attempt=6))
    assert refused(late) == ["unknown_invoice"]
    assert refused(await invoicing.hear(_asked("nothing", attempt=6))) == ["unknown_invoice"]


async def test_a_payment_in_another_currency_is_refused(invoicing: Invoicing) -> None:
    invoice_id = await _one_invoice(invoicing)
    (collect,) = of_type(await invoicing.hear(_asked(invoice_id)), PaymentCollect)
    wrong = InvoicePaymentConfirmed(**{**_confirmed(collect).model_dump(), "currency": "USD"})
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
        answer = _confirmed(collect, amount) if amount else _failed(collect)
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
    answers = await _one_after_the_other(database_url, [_asked(oldest)], ranges)
    assert [one.amount for one in of_type(answers, PaymentCollect)] == [10, 100]


async def test_without_credit_nothing_is_paid(invoicing: Invoicing) -> None:
    await _three_invoices(invoicing)
    assert await _pay_as_far_as(invoicing, 0, _day()) == [0]
    assert await invoicing.value("select sum(reserved + paid)::int from invoice_state") == 0


async def test_a_days_tick_twice_collects_once(invoicing: Invoicing) -> None:
    await _one_invoice(invoicing)
    answers = await invoicing.settle(_day(), _day())
    assert len(of_type(answers, PaymentCollect)) == 1


async def test_overdue_invoices_are_reminded_of_every_day(invoicing: Invoicing) -> None:
    await _three_invoices(invoicing)
    early = hanoi("2026-12-16 00:04")
    assert "invoices_overdue" in _templates(await invoicing.settle(_day(early)))
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
    await invoicing.settle(_failed(collect))
    answers = await invoicing.settle(_day(due))
    (overdue,) = of_type(answers, AccountOverdue)
    assert (overdue.account_id, overdue.since) == ("acc-1", hanoi("2026-11-16 00:00"))
    (collect,) = of_type(answers, PaymentCollect)
    answers = await invoicing.settle(_confirmed(collect))
    assert of_type(answers, AccountSettled) == [], "two more are due"
    (second,) = of_type(answers, PaymentCollect)
    answers = await invoicing.settle(_failed(second), _day(due + timedelta(days=1)))
    assert len(of_type(answers, AccountOverdue)) == 1
    (second,) = of_type(answers, PaymentCollect)
    answers = await invoicing.settle(_confirmed(second))
    (third,) = of_type(answers, PaymentCollect)
    answers = await invoicing.settle(_confirmed(third))
    (settled,) = of_type(answers, AccountSettled)
    assert settled.time == due + timedelta(days=1), "not before the debt was told of"


async def test_two_last_payments_at_once_settle_the_account_once(invoicing: Invoicing) -> None:
    await _three_invoices(invoicing)
    answers = await invoicing.settle(_day(hanoi("2026-12-20 00:05")))
    (automatic,) = of_type(answers, PaymentCollect)
    others = await invoicing.rows("select invoice_id from invoice_state where reserved = 0")
    asked = await invoicing.hear(*(_asked(one["invoice_id"]) for one in others))
    collects = [automatic, *of_type(asked, PaymentCollect)]
    results = await asyncio.gather(*(invoicing.hear(_confirmed(one)) for one in collects))
    told = [one for some in results for one in of_type(some, AccountSettled)]
    assert [one.account_id for one in told] == ["acc-1"]


@pytest.mark.parametrize("seen_to", [None, "2026-12-15", "2026-12-16"], ids=["new", "due", "told"])
@pytest.mark.parametrize("payer_first", [True, False], ids=["payer first", "reminder first"])
async def test_who_pays_while_the_debt_is_told_of_is_settled(
    invoicing: Invoicing, database_url: str, seen_to: str | None, payer_first: bool
) -> None:
    invoice_id = await _one_invoice(invoicing)
    (collect,) = of_type(await invoicing.hear(_asked(invoice_id)), PaymentCollect)
    told = await invoicing.settle(_day(hanoi(f"{seen_to} 00:05"))) if seen_to else []
    times_told = len(of_type(told, AccountOverdue))
    assert times_told == (seen_to == "2026-12-16")
    paid = [_confirmed(collect)]
    ranges = of_type(await invoicing.hear(_day(hanoi("2026-12-17 00:05"))), InvoicePaymentsDue)
    order = (paid, ranges) if payer_first else (ranges, paid)
    told += await _one_after_the_other(database_url, *order)
    assert await _state(invoicing) == (300_000, 0, "paid")
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
    invoice_id = await _one_invoice(invoicing)
    (collect,) = of_type(await invoicing.hear(_asked(invoice_id, 100)), PaymentCollect)
    await invoicing.hear(_confirmed(collect))
    with pytest.raises(asyncpg.UniqueViolationError):
        await invoicing.rows(
            "insert into invoice_payment select 'again', invoice_id, account_id, method, 5, 0, 0,"
            " 5, at from invoice_payment"
        )
    with pytest.raises(asyncpg.RestrictViolationError):
        await invoicing.rows("update invoice_payment set amount = 0")
