"""A month's end with real workers: killed, stuck or busy, each resource is invoiced once."""

import time
from datetime import timedelta

import pytest

from services.cli.audit import checked
from services.invoicing import store
from shared import dead_letters
from shared.database import connect
from shared.messages.billing import PaymentConfirmed
from shared.messages.invoicing import (
    InvoiceIssued,
    InvoiceRunCompleted,
    InvoicesIssued,
    MonthRangeDue,
)
from shared.messages.scheduler import TickMonth
from tests.benchmarks.month import PERIOD, TICK_AT, sql
from tests.builders import said
from tests.system.conftest import OpenHouse
from tests.system.house import House
from tests.system.shop import catalogue, customer, fetch, order, server

ACCOUNTS, RESOURCES_OF_EACH = 900, 2
RANGES = 5


async def _fill(house: House, accounts: int, resources_of_each: int) -> None:
    """Give invoicing accounts whose resources ran in the month."""
    db = await connect(house.database_url)
    try:
        await db.execute("set search_path = invoicing")
        await db.execute(sql.add_price_lists)
        await db.execute(sql.add_accounts, accounts)
        await db.execute(sql.add_resources, accounts * resources_of_each, resources_of_each)
        await db.execute(sql.add_segments)
    finally:
        await db.close()


def _tick() -> TickMonth:
    return said(TickMonth(period=PERIOD), at=TICK_AT)


async def _assert_each_is_invoiced_once(house: House) -> None:
    told = [one.resource_id for many in house.heard(InvoicesIssued) for one in many.invoices]
    assert len(told) == len(set(told)) == ACCOUNTS * RESOURCES_OF_EACH
    (run,) = house.heard(InvoiceRunCompleted)
    assert run.invoices == len(told)
    assert await fetch(
        house,
        "select r.resources, r.invoices, r.revision, u.ranges, u.handed_out"
        " from invoicing.run_report r join invoicing.run u using (period)",
    ) == [(len(told), len(told), 1, RANGES, RANGES)]
    db = await connect(house.database_url)
    try:
        found = {one.name: one.wrong for one in await checked(db, timedelta(0))}
    finally:
        await db.close()
    assert (found["close_reports"], found["invoice_numbers"]) == ((), ())


@pytest.mark.parametrize(
    "step",
    [
        "handled:tick.month",
        "committed:tick.month",
        "remembered:month.range_due",
        "said:month.range_due",
        "committed:month.range_due",
        "published:invoices.issued",
        "committed:month.range_closed",
    ],
)
async def test_a_run_whose_worker_is_killed_goes_on_with_others(
    house_of: OpenHouse, step: str
) -> None:
    house = await house_of("invoicing")
    await _fill(house, ACCOUNTS, RESOURCES_OF_EACH)
    mortal = house.start("invoicing", die_at=step, run_width="2")
    await house.publish(_tick())
    assert await mortal.wait_for_end() == -9
    house.start("invoicing", run_width="2")
    house.start("invoicing", run_width="2")
    await house.wait_for(InvoiceRunCompleted)
    await house.wait_until_idle()
    await _assert_each_is_invoiced_once(house)


async def test_a_stuck_range_holds_up_no_other_and_is_shown_until_it_is_replayed(
    house_of: OpenHouse,
) -> None:
    house = await house_of("invoicing")
    await _fill(house, ACCOUNTS, RESOURCES_OF_EACH)
    db = await connect(house.database_url)
    try:
        await db.execute("set search_path = invoicing")
        await db.execute(
            "alter table invoice add constraint stuck check (account_id <> 'acc-0000250')"
        )
        house.start("invoicing", run_width="2", retry_delays_s="[0.1]")
        await house.publish(_tick())
        await house.wait_until_idle()
        shown = await store.show_run(db, PERIOD)
        assert shown is not None
        assert (shown["ranges"], shown["ranges_done"], shown["ranges_in_hand"]) == (5, 4, 1)
        (stuck,) = await store.show_ranges_in_hand(db, PERIOD)
        assert (stuck["range_number"], stuck["first_account"]) == (1, "acc-0000200")
        assert stuck["reason"].startswith("out_of_attempts: CheckViolationError")
        assert house.heard(InvoiceRunCompleted) == []
        await db.execute("alter table invoice drop constraint stuck")
        async with db.transaction():
            await dead_letters.replay(db, "invoicing", [stuck["dead_letter"]])
        await house.wait_for(InvoiceRunCompleted)
        await house.wait_until_idle()
        assert await store.show_ranges_in_hand(db, PERIOD) == []
    finally:
        await db.close()
    await _assert_each_is_invoiced_once(house)


async def _until_paid_and_invoiced(house: House, name: str) -> None:
    await house.wait_for(PaymentConfirmed, lambda paid: paid.order_id == f"ord-{name}")
    await house.wait_for(InvoiceIssued, lambda invoice: invoice.resource_id == name)


async def test_orders_are_paid_and_invoiced_while_a_month_is_closed(house_of: OpenHouse) -> None:
    house = await house_of()
    house.start()
    await house.publish(*catalogue(), *customer("buyer", credit=10_000_000))
    await house.wait_until_idle()
    await _fill(house, 4_000, 5)
    await house.publish(_tick())
    await house.wait_for(MonthRangeDue)
    waits: list[float] = []
    for name in ("web-1", "web-2", "web-3"):
        began = time.monotonic()
        await house.publish(order(f"ord-{name}", [server(name, "image")], account_id="buyer"))
        await _until_paid_and_invoiced(house, name)
        waits.append(time.monotonic() - began)
        print(f"an order during the run took {waits[-1]:.2f} s to its invoice")
        assert not house.heard(InvoiceRunCompleted), "the run was over before the order"
    done = await house.wait_for(InvoiceRunCompleted, within_s=120)
    assert done.invoices == 20_000
    await house.wait_until_idle()
