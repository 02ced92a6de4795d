"""Several workers at once, and workers that die: each invoice once, numbers without gaps."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest

from services.invoicing import store
from services.invoicing.handlers import HANDLERS
from services.invoicing.store import reports
from shared.database import Connection
from shared.messages import Message
from shared.messages.invoicing import InvoiceIssued, InvoiceRunCompleted, MonthRangeDue
from shared.messages.provisioning import ResourceDeleted
from shared.settings import Settings
from shared.settings import settings as settings_of_process
from tests.builders import said
from tests.integration.invoicing.house import (
    Invoicing,
    handle,
    hanoi,
    happened,
    invoices_in,
    messages_in,
    month_over,
    of_type,
    paid_item,
    price,
    product,
    provisioned,
    registered,
)
from tests.integration.invoicing.meters import batch, metered_resource, report, shop

NOVEMBER, TICK = hanoi("2026-11-01 00:00"), hanoi("2026-12-01 00:05")
ACCOUNTS = 1_100


async def _many_accounts(invoicing: Invoicing) -> None:
    names = [f"acc-{number:05d}" for number in range(ACCOUNTS)]
    await invoicing.hear(product(), price(300_000), *(registered(name) for name in names))
    await invoicing.hear(*(provisioned(NOVEMBER, f"res-{name}", account_id=name) for name in names))


async def _gaps(invoicing: Invoicing) -> int:
    async with invoicing.open_database("invoicing") as db:
        return len(await store.find_gaps(db))


async def test_workers_share_the_ranges_and_invoice_each_resource_once(
    invoicing: Invoicing,
) -> None:
    await _many_accounts(invoicing)
    ranges = of_type(await invoicing.hear(month_over("2026-11", TICK)), MonthRangeDue)
    assert len(ranges) == 6
    again = [said(MonthRangeDue(**one.model_dump()), at=TICK) for one in ranges]
    results = await asyncio.gather(*(invoicing.settle(one) for one in (*ranges, *again)))
    everything = [one for some in results for one in some]
    invoices = invoices_in(everything)
    assert len({one.resource_id for one in invoices}) == len(invoices) == ACCOUNTS
    assert len({one.number for one in invoices}) == ACCOUNTS
    (completed,) = of_type(everything, InvoiceRunCompleted)
    assert (completed.invoices, completed.amount) == (ACCOUNTS, ACCOUNTS * 300_000)
    assert await _gaps(invoicing) == 0
    assert len(await invoicing.rows("select from invoice_series")) > 1


async def test_a_group_of_ranges_works_on_one_and_passes_the_others_on(
    invoicing: Invoicing,
) -> None:
    await _many_accounts(invoicing)
    ranges = of_type(await invoicing.hear(month_over("2026-11", TICK)), MonthRangeDue)
    answers = await invoicing.hear(*ranges)
    assert len(invoices_in(answers)) == 200
    assert [one.range_number for one in of_type(answers, MonthRangeDue)] == [1, 2, 3, 4, 5]
    passed_on = [one for one in messages_in(answers) if type(one) in HANDLERS]
    rest = await invoicing.settle(*passed_on)
    assert len(invoices_in(rest)) == ACCOUNTS - 200
    assert len(of_type(rest, InvoiceRunCompleted)) == 1


class _Died(Exception):
    pass


@asynccontextmanager
async def _dying(invoicing: Invoicing) -> AsyncIterator[Connection]:
    with suppress(_Died):
        async with invoicing.open_database("invoicing") as db:
            yield db
            raise _Died


async def test_a_run_that_is_interrupted_goes_on_and_says_the_same(invoicing: Invoicing) -> None:
    await _many_accounts(invoicing)
    tick = month_over("2026-11", TICK)
    async with _dying(invoicing) as db:
        lost = await handle([tick], db)
    ranges = await invoicing.hear(tick)
    assert [one.envelope.id for one in messages_in(ranges)] == [
        one.envelope.id for one in messages_in(lost)
    ]
    first, *others = of_type(ranges, MonthRangeDue)
    async with _dying(invoicing) as db:
        lost = await handle([first], db)
    kept = await invoicing.hear(first)
    assert [_wire(one) for one in messages_in(kept)] == [_wire(one) for one in messages_in(lost)]
    await invoicing.settle(*messages_in(kept)[-1:], *others)
    assert await invoicing.value("select count(*) from invoice") == ACCOUNTS
    assert await invoicing.value("select completed_at is not null from run")
    assert await _gaps(invoicing) == 0


def _wire(message: Message) -> bytes:
    return message.encode()


async def test_numbers_have_no_gaps_under_concurrent_and_failing_transactions(
    invoicing: Invoicing,
) -> None:
    await invoicing.hear(*(registered(f"acc-{number}") for number in range(12)))

    async def buy(number: int) -> list[str]:
        event = provisioned(
            NOVEMBER + timedelta(minutes=number),
            f"res-{number}",
            account_id=f"acc-{number}",
            user_type="prepaid",
            item=paid_item(100, resource_id=f"res-{number}", item_id=f"item-{number}"),
        )
        if number % 3 == 0:
            async with _dying(invoicing) as db:
                await handle([event], db)
        answers = await invoicing.hear(event)
        return [one.number for one in of_type(answers, InvoiceIssued)]

    numbers = [one for some in await asyncio.gather(*map(buy, range(12))) for one in some]
    assert len(set(numbers)) == len(numbers) == 12
    assert await _gaps(invoicing) == 0


async def test_resource_events_during_the_run_are_either_in_it_or_corrected_next(
    invoicing: Invoicing,
) -> None:
    await _many_accounts(invoicing)
    ranges = of_type(await invoicing.hear(month_over("2026-11", TICK)), MonthRangeDue)
    halfway = hanoi("2026-11-16 00:00")
    deletions = [
        happened(
            ResourceDeleted,
            halfway,
            2,
            resource_id=f"res-acc-{number:05d}",
            account_id=f"acc-{number:05d}",
            state="deleted",
        )
        for number in range(0, ACCOUNTS, 10)
    ]
    await asyncio.gather(
        *(invoicing.settle(one) for one in ranges),
        *(invoicing.hear(*deletions[start::4]) for start in range(4)),
    )
    await invoicing.settle(month_over("2026-12", hanoi("2027-01-01 00:05")))
    billed = await invoicing.rows(
        "select i.resource_id, sum(l.amount)::bigint as amount from invoice i"
        " join invoice_line l using (invoice_id) where l.period_from < $1 group by 1",
        hanoi("2026-12-01 00:00"),
    )
    deleted = {one.resource_id for one in deletions}
    assert {(row["resource_id"] in deleted, row["amount"]) for row in billed} == {
        (True, 150_000),
        (False, 300_000),
    }


@pytest.mark.parametrize(
    ("zone", "minutes"),
    [
        ("Pacific/Pago_Pago", 44_640),
        ("America/New_York", 44_640 - 60),
        ("Europe/Berlin", 44_640 - 60),
        ("Australia/Lord_Howe", 44_640),
        ("Pacific/Kiritimati", 44_640),
    ],
)
async def test_march_has_the_minutes_that_its_time_zone_gives_it(
    invoicing: Invoicing, monkeypatch: pytest.MonkeyPatch, zone: str, minutes: int
) -> None:
    in_zone: Any = Settings(billing_time_zone=zone)
    for module in ("month", "resources", "automatic"):
        monkeypatch.setattr(f"services.invoicing.handlers.{module}.settings", lambda: in_zone)
    assert settings_of_process().billing_time_zone == "Asia/Ho_Chi_Minh"
    await invoicing.hear(registered(), product(), price(43_200))
    await invoicing.hear(provisioned(hanoi("2026-02-01 00:00")))
    answers = await invoicing.settle(month_over("2026-04", hanoi("2026-05-05 00:00")))
    by_month = {
        invoice.period_from: (invoice.period_to, invoice.lines[0].minutes)
        for invoice in invoices_in(answers)
    }
    starts = sorted(by_month)
    assert len(starts) in (3, 4)  # where it is still January at that instant
    assert [by_month[start][0] for start in starts[:-1]] == starts[1:]
    assert minutes in {one for _, one in by_month.values()}
    assert sum(one or 0 for _, one in by_month.values()) == sum(
        [
            (by_month[starts[-1]][0] - hanoi("2026-02-01 00:00")) // timedelta(minutes=1),
        ]
    )


async def test_workers_with_the_same_reports_take_turns_though_each_takes_several_statements(
    invoicing: Invoicing, monkeypatch: pytest.MonkeyPatch
) -> None:
    await invoicing.hear(*shop(), metered_resource())
    hour = NOVEMBER + timedelta(hours=1)
    await invoicing.hear(batch(report("first", "1", NOVEMBER, hour)))
    monkeypatch.setattr(reports, "REPORTS_AT_ONCE", 1)
    some = [report(f"report-{number:02d}", "1", NOVEMBER, hour) for number in range(40)]
    answers = await asyncio.gather(
        *(invoicing.hear(batch(*order)) for order in (some, some[::-1], some, some[::-1]))
    )
    assert answers == [[]] * 4
    assert await invoicing.value("select count(*) from usage_report") == 41
