"""What a month's run tells while it goes on, and running one account of it again alone."""

from shared.messages import Refused
from shared.messages.invoicing import (
    InvoiceRunAccountQuarantined,
    InvoiceRunAccountRequested,
    InvoiceRunAccountResolved,
    InvoiceRunBegan,
    InvoiceRunProgressed,
    MonthRangeDue,
)
from tests.builders import said
from tests.integration.invoicing.house import (
    Invoicing,
    hanoi,
    invoices_in,
    month_over,
    of_type,
    price,
    product,
    provisioned,
    registered,
)

NOVEMBER = hanoi("2026-11-01 00:00")
TICK = hanoi("2026-12-01 00:05")
LATER = hanoi("2026-12-02 09:00")


async def two_accounts_of_which_one_has_no_price(invoicing: Invoicing) -> None:
    await invoicing.hear(registered("a"), registered("b"), product(), price(300_000))
    await invoicing.hear(
        provisioned(NOVEMBER, "res-a", account_id="a"),
        provisioned(NOVEMBER, "res-b", account_id="b", components=[("gpu", 1)]),
    )


def again(account_id: str = "b", id: str = "again-1") -> InvoiceRunAccountRequested:
    return said(
        InvoiceRunAccountRequested(
            period="2026-11", account_id=account_id, requested_by="mai", reason="price published"
        ),
        at=LATER,
        id=id,
    )


async def test_a_run_tells_of_its_size_its_progress_and_whom_it_left_out(
    invoicing: Invoicing,
) -> None:
    await two_accounts_of_which_one_has_no_price(invoicing)
    answers = await invoicing.settle(month_over("2026-11", TICK))
    (began,) = of_type(answers, InvoiceRunBegan)
    assert (began.period, began.ranges, began.time) == ("2026-11", 1, TICK)
    (progressed,) = of_type(answers, InvoiceRunProgressed)
    assert (progressed.ranges, progressed.range_number) == (1, 0)
    assert (progressed.invoices, progressed.quarantined, progressed.account_id) == (1, 1, None)
    (left_out,) = of_type(answers, InvoiceRunAccountQuarantined)
    assert (left_out.account_id, left_out.reason) == ("b", "no_price")
    assert left_out.detail == "res-b: vserver gpu in VND"
    assert of_type(answers, InvoiceRunAccountResolved) == []
    assert await invoicing.settle(month_over("2026-11", TICK)) == []


async def test_an_account_that_is_run_again_is_invoiced_once_its_price_is_there(
    invoicing: Invoicing,
) -> None:
    await two_accounts_of_which_one_has_no_price(invoicing)
    await invoicing.settle(month_over("2026-11", TICK))
    still = await invoicing.settle(again(id="too-early"))
    assert invoices_in(still) == []
    assert [one.account_id for one in of_type(still, InvoiceRunAccountQuarantined)] == ["b"]
    await invoicing.hear(price(90_000, sku="gpu"))
    answers = await invoicing.settle(again())
    assert [(one.account_id, one.gross) for one in invoices_in(answers)] == [("b", 90_000)]
    (resolved,) = of_type(answers, InvoiceRunAccountResolved)
    assert (resolved.account_id, resolved.period) == ("b", "2026-11")
    assert resolved.envelope.causation_id == "again-1"
    (progressed,) = of_type(answers, InvoiceRunProgressed)
    assert (progressed.account_id, progressed.invoices) == ("b", 1)
    assert progressed.range_number > 0


async def test_running_an_account_again_twice_at_once_invoices_it_once(
    invoicing: Invoicing,
) -> None:
    await two_accounts_of_which_one_has_no_price(invoicing)
    await invoicing.settle(month_over("2026-11", TICK))
    await invoicing.hear(price(90_000, sku="gpu"))
    answers = await invoicing.settle(again(id="one"), again(id="two"), again("a", id="three"))
    assert [one.account_id for one in invoices_in(answers)] == ["b"]
    numbers = [one.range_number for one in of_type(answers, InvoiceRunProgressed)]
    assert len(numbers) == len(set(numbers)) == 3


async def test_an_account_that_is_run_again_while_its_run_goes_on_takes_no_range_from_it(
    invoicing: Invoicing,
) -> None:
    await two_accounts_of_which_one_has_no_price(invoicing)
    ranges = of_type(await invoicing.hear(month_over("2026-11", TICK)), MonthRangeDue)
    await invoicing.settle(again("a"))
    answers = await invoicing.settle(*ranges)
    (progressed,) = of_type(answers, InvoiceRunProgressed)
    assert (progressed.range_number, progressed.invoices) == (0, 0)
    rows = await invoicing.rows("select completed_at is not null as done from run")
    assert rows == [{"done": True}]


async def test_a_month_that_was_never_run_is_not_run_again(invoicing: Invoicing) -> None:
    await invoicing.hear(registered("b"))
    (refused,) = await invoicing.hear(again())
    assert isinstance(refused, Refused)
    assert refused.reason == "unknown_run"
