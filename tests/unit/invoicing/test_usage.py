"""Use of postpaid resources: segments that tile, and corrections of invoiced months (domain 3)."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.invoicing.domain.usage import (
    Account,
    Resource,
    Segment,
    Step,
    by_month,
    follow,
    in_order,
    months_to_close,
)
from shared.messages.items import Component
from shared.messages.provisioning import (
    ResourceConverted,
    ResourceDeleted,
    ResourceEvent,
    ResourceProvisioned,
    ResourceRecovered,
    ResourceReleased,
    ResourceRenewed,
    ResourceResized,
    ResourceStarted,
    ResourceStopped,
    ResourceSuspended,
)
from shared.periods import BillingMonth, minutes_between, to_minute

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
NOON = datetime(2026, 11, 2, 12, 0, 30, tzinfo=UTC)
ZONES = [
    "Pacific/Pago_Pago",  # UTC-11
    "America/New_York",  # daylight saving
    "America/Sao_Paulo",
    "UTC",
    "Europe/Berlin",
    "Asia/Kathmandu",  # UTC+5:45
    "Asia/Ho_Chi_Minh",
    "Australia/Lord_Howe",  # daylight saving by half an hour
    "Pacific/Apia",
    "Pacific/Kiritimati",  # UTC+14
]
INSTANTS = st.datetimes(
    datetime(2019, 12, 1),  # noqa: DTZ001 - hypothesis wants the bounds naive
    datetime(2029, 3, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


def _event(
    kind: type[ResourceEvent],
    at: datetime,
    version: int,
    user_type: str = "postpaid",
    cpus: int = 1,
    discount_rate: str | None = None,
) -> ResourceEvent:
    facts: dict[str, Any] = {
        "resource_id": "res-1",
        "account_id": "acc-1",
        "user_type": user_type,
        "product": "vserver",
        "name": "web-1",
        "components": [Component(sku="cpu", quantity=Decimal(cpus))],
        "at": at,
        "starts_at": at,
        "state": "active",
        "version": version,
        "item": discount_rate and _item(discount_rate),
    }
    return kind.model_validate(facts)


def _item(discount_rate: str) -> dict[str, Any]:
    return {
        "item_id": "item-1",
        "resource_id": "res-1",
        "action": "create",
        "product": "vserver",
        "name": "web-1",
        "user_type": "postpaid",
        "currency": "VND",
        "discount_rate": discount_rate,
    }


def _account(closed_until: datetime | None = None) -> Account:
    return Account("acc-1", "VND", closed_until)


def _steps(events: Sequence[ResourceEvent], account: Account, zone: ZoneInfo = HANOI) -> list[Step]:
    resource: Resource | None = None
    steps: list[Step] = []
    for event in in_order(events):
        step = follow(resource, event, account, zone)
        resource = step.resource
        steps.append(step)
    return steps


def _segments(steps: Sequence[Step]) -> list[Segment]:
    """All segments as they stand in the end."""
    segments: dict[int, Segment] = {}
    for step in steps:
        for segment in (step.ended, step.begun):
            if segment:
                segments[segment.version] = segment
    return list(segments.values())


def test_use_begins_at_the_minute_in_which_a_postpaid_resource_is_active() -> None:
    (step,) = _steps([_event(ResourceProvisioned, NOON, 1)], _account())
    assert step.begun is not None
    assert step.begun.started_at == to_minute(NOON)
    assert step.resource.open_segment == step.begun


def test_prepaid_resources_have_no_use_to_invoice() -> None:
    steps = _steps(
        [
            _event(ResourceProvisioned, NOON, 1, "prepaid"),
            _event(ResourceResized, NOON, 2, "prepaid"),
            _event(ResourceDeleted, NOON, 3, "prepaid"),
        ],
        _account(closed_until=NOON + timedelta(days=60)),
    )
    assert all(not (step.begun or step.ended or step.adjustments) for step in steps)


def test_stopping_starting_and_suspending_change_nothing() -> None:
    steps = _steps(
        [
            _event(ResourceProvisioned, NOON, 1),
            _event(ResourceStopped, NOON + timedelta(hours=1), 2),
            _event(ResourceStarted, NOON + timedelta(hours=2), 3),
            _event(ResourceSuspended, NOON + timedelta(hours=3), 4),
        ],
        _account(),
    )
    (segment,) = _segments(steps)
    assert segment.ended_at is None
    assert steps[-1].resource.version == 4


@pytest.mark.parametrize(
    ("kind", "rate"),
    [
        (ResourceResized, "0.2"),
        (ResourceRenewed, "0.2"),
        (ResourceRecovered, "0.2"),
        (ResourceStopped, "0.5"),
        (ResourceStarted, "0.5"),
        (ResourceSuspended, "0.5"),
        (ResourceDeleted, "0.5"),
    ],
)
def test_a_discount_is_that_of_the_last_purchase(kind: type[ResourceEvent], rate: str) -> None:
    later = NOON + timedelta(hours=1)
    steps = _steps(
        [
            _event(ResourceProvisioned, NOON, 1, discount_rate="0.5"),
            _event(kind, later, 2, discount_rate="0.2"),
        ],
        _account(),
    )
    assert steps[-1].resource.discount_rate == Decimal(rate)


@pytest.mark.parametrize("last", [ResourceDeleted, ResourceReleased])
def test_deletion_ends_the_last_segment_once(last: type[ResourceEvent]) -> None:
    end = NOON + timedelta(days=1)
    steps = _steps(
        [
            _event(ResourceProvisioned, NOON, 1),
            _event(last, end, 2),
            _event(ResourceReleased, end + timedelta(days=7), 3),
        ],
        _account(),
    )
    (segment,) = _segments(steps)
    assert segment.ended_at == to_minute(end)
    assert steps[-1].ended is None


def test_a_conversion_to_prepaid_ends_use_and_one_to_postpaid_begins_it() -> None:
    there, back = NOON + timedelta(days=3), NOON + timedelta(days=9)
    steps = _steps(
        [
            _event(ResourceProvisioned, NOON, 1),
            _event(ResourceConverted, there, 2, "prepaid"),
            _event(ResourceConverted, back, 3, "postpaid"),
        ],
        _account(),
    )
    assert [(one.started_at, one.ended_at) for one in _segments(steps)] == [
        (to_minute(NOON), to_minute(there)),
        (to_minute(back), None),
    ]


def test_an_event_before_the_segment_that_it_ends_leaves_no_time_below_zero() -> None:
    steps = _steps(
        [
            _event(ResourceProvisioned, NOON, 1),
            _event(ResourceResized, NOON - timedelta(days=1), 2, cpus=2),
            _event(ResourceDeleted, NOON - timedelta(days=2), 3),
        ],
        _account(),
    )
    assert {(one.started_at, one.ended_at) for one in _segments(steps)} == {
        (to_minute(NOON), to_minute(NOON))
    }


@st.composite
def _lives(draw: st.DrawFn) -> list[ResourceEvent]:
    """A resource's life: it is created, resized some times, and perhaps deleted."""
    instants = sorted(draw(st.lists(INSTANTS, min_size=1, max_size=6)))
    events = [_event(ResourceProvisioned, instants[0], 1)]
    for version, at in enumerate(instants[1:], start=2):
        events.append(_event(ResourceResized, at, version, cpus=version))
    if draw(st.booleans()):
        gone = instants[-1] + timedelta(seconds=draw(st.integers(0, 10**7)))
        events.append(_event(ResourceDeleted, gone, len(events) + 1))
    return events


