"""Which ticks are due, and in which order they are said."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scheduler.domain import (
    Calendar,
    DayTick,
    LastTicks,
    MinuteTick,
    MonthTick,
    Tick,
    beginning,
    due_ticks,
)
from services.scheduler.ticking import message_of
from shared.periods import BillingMonth

HANOI = Calendar(ZoneInfo("Asia/Ho_Chi_Minh"), time(0, 5))
ZONES = ["Asia/Ho_Chi_Minh", "Pacific/Kiritimati", "Pacific/Niue", "Europe/Berlin", "UTC"]
MANY = 100_000


def _due(last: LastTicks, now: datetime, calendar: Calendar = HANOI) -> list[Tick]:
    return due_ticks(last, now, calendar, MANY)


def test_the_first_start_catches_nothing_up_and_says_the_minute() -> None:
    now = datetime(2026, 11, 24, 9, 0, 30, tzinfo=UTC)
    assert _due(beginning(now, HANOI), now) == [
        MinuteTick(datetime(2026, 11, 24, 9, 0, tzinfo=UTC))
    ]


def test_nothing_is_due_twice() -> None:
    now = datetime(2026, 11, 24, 9, 0, 30, tzinfo=UTC)
    last = beginning(now, HANOI)
    assert _due(last.after(_due(last, now)), now + timedelta(seconds=29)) == []


def test_the_day_begins_at_its_time_in_the_billing_zone() -> None:
    before = datetime(2026, 11, 24, 0, 4, 59, tzinfo=HANOI.zone)
    last = beginning(before, HANOI)
    [minute, day] = _due(last, before + timedelta(seconds=1))
    assert isinstance(minute, MinuteTick)
    assert day == DayTick(datetime(2026, 11, 23, 17, 5, tzinfo=UTC), date(2026, 11, 24))


def test_the_month_just_over_is_closed_before_the_day_on_whose_date_it_comes() -> None:
    last = beginning(datetime(2026, 11, 30, 12, tzinfo=HANOI.zone), HANOI)
    _, month, day = _due(last, datetime(2026, 12, 1, 0, 5, tzinfo=HANOI.zone))
    at = datetime(2026, 11, 30, 17, 5, tzinfo=UTC)
    assert month == MonthTick(at, BillingMonth(2026, 11))
    assert day == DayTick(at, date(2026, 12, 1))


def test_after_months_off_each_month_and_day_is_caught_up_in_order_and_one_minute() -> None:
    last = beginning(datetime(2026, 9, 15, 12, tzinfo=UTC), HANOI)
    now = datetime(2026, 12, 2, 3, 4, 5, tzinfo=UTC)
    due = _due(last, now)
    assert due[0] == MinuteTick(datetime(2026, 12, 2, 3, 4, tzinfo=UTC))
    months = [tick.month for tick in due if isinstance(tick, MonthTick)]
    assert months == [BillingMonth(2026, 9), BillingMonth(2026, 10), BillingMonth(2026, 11)]
    days = [tick.day for tick in due if isinstance(tick, DayTick)]
    assert days == [date(2026, 9, 16) + timedelta(days=n) for n in range(78)]
    assert days[-1] == date(2026, 12, 2)
    instants = [tick.at for tick in due[1:]]
    assert instants == sorted(instants)


def test_a_clock_set_back_says_nothing_twice() -> None:
    now = datetime(2026, 12, 1, 9, tzinfo=UTC)
    last = beginning(now, HANOI)
    assert _due(last, now - timedelta(days=40)) == []


def test_another_time_of_day_for_ticks_repeats_no_day() -> None:
    noon = datetime(2026, 11, 24, 12, tzinfo=HANOI.zone)
    later = Calendar(HANOI.zone, time(15))
    last = beginning(noon, HANOI)
    due = _due(last, noon + timedelta(hours=6), later)
    assert [type(tick) for tick in due] == [MinuteTick]


@pytest.mark.parametrize(
    ("tick", "id_"),
    [
        (MinuteTick(datetime(2026, 11, 24, 9, 0, tzinfo=UTC)), "tick.minute:2026-11-24T09:00Z"),
        (
            DayTick(datetime(2026, 11, 23, 17, 5, tzinfo=UTC), date(2026, 11, 24)),
            "tick.day:2026-11-24",
        ),
        (
            MonthTick(datetime(2026, 11, 30, 17, 5, tzinfo=UTC), BillingMonth(2026, 11)),
            "tick.month:2026-11",
        ),
    ],
)
def test_a_tick_has_the_same_id_whoever_says_it(tick: Tick, id_: str) -> None:
    assert message_of(tick).envelope.id == id_
    assert message_of(tick).time == tick.at


@given(
    zone=st.sampled_from(ZONES),
    minute_of_day=st.integers(0, 1_439),
    start=st.integers(0, 400 * 24 * 60),
    pauses_h=st.lists(st.integers(1, 24 * 50), min_size=1, max_size=6),
    at_most=st.integers(1, 40),
)
def test_however_often_it_was_off_each_day_and_month_is_said_once(
    zone: str, minute_of_day: int, start: int, pauses_h: list[int], at_most: int
) -> None:
    calendar = Calendar(ZoneInfo(zone), time(minute_of_day // 60, minute_of_day % 60))
    now = datetime(2025, 12, 1, tzinfo=UTC) + timedelta(minutes=start)
    first = last = beginning(now, calendar)
    said: list[Tick] = []
    for hours in pauses_h:
        now += timedelta(hours=hours)
        while due := due_ticks(last, now, calendar, at_most):
            assert all(tick.at <= now for tick in due)
            said += due
            last = last.after(due)
    days = [tick.day for tick in said if isinstance(tick, DayTick)]
    months = [tick.month for tick in said if isinstance(tick, MonthTick)]
    count = (calendar.last_day(now) - first.day).days
    assert days == [first.day + timedelta(days=n + 1) for n in range(count)]
    assert sorted(set(months)) == months
    assert last.month == calendar.last_month(now)
    assert len(months) == _months_between(first.month, last.month)


def _months_between(first: BillingMonth, last: BillingMonth) -> int:
    return (last.year - first.year) * 12 + last.month - first.month
