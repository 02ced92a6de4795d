"""When automatic renewal is tried (domain 7), and what users are reminded of."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.billing.domain.reminders import Ending, reminder
from services.billing.domain.renewals import (
    Hour,
    find_attempt,
    instants,
    is_renewal,
    next_instant,
    scheduled,
    tried,
)
from services.billing.domain.resources import Renewal, Resource
from tests.builders import NOON
from tests.unit.billing.shop import DAY, piece, product, resource

HANOI = Hour(ZoneInfo("Asia/Ho_Chi_Minh"), 8)
END = NOON + 30 * DAY
ON = Renewal(months=1)
zones = st.sampled_from(
    ["Asia/Ho_Chi_Minh", "Pacific/Pago_Pago", "Pacific/Kiritimati", "America/New_York", "UTC"]
)
ends = st.integers(0, 10**8).map(lambda seconds: NOON + timedelta(seconds=seconds))
days_before = st.lists(st.integers(0, 30), max_size=10)


def running(**renewal: object) -> Resource:
    return resource(piece(90_000), renewal=replace(ON, **renewal))  # type: ignore[arg-type]


def test_tries_are_at_eight_by_the_clocks_of_the_billing_zone() -> None:
    end = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
    york = Hour(ZoneInfo("America/New_York"), 8)
    assert instants(end, (7, 0), york) == [
        datetime(2026, 3, 3, 13, 0, tzinfo=UTC),
    ]
    assert instants(end + timedelta(minutes=1), (7, 0), york) == [
        datetime(2026, 3, 3, 13, 0, tzinfo=UTC),
        datetime(2026, 3, 10, 12, 0, tzinfo=UTC),
    ]


@given(ends, days_before, zones)
def test_tries_come_in_order_before_the_end(ends_at: datetime, days: list[int], zone: str) -> None:
    tries = instants(ends_at, days, Hour(ZoneInfo(zone), 8))
    assert tries == sorted(tries)
    assert all(ends_at - 32 * DAY < at < ends_at for at in tries)
    assert {at.astimezone(ZoneInfo(zone)).hour for at in tries} <= {8}


@given(ends, days_before, zones, st.lists(st.integers(0, 50 * 1_440), max_size=30))
def test_however_late_ticks_are_each_try_is_made_at_most_once_and_none_after_the_end(
    ends_at: datetime, days: list[int], zone: str, minutes: list[int]
) -> None:
    hour, policy = Hour(ZoneInfo(zone), 8), product(renew_attempt_days=tuple(days))
    since = ends_at - 45 * DAY
    now = scheduled(replace(resource(), ends_at=ends_at, renewal=ON), policy, since, hour)
    made: list[datetime] = []
    for minute in sorted(minutes):
        tick = since + timedelta(minutes=minute)
        attempt = find_attempt(now, policy, tick, hour)
        if attempt is not None:
            made.append(attempt.at)
            assert attempt.at <= tick < ends_at
            now = tried(attempt, policy, hour)
    due = instants(ends_at, days, hour)
    assert made == sorted(set(made))
    assert set(made) <= set(due)
    ticks = [since + timedelta(minutes=minute) for minute in minutes]
    if any(due[-1:] and due[-1] <= tick < ends_at for tick in ticks):
        assert made[-1] == due[-1]


@pytest.mark.parametrize(
    "changed",
    [
        {"renewal": Renewal()},
        {"user_type": "postpaid"},
        {"state": "suspended"},
        {"state": "deleted"},
        {"ends_at": None},
    ],
)
def test_what_is_off_postpaid_or_gone_is_not_renewed(changed: dict[str, object]) -> None:
    assert next_instant(running(), product(), NOON, HANOI) is not None
    off = replace(running(), **changed)  # type: ignore[arg-type]
    assert next_instant(off, product(), NOON, HANOI) is None
    assert next_instant(running(), product(actions=("create",)), NOON, HANOI) is None
    assert next_instant(running(), None, NOON, HANOI) is None


def test_an_attempt_is_an_order_of_its_own_id_for_each_end_and_instant() -> None:
    now = scheduled(running(), product(), NOON, HANOI)
    first = find_attempt(now, product(), END - 6 * DAY, HANOI)
    assert first is not None
    again = tried(first, product(), HANOI)
    second = find_attempt(again, product(), END - 3 * DAY, HANOI)
    assert second is not None
    assert first.order_id != second.order_id
    assert is_renewal(first.order_id)
    assert len(first.order_id) <= 64
    assert first.order.items[0].days == 30


def ending(ends_at: datetime) -> Ending:
    return Ending("acc-1", "vm-1", "vserver", "web", "active", ends_at, 1)


@pytest.mark.parametrize(
    ("left", "days"),
    [(7 * DAY, 7), (7 * DAY - timedelta(seconds=1), 7), (DAY, 1), (timedelta(seconds=1), 1)],
)
def test_days_left_are_counted_up(left: timedelta, days: int) -> None:
    template, facts = reminder(ending(END), product(), END - left)
    assert (template, facts["days_left"]) == ("resource_ends_soon", days)


def test_what_has_ended_is_kept_as_its_policy_says() -> None:
    _, grace = reminder(ending(END), product(), END)
    assert grace["released_at"] == (END + 30 * DAY).isoformat()
    template, trash = reminder(ending(END), product(expiry_policy="trash", trash_days=3), END)
    assert (template, trash["released_at"]) == (
        "resource_release_soon",
        (END + 3 * DAY).isoformat(),
    )