@given(_lives(), st.randoms(use_true_random=False))
def test_segments_tile_a_resources_life_without_gap_or_overlap(
    events: list[ResourceEvent], random: Any
) -> None:
    start, end = events[0].at, events[-1].at
    deleted = isinstance(events[-1], ResourceDeleted)
    random.shuffle(events)
    segments = sorted(_segments(_steps(events, _account())), key=lambda one: one.version)
    assert segments[0].started_at == to_minute(start)
    for one, following in pairwise(segments):
        assert one.ended_at == following.started_at
    assert segments[-1].ended_at == (to_minute(end) if deleted else None)


def _charged(steps: Sequence[Step], until: datetime) -> dict[Decimal, int]:
    """Minutes before an instant for each size: what the segments say."""
    minutes: dict[Decimal, int] = {}
    for one in _segments(steps):
        size = one.components[0].quantity
        end = min(one.ended_at or until, until)
        minutes[size] = minutes.get(size, 0) + minutes_between(one.started_at, end)
    return {size: count for size, count in minutes.items() if count}


@given(_lives(), st.data(), st.sampled_from(ZONES))
def test_late_events_correct_every_invoiced_minute_exactly(
    events: list[ResourceEvent], data: st.DataObject, zone_name: str
) -> None:
    """What was invoiced before the late events, and their corrections, together are the truth."""
    zone = ZoneInfo(zone_name)
    known = data.draw(st.integers(0, len(events)))
    closed_until = BillingMonth.containing(data.draw(INSTANTS), zone).start(zone)
    first = _steps(events[:known], _account(), zone)
    resource = first[-1].resource if first else None
    charged = _charged(first, closed_until)
    late: list[Step] = []
    for event in events[known:]:
        step = follow(resource, event, _account(closed_until), zone)
        resource = step.resource
        late.append(step)
        for one in step.adjustments:
            assert one.month < one.period
            assert one.month.start(zone) <= one.period_from < one.period_to
            assert one.period_to <= one.month.end(zone)
            size = one.component.quantity
            minutes = minutes_between(one.period_from, one.period_to)
            charged[size] = charged.get(size, 0) + one.sign * minutes
    truth = _charged([*first, *late], closed_until)
    assert {size: count for size, count in charged.items() if count} == truth


