"""Business time: minutes and billing months tile without gap or overlap, in every zone."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.periods import BillingMonth, minutes_between, to_minute

ZONES = [
    "Asia/Ho_Chi_Minh",
    "UTC",
    "Pacific/Midway",
    "Pacific/Kiritimati",
    "Asia/Kathmandu",
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
]
zones = st.sampled_from(ZONES).map(ZoneInfo)
months = st.builds(BillingMonth, st.integers(2000, 2098), st.integers(1, 12))
instants = st.integers(0, 99 * 365 * 86_400).map(
    lambda seconds: datetime(2000, 1, 3, tzinfo=UTC) + timedelta(seconds=seconds)
)


@given(months, zones)
def test_a_month_ends_where_the_next_begins(month: BillingMonth, zone: ZoneInfo) -> None:
    assert month.start(zone) < month.end(zone) == month.next().start(zone)


@given(instants, zones)
def test_each_instant_is_in_exactly_one_month(at: datetime, zone: ZoneInfo) -> None:
    month = BillingMonth.containing(at, zone)
    assert month.start(zone) <= at < month.end(zone)
    assert not month.next().start(zone) <= at
    assert not at < month.previous().end(zone)


@given(months, st.integers(1, 40))
def test_the_last_months_follow_each_other_up_to_this_one(month: BillingMonth, count: int) -> None:
    last = month.last(count)
    assert (len(last), last[-1]) == (count, month)
    assert [one.next() for one in last[:-1]] == last[1:]


@given(months, zones)
def test_a_month_contains_its_first_minute_and_its_last(
    month: BillingMonth, zone: ZoneInfo
) -> None:
    minute = timedelta(minutes=1)
    assert BillingMonth.containing(month.start(zone), zone) == month
    assert BillingMonth.containing(month.end(zone) - minute, zone) == month
    assert BillingMonth.containing(month.end(zone), zone) == month.next()


@given(months)
def test_months_are_named_and_ordered_like_the_calendar(month: BillingMonth) -> None:
    assert BillingMonth.parse(str(month)) == month
    assert month.next().previous() == month == month.previous().next()
    assert month.previous() < month < month.next()


@given(months, zones)
def test_the_minutes_of_a_year_of_months_add_up(month: BillingMonth, zone: ZoneInfo) -> None:
    start, total, each = month.start(zone), 0, month
    for _ in range(12):
        total += minutes_between(each.start(zone), each.end(zone))
        each = each.next()
    assert total == minutes_between(start, each.start(zone))


@given(st.lists(instants, min_size=2, max_size=12))
def test_minutes_are_neither_lost_nor_doubled_however_a_period_is_cut(
    cuts: list[datetime],
) -> None:
    ordered = sorted(cuts)
    pieces = sum(minutes_between(a, b) for a, b in pairwise(ordered))
    assert pieces == minutes_between(ordered[0], ordered[-1])


@given(instants, zones)
def test_an_instant_is_cut_to_the_same_minute_whatever_clock_shows_it(
    at: datetime, zone: ZoneInfo
) -> None:
    assert to_minute(at.astimezone(zone)) == to_minute(at)
    assert timedelta(0) <= at - to_minute(at) < timedelta(minutes=1)


def test_time_does_not_run_backwards() -> None:
    at = datetime(2026, 11, 2, 12, 0, 30, tzinfo=UTC)
    assert minutes_between(at, at - timedelta(days=1)) == 0
    assert minutes_between(at, at + timedelta(seconds=29)) == 0
    assert minutes_between(at, at + timedelta(seconds=30)) == 1


@pytest.mark.parametrize(
    ("zone", "days", "month"),
    [
        ("Asia/Ho_Chi_Minh", 28, "2026-02"),
        ("Asia/Ho_Chi_Minh", 29, "2028-02"),
        ("Asia/Ho_Chi_Minh", 28, "2100-02"),
        ("UTC", 30, "2026-11"),
    ],
)
def test_a_month_has_as_many_minutes_as_the_calendar_says(zone: str, days: int, month: str) -> None:
    period = BillingMonth.parse(month)
    at = ZoneInfo(zone)
    assert minutes_between(period.start(at), period.end(at)) == days * 1_440


def test_where_clocks_change_a_month_has_an_hour_less_or_more() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    spring, autumn = BillingMonth(2026, 3), BillingMonth(2026, 10)
    assert minutes_between(spring.start(berlin), spring.end(berlin)) == 31 * 1_440 - 60
    assert minutes_between(autumn.start(berlin), autumn.end(berlin)) == 31 * 1_440 + 60


@pytest.mark.parametrize(
    ("zone", "start"),
    [
        ("Asia/Ho_Chi_Minh", "2026-10-31T17:00:00+00:00"),
        ("Pacific/Midway", "2026-11-01T11:00:00+00:00"),
        ("Pacific/Kiritimati", "2026-10-31T10:00:00+00:00"),
    ],
)
def test_a_month_begins_when_the_zone_s_clocks_say_so(zone: str, start: str) -> None:
    assert BillingMonth(2026, 11).start(ZoneInfo(zone)).isoformat() == start


@pytest.mark.parametrize("text", ["2026", "2026-13", "2026-00", "26-11", "2026-1", "2026-11-01"])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="month"):
        BillingMonth.parse(text)
