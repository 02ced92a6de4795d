"""What was used so far: asked by pages, derived as the month's run then invoices it."""

from shared.messages.invoicing import UsageReportGiven
from shared.messages.scheduler import TickMonth
from shared.messages.upstream import UsageReportRequested
from tests.builders import said
from tests.conftest import OpenDatabase
from tests.integration.invoicing.house import (
    Invoicing,
    hanoi,
    invoices_in,
    of_type,
    price,
    product,
    provisioned,
    registered,
)


def asked(at: str, account_id: str = "acc-1", period: str = "2026-11") -> UsageReportRequested:
    """A page asks at a time."""
    question = UsageReportRequested(request_id=f"r {at}", account_id=account_id, period=period)
    return said(question, at=hanoi(at))


async def test_a_report_at_the_months_end_is_what_is_then_invoiced(
    open_database: OpenDatabase,
) -> None:
    invoicing = Invoicing(open_database)
    await invoicing.hear(registered(), product(), price(43_200))
    await invoicing.hear(
        provisioned(hanoi("2026-11-10 08:00"), "res-1"),
        provisioned(hanoi("2026-11-20 08:00"), "res-2"),
    )
    (half,) = of_type(await invoicing.hear(asked("2026-11-10 09:00")), UsageReportGiven)
    assert [(one.resource_id, one.gross) for one in half.resources] == [("res-1", 60)]
    assert (half.gross, half.net + half.vat, half.until) == (60, 60, hanoi("2026-11-10 09:00"))
    (whole,) = of_type(await invoicing.hear(asked("2026-12-01 00:00")), UsageReportGiven)
    tick = said(TickMonth(period="2026-11"), at=hanoi("2026-12-01 00:05"))
    issued = invoices_in(await invoicing.settle(tick))
    assert {one.resource_id: one.lines for one in issued} == {
        one.resource_id: one.lines for one in whole.resources
    }
    assert sum(one.gross for one in issued) == whole.gross
    (after,) = of_type(await invoicing.hear(asked("2026-12-02 00:00")), UsageReportGiven)
    assert (after.resources, after.gross) == ((), 0)


async def test_a_report_keeps_nothing(open_database: OpenDatabase) -> None:
    invoicing = Invoicing(open_database)
    await invoicing.hear(registered(), product(), price(43_200))
    await invoicing.hear(provisioned(hanoi("2026-11-10 08:00")))
    await invoicing.hear(asked("2026-11-11 08:00"), asked("2026-11-12 08:00"))
    assert await invoicing.rows("select * from invoice") == []
    assert await invoicing.rows("select * from invoice_series where next_number > 1") == []
    assert await invoicing.value("select closed_until from account") is None


async def test_a_report_says_why_it_can_not_be_derived(open_database: OpenDatabase) -> None:
    invoicing = Invoicing(open_database)
    await invoicing.hear(registered(), product())
    await invoicing.hear(provisioned(hanoi("2026-11-10 08:00")))
    answers = await invoicing.hear(
        asked("2026-11-11 08:00"), asked("2026-11-11 08:00", account_id="acc-2")
    )
    assert [one.reason for one in of_type(answers, UsageReportGiven)] == [
        "no_price",
        "unknown_account",
    ]
    assert await invoicing.rows("select * from quarantine") == []
