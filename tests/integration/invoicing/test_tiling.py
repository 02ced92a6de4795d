"""Every minute of postpaid use is on exactly one invoice, net of its corrections (domain 11.4)."""

from collections import defaultdict
from datetime import datetime, timedelta
from random import Random

import pytest

from shared.messages import Message
from shared.messages.provisioning import (
    ResourceConverted,
    ResourceDeleted,
    ResourceEvent,
    ResourceResized,
)
from tests.integration.invoicing.house import (
    Invoicing,
    hanoi,
    happened,
    month_over,
    price,
    product,
    provisioned,
    put_off,
    registered,
)

BEGIN, END = hanoi("2026-01-10 00:00"), hanoi("2026-04-20 00:00")
TICKS = {
    "2026-01": hanoi("2026-02-01 00:05"),
    "2026-02": hanoi("2026-03-01 00:05"),
    "2026-03": hanoi("2026-04-01 00:05"),
    "2026-04": hanoi("2026-05-01 00:05"),
}
Minutes = dict[tuple[str, int], int]
"""Minutes of use by resource and size."""


def _life(random: Random, name: str) -> tuple[list[ResourceEvent], Minutes]:
    """What happens to a resource, and the minutes that it ran in each size."""
    minutes = (END - BEGIN) // timedelta(minutes=1)
    moments = sorted(random.choices(range(minutes), k=random.randint(2, 6)))
    instants = [BEGIN + timedelta(minutes=one, seconds=random.randint(0, 59)) for one in moments]
    kinds = [random.choice([ResourceResized, ResourceConverted]) for _ in instants[1:-1]]
    account_id = f"acc-{name}"
    events: list[ResourceEvent] = [
        provisioned(instants[0], name, account_id=account_id, components=[("cpu", 1)])
    ]
    used: Minutes = defaultdict(int)
    size: int | None = 1
    for version, (kind, at) in enumerate(
        zip([*kinds, ResourceDeleted], instants[1:], strict=True), start=2
    ):
        if size:
            used[name, size] += moments[version - 1] - moments[version - 2]
        if kind is ResourceConverted:
            size = None if size else version
        elif kind is ResourceResized:
            size = size and version
        events.append(
            happened(
                kind,
                at,
                version,
                resource_id=name,
                account_id=account_id,
                user_type="postpaid" if size or kind is ResourceDeleted else "prepaid",
                components=[("cpu", version)],
            )
        )
    return events, used


async def _invoiced(invoicing: Invoicing) -> Minutes:
    """Minutes by resource and size on all invoices: at 43,200 a month a minute costs its size."""
    rows = await invoicing.rows(
        """select resource_id, quantity::integer as size, sum(amount)::bigint as amount
           from invoice join invoice_line using (invoice_id) group by 1, 2"""
    )
    return {
        (row["resource_id"], row["size"]): row["amount"] // row["size"]
        for row in rows
        if row["amount"]
    }


async def _hear_until_settled(invoicing: Invoicing, messages: list[Message]) -> None:
    """Messages in whatever order, those that were put off again and again."""
    while messages:
        answers = await invoicing.settle(*messages)
        assert set(put_off(answers)) <= {"earlier_event_missing"}
        messages = [one.cause for one in answers if hasattr(one, "cause")]


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_comes_when_each_minute_is_invoiced_once(
    invoicing: Invoicing, seed: int
) -> None:
    random = Random(seed)
    lives = [_life(random, f"res-{number}") for number in range(25)]
    truth = {key: count for _, used in lives for key, count in used.items() if count}
    await invoicing.hear(
        product(), price(43_200), *(registered(f"acc-res-{number}") for number in range(25))
    )
    told: dict[str, list[Message]] = {period: [] for period in TICKS}
    for events, _ in lives:
        for event in events:
            told[_told_by(random, event.at)].append(event)
    for period, messages in told.items():
        random.shuffle(messages)
        late = [one for one in messages if isinstance(one, ResourceEvent)]
        known = [one for one in late if await _ready(invoicing, one, late)]
        await _hear_until_settled(invoicing, list(known))
        if random.random() < 0.7 or period == "2026-04":
            await invoicing.settle(month_over(period, TICKS[period]))
        left = [one for one in messages if one not in known]
        following = _after(period)
        if following:
            told[following] += left
        else:
            await _hear_until_settled(invoicing, left)
    await invoicing.settle(month_over("2026-05", hanoi("2026-06-01 00:05")))
    assert await _invoiced(invoicing) == truth
    assert await invoicing.value("select count(distinct sign) from adjustment") == 2
    assert await invoicing.value("select count(*) from invoice where kind = 'final'")


def _told_by(random: Random, at: datetime) -> str:
    """In which month's messages an event comes: its own, or a later one."""
    periods = [period for period, tick in TICKS.items() if tick > at]
    return periods[min(len(periods) - 1, random.choice([0, 0, 1, 2]))]


async def _ready(invoicing: Invoicing, event: ResourceEvent, together: list[ResourceEvent]) -> bool:
    """Whether all earlier events of its resource were told, or are told with it."""
    applied = await invoicing.value(
        "select version from resource where resource_id = $1", event.resource_id
    )
    versions = {one.version for one in together if one.resource_id == event.resource_id}
    return set(range((applied or 0) + 1, event.version)) <= versions


def _after(period: str) -> str | None:
    periods = list(TICKS)
    following = periods.index(period) + 1
    return periods[following] if following < len(periods) else None
