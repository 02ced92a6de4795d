"""Holds: actual cost and three days more, whatever the order of messages (domain 8)."""

import random
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from services.invoicing.domain.holds import Cost
from services.invoicing.store import explain_invoice, show_invoice
from services.invoicing.store import holds as store
from shared.messages import Said
from shared.messages.notifications import NotificationRequested
from shared.messages.provisioning import (
    ResourceDeleted,
    ResourceResized,
    ResourceResumeRequested,
    ResourceStarted,
    ResourceSuspended,
    ResourceSuspendRequested,
)
from shared.messages.upstream import BatchedUsageReport
from shared.messages.wallet import WalletCredited, WalletHold
from tests.builders import said
from tests.integration.invoicing.holding import (
    BEGUN,
    DAY,
    NODES,
    NOVEMBER,
    asked,
    day,
    declined,
    granted,
    held,
    held_now,
    open_shop,
    ordered,
    use_priced,
)
from tests.integration.invoicing.house import (
    Invoicing,
    hanoi,
    happened,
    invoices_in,
    month_over,
    of_type,
    postpaid_item,
    price,
)
from tests.integration.invoicing.meters import METERS, batch, report

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
MIDDLE, DECEMBER = hanoi("2026-11-16 00:00"), hanoi("2026-12-01 00:00")
JANUARY = hanoi("2027-01-01 00:00")


async def test_two_nodes_hold_what_the_domain_says(invoicing: Invoicing) -> None:
    await open_shop(invoicing)
    assert asked(await invoicing.hear(ordered())) == {}, "billing has had it held"
    assert asked(await invoicing.settle(day(BEGUN + DAY))) == {"res-1": 2_400_000}
    assert asked(await invoicing.settle(day(BEGUN + 2 * DAY))) == {"res-1": 3_000_000}


async def test_a_day_told_twice_or_late_changes_nothing(invoicing: Invoicing) -> None:
    await open_shop(invoicing)
    await invoicing.hear(ordered())
    days = [day(BEGUN + number * DAY) for number in range(1, 8)]
    random.Random(3).shuffle(days)
    commands: list[WalletHold] = []
    for one in days:
        answers = await invoicing.settle(one, one)
        await granted(invoicing, answers)
        commands += of_type(answers, WalletHold)
    amounts = [command.amount for command in commands]
    assert amounts == sorted(set(amounts))
    assert [one.time for one in commands] == sorted(one.time for one in commands)
    assert await held_now(invoicing) == {"res-1": (7 * 600_000 + 1_800_000, "held")}


async def test_many_resources_are_set_together_each_by_its_own_use(invoicing: Invoicing) -> None:
    accounts = [f"acc-{number}" for number in range(4)]
    await open_shop(invoicing, *accounts)
    await invoicing.hear(
        *(
            ordered(BEGUN + number * DAY, f"res-{number}-{account_id}", account_id=account_id)
            for account_id in accounts
            for number in range(3)
        )
    )
    told = asked(await invoicing.settle(day(BEGUN + 3 * DAY)))
    assert told == {
        f"res-{number}-{account_id}": (3 - number) * 600_000 + 1_800_000
        for account_id in accounts
        for number in range(3)
    }


async def test_a_smaller_configuration_lowers_the_estimate_at_once(invoicing: Invoicing) -> None:
    await open_shop(invoicing)
    await invoicing.hear(ordered())
    smaller = happened(ResourceResized, BEGUN + DAY, 2, components=[("node", 1)])
    assert asked(await invoicing.hear(smaller)) == {"res-1": 600_000 + 900_000}


async def test_two_changes_in_a_day_are_charged_by_the_minute_and_the_last_is_estimated(
    invoicing: Invoicing,
) -> None:
    await open_shop(invoicing)
    await invoicing.hear(ordered())
    await invoicing.hear(
        happened(ResourceResized, BEGUN + 6 * HOUR, 2, components=[("node", 4)]),
        happened(ResourceResized, BEGUN + 12 * HOUR, 3, components=[("node", 1)]),
    )
    told = asked(await invoicing.settle(day(BEGUN + DAY)))
    assert told == {"res-1": 150_000 + 300_000 + 150_000 + 900_000}


