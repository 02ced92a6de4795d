"""Reports of metered use that can not be counted, or not yet (domain 8)."""

from datetime import timedelta
from decimal import Decimal

from shared.messages import NotYet, Refused
from shared.messages.invoicing import UsageReportSetApart
from shared.messages.scheduler import TickDay
from tests.builders import said
from tests.integration.invoicing.house import (
    Invoicing,
    hanoi,
    invoices_in,
    month_over,
    of_type,
    put_off,
    refused,
    registered,
)
from tests.integration.invoicing.meters import (
    NOVEMBER,
    batch,
    lines,
    metered_resource,
    report,
    shop,
    single,
)

TICK = hanoi("2026-12-01 00:05")
HOUR = timedelta(hours=1)


async def november(invoicing: Invoicing) -> list[tuple[str, Decimal, int, str | None]]:
    """The lines of November's invoices."""
    return lines(invoices_in(await invoicing.settle(month_over("2026-11", TICK))))


async def test_use_from_the_future_is_a_dead_letter(invoicing: Invoicing) -> None:
    await invoicing.hear(*shop())
    await invoicing.hear(metered_resource())
    at = NOVEMBER + HOUR
    good = report("a", "1", NOVEMBER, at)
    ahead = report("b", "1", NOVEMBER, at + timedelta(minutes=6))
    answers = await invoicing.settle(batch(good, ahead, at=at))
    assert refused(answers) == ["from_the_future"]
    assert refused(await invoicing.hear(single(ahead, at=at))) == ["from_the_future"]
    assert await november(invoicing) == [("traffic-gb", Decimal(1), 1_000, None)]


async def test_a_report_that_ends_before_it_starts_does_not_take_its_batch_along(
    invoicing: Invoicing,
) -> None:
    await invoicing.hear(*shop())
    await invoicing.hear(metered_resource())
    good = report("a", "1", NOVEMBER, NOVEMBER + HOUR)
    bad = report("b", "1", NOVEMBER + HOUR, NOVEMBER)
    assert refused(await invoicing.settle(batch(good, bad))) == ["ends_before_it_starts"]
    assert await november(invoicing) == [("traffic-gb", Decimal(1), 1_000, None)]


async def test_use_of_a_year_before_last_is_a_dead_letter(invoicing: Invoicing) -> None:
    await invoicing.hear(*shop())
    await invoicing.hear(metered_resource(hanoi("2025-01-01 00:00")))
    old = report("a", "1", NOVEMBER, NOVEMBER + HOUR)
    answers = await invoicing.hear(single(old, at=hanoi("2027-12-01 00:00")))
    assert refused(answers) == ["too_long_ago"]
    assert await invoicing.hear(single(old, at=hanoi("2027-11-30 23:59"))) == []


async def test_anothers_resource_and_an_unknown_meter_are_dead_letters(
    invoicing: Invoicing,
) -> None:
    await invoicing.hear(*shop(), registered("acc-2"))
    await invoicing.hear(metered_resource())
    end = NOVEMBER + HOUR
    anothers = report("a", "1", NOVEMBER, end, account_id="acc-2")
    unknown = report("b", "1", NOVEMBER, end, meter="steps")
    good = report("c", "1", NOVEMBER, end)
    answers = await invoicing.hear(batch(anothers, unknown, good))
    apart = of_type(answers, UsageReportSetApart)
    assert [one.report_id for one in apart] == ["a", "b"]
    answers = await invoicing.hear(*apart)
    assert [(one.reason) for one in answers if isinstance(one, Refused)] == ["wrong_account"]
    assert [one.reason for one in answers if isinstance(one, NotYet)] == ["unknown_meter"]
    assert refused(await invoicing.hear(single(unknown, attempt=8))) == ["unknown_meter"]
    assert put_off(await invoicing.hear(single(unknown))) == ["unknown_meter"]
    assert await november(invoicing) == [("traffic-gb", Decimal(1), 1_000, None)]


async def test_reports_wait_for_their_resource_to_be_known(invoicing: Invoicing) -> None:
    await invoicing.hear(*shop())
    early = report("a", "3", NOVEMBER, NOVEMBER + HOUR)
    assert await invoicing.hear(batch(early, early), batch(early)) == []
    assert await invoicing.hear(single(report("b", "1", NOVEMBER, NOVEMBER + HOUR))) == []
    await invoicing.settle(metered_resource())
    assert await invoicing.value("select count(*) from waiting_report") == 0
    assert await november(invoicing) == [("traffic-gb", Decimal(4), 4_000, None)]


async def test_a_resource_that_stays_unknown_makes_a_dead_letter_after_the_set_time(
    invoicing: Invoicing,
) -> None:
    await invoicing.hear(*shop())
    end = NOVEMBER + HOUR
    await invoicing.hear(batch(report("a", "3", NOVEMBER, end)))
    early = said(TickDay(), at=end + timedelta(days=7) - timedelta(seconds=1))
    assert await invoicing.settle(early) == []
    answers = await invoicing.settle(said(TickDay(), at=end + timedelta(days=7)))
    assert refused(answers) == ["unknown_resource"]
    assert await invoicing.value("select count(*) from waiting_report") == 0
    (apart,) = of_type(answers, UsageReportSetApart)
    await invoicing.settle(metered_resource())
    replayed = said(UsageReportSetApart(**apart.model_dump()), at=apart.time)
    assert refused(await invoicing.settle(replayed)) == []
    assert await november(invoicing) == [("traffic-gb", Decimal(3), 3_000, None)]