@given(INSTANTS, st.integers(0, 2 * 10**6), st.sampled_from(ZONES))
def test_months_tile_time_in_every_zone(start: datetime, minutes: int, zone_name: str) -> None:
    zone = ZoneInfo(zone_name)
    start = to_minute(start)
    end = start + timedelta(minutes=minutes)
    pieces = list(by_month(start, end, zone))
    assert sum(minutes_between(one, other) for _, one, other in pieces) == minutes
    edges = [start, *(until for _, _, until in pieces)]
    assert [begin for _, begin, _ in pieces] == edges[:-1]
    for month, begin, until in pieces:
        local = begin.astimezone(zone)
        assert (local.year, local.month) == (month.year, month.month)
        assert until <= month.end(zone)


def test_a_leap_day_belongs_to_february() -> None:
    start, end = datetime(2028, 2, 28, tzinfo=HANOI), datetime(2028, 3, 2, tzinfo=HANOI)
    pieces = [(str(month), minutes_between(a, b)) for month, a, b in by_month(start, end, HANOI)]
    assert pieces == [("2028-02", 2 * 1_440), ("2028-03", 1_440)]


def test_the_day_clocks_go_forward_has_23_hours_of_use() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    month = BillingMonth(2026, 3)
    assert minutes_between(month.start(berlin), month.end(berlin)) == 31 * 1_440 - 60


def test_all_open_months_are_closed_oldest_first() -> None:
    november = BillingMonth(2026, 11)
    assert months_to_close(None, november, HANOI) == [november]
    assert months_to_close(datetime(2027, 1, 5, tzinfo=UTC), november, HANOI) == [november]
    open_since = datetime(2026, 8, 31, 17, tzinfo=UTC)
    months = [str(one) for one in months_to_close(open_since, november, HANOI)]
    assert months == ["2026-09", "2026-10", "2026-11"]