async def test_a_deletion_leaves_the_actual_cost_held_and_a_late_day_raises_it_no_more(
    invoicing: Invoicing,
) -> None:
    await open_shop(invoicing)
    await invoicing.hear(ordered())
    gone = happened(ResourceDeleted, BEGUN + DAY, 2, components=NODES, state="deleted")
    answers = await invoicing.hear(gone)
    assert asked(answers) == {"res-1": 600_000}
    await granted(invoicing, answers)
    assert asked(await invoicing.settle(day(BEGUN + HOUR), day(BEGUN + 5 * DAY))) == {}
    assert await held_now(invoicing) == {"res-1": (600_000, "held")}


async def test_meters_are_held_by_what_they_reported_and_only_a_size_is_estimated(
    invoicing: Invoicing,
) -> None:
    await open_shop(invoicing, meters=METERS)
    await invoicing.hear(
        price("7.7", sku="snapshot-gb", per="unit_hour"),
        price(1_000, sku="traffic-gb", per="unit"),
        ordered(held=0, components=[("snapshot-gb", 10), ("traffic-gb", 1)]),
    )
    assert asked(await invoicing.settle(day(BEGUN + HOUR))) == {}
    await invoicing.hear(
        batch(
            report("a", "10", BEGUN, BEGUN + 3 * HOUR, meter="size"),
            report("b", "5.56", BEGUN, BEGUN + HOUR),
            report("c", "8.25", BEGUN + HOUR, BEGUN + 2 * HOUR),
            at=BEGUN + 3 * HOUR,
        )
    )
    told = asked(await invoicing.settle(day(BEGUN + DAY)))
    assert told == {"res-1": 231 + 10 * 72 * 77 // 10 + 13_000}


async def actual_cost(invoicing: Invoicing, at: datetime) -> Cost:
    """What the only resource has cost, and will, as of an instant."""
    async with invoicing.open_database("invoicing") as db:
        return (await store.find_costs(db, {"res-1": at}, "Asia/Ho_Chi_Minh", 3))["res-1"]


@pytest.mark.parametrize("seed", range(12))
async def test_what_use_has_cost_is_what_the_month_is_invoiced_to_the_last_unit(
    invoicing: Invoicing, seed: int
) -> None:
    """Segments, changes of price and VAT, discounts, meters, late reports, corrections."""
    chance = random.Random(seed)
    await open_shop(invoicing, meters=METERS)
    await invoicing.hear(
        use_priced(
            meters=METERS, vat_rate=Decimal("0.08"), vat_included=False, effective_from=MIDDLE
        ),
        price(chance.randrange(10**7), sku="node", since=MIDDLE),
        price("7.7", sku="snapshot-gb", per="unit_hour"),
        price("8.13", sku="snapshot-gb", per="unit_hour", since=MIDDLE),
        price(1_000, sku="traffic-gb", per="unit"),
        price(1_111, sku="traffic-gb", per="unit", since=MIDDLE),
    )
    parts = [("node", chance.randint(1, 5)), ("snapshot-gb", 3), ("traffic-gb", 1)]
    begun = NOVEMBER + chance.randrange(10_000) * MINUTE
    resized = MIDDLE + chance.randrange(-5_000, 5_000) * MINUTE
    gone_at = resized + 3 * DAY
    gone = happened(ResourceDeleted, gone_at, 3, components=parts, state="deleted")
    await invoicing.hear(
        ordered(begun, discount_rate=chance.choice(["0", "0.15"]), components=parts),
        happened(
            ResourceResized,
            resized,
            2,
            components=[("node", "2.5"), *parts[1:]],
            item=postpaid_item(chance.choice(["0", "0.15", "0.4"])),
        ),
    )
    if early := chance.random() < 0.5:
        await invoicing.hear(gone)
    await invoicing.hear(batch(*_reports(chance, begun, 30), at=DECEMBER))
    cost = await actual_cost(invoicing, DECEMBER)
    (invoice,) = invoices_in(await invoicing.settle(month_over("2026-11", DECEMBER)))
    assert cost.actual == invoice.gross
    assert (await actual_cost(invoicing, DECEMBER)).actual == 0
    await invoicing.hear(batch(*_reports(chance, begun, 9, "late"), at=DECEMBER + HOUR))
    if not early:
        await invoicing.hear(gone)
    cost = await actual_cost(invoicing, JANUARY)
    (invoice,) = invoices_in(await invoicing.settle(month_over("2026-12", JANUARY)))
    assert cost.actual == max(0, invoice.gross)
    assert (await actual_cost(invoicing, JANUARY)).gone
    assert await faults_of_lines(invoicing) == []


async def faults_of_lines(invoicing: Invoicing) -> list[str]:
    """What is wrong with lines of invoices, each derived again from its use, reports and price."""
    faults: list[str] = []
    async with invoicing.open_database("invoicing") as db:
        for row in await db.fetch("select invoice_id from invoice"):
            invoice: Any = await show_invoice(db, row["invoice_id"])
            lines = await explain_invoice(db, invoice)
            assert lines
            faults += [f"{line.words}: {line.fault}" for line in lines if line.fault]
    return faults


def _reports(
    chance: random.Random, begun: datetime, count: int, name: str = "r"
) -> list[BatchedUsageReport]:
    starts = [begun + chance.randrange(18_000) * MINUTE for _ in range(count)]
    return [
        report(
            f"{name}-{number}",
            f"{chance.randint(1, 900) / 100}",
            start,
            start + 2 * HOUR,
            meter=chance.choice(["size", "traffic"]),
        )
        for number, start in enumerate(starts)
    ]


async def short_for(invoicing: Invoicing, days: int) -> list[Said]:
    """Credit has been short for so many days in a row; the answers to the last."""
    await open_shop(invoicing)
    await invoicing.hear(ordered())
    answers: list[Said] = []
    for number in range(1, days + 2):
        told = await invoicing.settle(day(BEGUN + number * DAY))
        (command,) = of_type(told, WalletHold)
        answers = await invoicing.hear(declined(command, available=100_000))
    return answers


async def test_a_shortage_is_told_with_what_is_missing(invoicing: Invoicing) -> None:
    (notice,) = of_type(await short_for(invoicing, 0), NotificationRequested)
    assert notice.template == "hold_short"
    assert notice.facts["missing"] == 600_000 - 100_000
    assert notice.facts["suspended_at"] == (BEGUN + 4 * DAY).isoformat()
    rows = await invoicing.rows("select held, short_since from credit_hold")
    assert rows == [{"held": 1_800_000, "short_since": BEGUN + DAY}]


async def test_the_same_shortage_is_told_once_a_day(invoicing: Invoicing) -> None:
    await short_for(invoicing, 0)
    told = await invoicing.settle(day(BEGUN + DAY + HOUR))
    (command,) = of_type(told, WalletHold)
    assert await invoicing.hear(declined(command)) == []


async def test_after_three_days_short_the_resource_is_suspended_once(invoicing: Invoicing) -> None:
    answers = await short_for(invoicing, 3)
    (command,) = of_type(answers, ResourceSuspendRequested)
    assert (command.resource_id, command.time) == ("res-1", BEGUN + 4 * DAY)
    (again,) = of_type(await invoicing.settle(day(BEGUN + 5 * DAY)), WalletHold)
    assert not of_type(await invoicing.hear(declined(again)), ResourceSuspendRequested)


async def test_two_days_short_suspend_nothing(invoicing: Invoicing) -> None:
    assert not of_type(await short_for(invoicing, 2), ResourceSuspendRequested)


async def test_new_credit_brings_a_suspended_resource_back_and_its_use_went_on(
    invoicing: Invoicing,
) -> None:
    await short_for(invoicing, 3)
    at = BEGUN + 4 * DAY
    await invoicing.hear(suspended(at, 2))
    answers = await invoicing.hear(credited(at + HOUR))
    assert asked(answers) == {"res-1": 4 * 600_000 + 25_000 + 1_800_000}
    resumed = await granted(invoicing, answers)
    assert len(of_type(resumed, ResourceResumeRequested)) == 1
    await invoicing.hear(happened(ResourceStarted, at + HOUR, 3, components=NODES))
    rows = await invoicing.rows("select suspension, short_since from credit_hold")
    assert rows == [{"suspension": None, "short_since": None}]


async def test_credit_that_comes_before_the_suspension_is_told_still_brings_it_back(
    invoicing: Invoicing,
) -> None:
    await short_for(invoicing, 3)
    at = BEGUN + 4 * DAY
    answers = await granted(invoicing, await invoicing.hear(credited(at + HOUR)))
    assert not of_type(answers, ResourceResumeRequested), "it may not be suspended yet"
    answers = await invoicing.hear(suspended(at, 2))
    (command,) = of_type(answers, ResourceResumeRequested)
    assert command.time >= at + HOUR


def suspended(at: datetime, version: int) -> ResourceSuspended:
    """Provisioning has suspended the resource for its hold."""
    event = happened(ResourceSuspended, at, version, components=NODES, state="suspended")
    return said(ResourceSuspended(**event.model_dump() | {"because_of": "hold_short"}), at=at)


def credited(at: datetime) -> WalletCredited:
    """The user has topped up."""
    return said(
        WalletCredited(
            account_id="acc-1",
            wallet="credit",
            amount=10**8,
            balance=10**8,
            held=0,
            available=10**8,
            reason="top_up",
            reference="t-9",
        ),
        at=at,
    )


async def test_an_answer_to_an_earlier_change_says_nothing_any_more(invoicing: Invoicing) -> None:
    await open_shop(invoicing)
    await invoicing.hear(ordered())
    (first,) = of_type(await invoicing.settle(day(BEGUN + DAY)), WalletHold)
    (second,) = of_type(await invoicing.settle(day(BEGUN + 2 * DAY)), WalletHold)
    assert await invoicing.hear(held(second)) == []
    assert await invoicing.hear(declined(first)) == []
    assert await held_now(invoicing) == {"res-1": (3_000_000, "held")}


@pytest.mark.parametrize(
    ("statement", "refusal"),
    [
        ("update credit_hold set number = number - 1", asyncpg.RestrictViolationError),
        ("update credit_hold set asked = asked + 1, answer = null", asyncpg.RestrictViolationError),
        (
            "update credit_hold set asked_at = asked_at - interval '1 day'",
            asyncpg.RestrictViolationError,
        ),
        ("update credit_hold set resource_id = 'x'", asyncpg.RestrictViolationError),
        ("delete from credit_hold", asyncpg.RestrictViolationError),
        ("update credit_hold set held = held + 1", asyncpg.CheckViolationError),
        ("update credit_hold set ended = true", asyncpg.CheckViolationError),
        ("update credit_hold set payment_id = 'p'", asyncpg.CheckViolationError),
        ("update credit_hold set short_since = now()", asyncpg.CheckViolationError),
        ("delete from account_switch", asyncpg.RestrictViolationError),
    ],
)
async def test_the_schema_keeps_holds(
    invoicing: Invoicing, statement: str, refusal: type[asyncpg.PostgresError]
) -> None:
    await open_shop(invoicing)
    await invoicing.hear(ordered())
    await granted(invoicing, await invoicing.settle(day(BEGUN + DAY)))
    with pytest.raises(refusal):
        await invoicing.rows(statement)
