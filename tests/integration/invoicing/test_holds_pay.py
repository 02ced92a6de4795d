"""The month's end: the hold pays the invoice, and becomes the new month's (domain 8)."""

from collections.abc import Sequence
from datetime import timedelta

from shared.messages import Said
from shared.messages.billing import PaymentCollect
from shared.messages.invoicing import InvoicePaid, InvoicePartiallyPaid, MonthRangeDue
from shared.messages.provisioning import ResourceDeleted
from shared.messages.wallet import WalletHold
from tests.builders import said
from tests.integration.invoicing.holding import (
    BEGUN,
    DAY,
    NODES,
    asked,
    confirmed,
    day,
    failed,
    granted,
    held,
    open_shop,
    ordered,
    switched,
)
from tests.integration.invoicing.house import (
    Invoicing,
    hanoi,
    happened,
    invoices_in,
    month_over,
    of_type,
)

DECEMBER, JANUARY = hanoi("2026-12-01 00:00"), hanoi("2027-01-01 00:00")
TICK = DECEMBER + timedelta(minutes=5)
OF_NOVEMBER = 21 * 600_000
AFTER_FIVE_MINUTES = 2_083 + 1_800_000


async def running(invoicing: Invoicing) -> None:
    """Two nodes since November 10th, held for until the end of the month."""
    await open_shop(invoicing)
    await invoicing.hear(ordered())
    await granted(invoicing, await invoicing.settle(day(DECEMBER - DAY)))


def collected(answers: Sequence[Said]) -> PaymentCollect:
    """What is to be collected for the only invoice."""
    (command,) = of_type(answers, PaymentCollect)
    return command


async def statuses(invoicing: Invoicing) -> list[tuple[str, int]]:
    """Status and payments of all invoices."""
    rows = await invoicing.rows("select status, paid from invoice_state order by issued_at, gross")
    return [(row["status"], row["paid"]) for row in rows]


async def test_the_run_has_the_hold_pay_the_invoice_and_sets_it_anew_afterwards(
    invoicing: Invoicing,
) -> None:
    await running(invoicing)
    answers = await invoicing.settle(month_over("2026-11", TICK))
    (invoice,) = invoices_in(answers)
    collect = collected(answers)
    assert (invoice.gross, collect.amount) == (OF_NOVEMBER, OF_NOVEMBER)
    assert (collect.hold_id, collect.as_far_as_possible) == ("res-1", True)
    assert asked(answers) == {}, "nothing is freed before it has paid"
    after = await invoicing.hear(confirmed(collect))
    assert [one.outstanding for one in of_type(after, InvoicePaid)] == [0]
    assert asked(after) == {"res-1": AFTER_FIVE_MINUTES}
    (command,) = of_type(after, WalletHold)
    assert command.change_id > (collect.change_id or "")
    assert await statuses(invoicing) == [("paid", OF_NOVEMBER)]


async def test_the_day_before_or_after_the_run_holds_both_months_until_it_has_paid(
    invoicing: Invoicing,
) -> None:
    await running(invoicing)
    assert asked(await invoicing.settle(day(TICK))) == {"res-1": OF_NOVEMBER + AFTER_FIVE_MINUTES}
    collect = collected(await invoicing.settle(month_over("2026-11", TICK)))
    assert asked(await invoicing.settle(day(TICK + DAY))) == {}, "it is just paying"
    assert asked(await invoicing.hear(confirmed(collect))) == {"res-1": AFTER_FIVE_MINUTES}
    assert asked(await invoicing.settle(day(TICK + DAY))) == {"res-1": 600_000 + AFTER_FIVE_MINUTES}


async def test_what_the_hold_and_the_credit_lack_stays_open_for_automatic_payment(
    invoicing: Invoicing,
) -> None:
    await running(invoicing)
    collect = collected(await invoicing.settle(month_over("2026-11", TICK)))
    after = await invoicing.hear(confirmed(collect, OF_NOVEMBER - 100))
    assert [one.outstanding for one in of_type(after, InvoicePartiallyPaid)] == [100]
    assert asked(after) == {"res-1": AFTER_FIVE_MINUTES}
    automatic = collected(await invoicing.settle(day(TICK + DAY)))
    assert (automatic.amount, automatic.hold_id) == (100, None)


async def test_an_invoice_for_which_there_was_nothing_is_left_to_automatic_payment(
    invoicing: Invoicing,
) -> None:
    await running(invoicing)
    collect = collected(await invoicing.settle(month_over("2026-11", TICK)))
    assert asked(await invoicing.hear(failed(collect))) == {"res-1": AFTER_FIVE_MINUTES}
    assert await statuses(invoicing) == [("unpaid", 0)]


async def test_a_second_tick_collects_nothing_more(invoicing: Invoicing) -> None:
    await running(invoicing)
    collect = collected(await invoicing.settle(month_over("2026-11", TICK)))
    assert await invoicing.settle(month_over("2026-11", TICK + DAY)) == []
    await invoicing.hear(confirmed(collect), confirmed(collect))
    assert await invoicing.hear(confirmed(collect)) == []
    assert await statuses(invoicing) == [("paid", OF_NOVEMBER)]


async def test_an_account_that_is_run_again_collects_from_a_hold_no_second_time(
    invoicing: Invoicing,
) -> None:
    await running(invoicing)
    collect = collected(await invoicing.settle(month_over("2026-11", TICK)))
    await invoicing.hear(confirmed(collect, OF_NOVEMBER - 100))
    again = MonthRangeDue(
        period="2026-11", range_number=7, first_account="acc-1", next_account="acc-1 "
    )
    assert not of_type(await invoicing.settle(said(again, at=TICK)), PaymentCollect)


async def test_a_deleted_resource_pays_from_its_hold_and_then_holds_nothing(
    invoicing: Invoicing,
) -> None:
    await running(invoicing)
    gone = happened(ResourceDeleted, BEGUN + 2 * DAY, 2, components=NODES, state="deleted")
    await granted(invoicing, await invoicing.hear(gone))
    collect = collected(await invoicing.settle(month_over("2026-11", TICK)))
    assert collect.amount == 1_200_000
    after = await invoicing.hear(confirmed(collect))
    (command,) = of_type(after, WalletHold)
    assert command.amount == 0
    await invoicing.hear(held(command))
    assert asked(await invoicing.settle(day(TICK + DAY))) == {}
    assert await invoicing.rows("select ended from credit_hold") == [{"ended": True}]
    assert await invoicing.settle(day(TICK + 2 * DAY)) == []


async def test_months_that_were_missed_are_paid_by_the_hold_one_after_the_other(
    invoicing: Invoicing,
) -> None:
    await running(invoicing)
    first = collected(await invoicing.settle(month_over("2026-12", JANUARY)))
    assert first.amount == OF_NOVEMBER
    answers = await invoicing.hear(confirmed(first))
    second = collected(answers)
    assert (second.amount, asked(answers)) == (31 * 600_000, {})
    assert asked(await invoicing.hear(confirmed(second))) == {"res-1": 1_800_000}
    assert [status for status, _ in await statuses(invoicing)] == ["paid", "paid"]


async def test_an_account_that_became_postpaid_pays_when_its_invoice_is_due(
    invoicing: Invoicing,
) -> None:
    await running(invoicing)
    await granted(invoicing, await invoicing.hear(switched("postpaid", DECEMBER - DAY)))
    answers = await invoicing.settle(month_over("2026-11", TICK))
    assert len(invoices_in(answers)) == 1
    assert not of_type(answers, PaymentCollect)
