"""Which ticks are due: pure rules over a time that somebody else has read off a clock.

Ticks that were missed are caught up. Of the minutes only the latest is said: whatever a minute
does, it does up to its own time and at the instants that were due, so that the latest includes
all before it. Each missed day and each missed month is said, for each has work of its own.

The minute comes first, so that what ended before a month's end is known when that month is
closed; then days and months in the order of time, a month before the day on whose date it comes,
so that the day's automatic payment finds the month's invoices. Between queues no order is kept:
this one only spares the services retries.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from shared.periods import BillingMonth, to_minute

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Calendar:
    """When the day's and the month's ticks come: at a time of day in the billing zone."""

    zone: ZoneInfo
    day_tick_at: time

    def of_day(self, day: date) -> datetime:
        """The instant of a day's tick, in UTC."""
        return datetime.combine(day, self.day_tick_at, self.zone).astimezone(UTC)

    def of_month(self, month: BillingMonth) -> datetime:
        """The instant of the tick that closes a month: on the first day of the next."""
        following = month.next()
        return self.of_day(date(following.year, following.month, 1))

    def last_day(self, now: datetime) -> date:
        """The latest day whose tick has come."""
        today = now.astimezone(self.zone).date()
        return today if self.of_day(today) <= now else today - _DAY

    def last_month(self, now: datetime) -> BillingMonth:
        """The latest month whose tick has come."""
        day = self.last_day(now)
        return BillingMonth(day.year, day.month).previous()


@dataclass(frozen=True, slots=True)
class MinuteTick:
    """A minute has begun."""

    at: datetime


@dataclass(frozen=True, slots=True)
class DayTick:
    """A day of the billing zone has begun."""

    at: datetime
    day: date


@dataclass(frozen=True, slots=True)
class MonthTick:
    """A billing month is over."""

    at: datetime
    month: BillingMonth


Tick: TypeAlias = MinuteTick | DayTick | MonthTick


@dataclass(frozen=True, slots=True)
class LastTicks:
    """What was said last: a minute, the tick of a day, and the tick that closed a month."""

    minute: datetime
    day: date
    month: BillingMonth

    def after(self, ticks: Iterable[Tick]) -> "LastTicks":
        """What was said last once these are said too."""
        last = self
        for tick in ticks:
            match tick:
                case MinuteTick(at):
                    last = replace(last, minute=max(last.minute, at))
                case DayTick(_, day):
                    last = replace(last, day=max(last.day, day))
                case MonthTick(_, month):
                    last = replace(last, month=max(last.month, month))
        return last


def beginning(now: datetime, calendar: Calendar) -> LastTicks:
    """What counts as said when a scheduler starts for the very first time: nothing was missed, and
    the minute is due."""
    return LastTicks(
        minute=to_minute(now) - timedelta(minutes=1),
        day=calendar.last_day(now),
        month=calendar.last_month(now),
    )


def due_ticks(last: LastTicks, now: datetime, calendar: Calendar, at_most: int) -> list[Tick]:
    """The ticks that are due, in the order in which they are to be said.

    Args:
        last: what was said last.
        now: the time on the clock. Where it was set back, nothing is due.
        calendar: when days and months tick.
        at_most: how many; the rest is due as soon as these are said.
    """
    minute = to_minute(now)
    minutes: list[Tick] = [MinuteTick(minute)] if minute > last.minute else []
    rest: list[Tick] = [
        *(MonthTick(calendar.of_month(month), month) for month in _months(last, now, calendar)),
        *(DayTick(calendar.of_day(day), day) for day in _days(last, now, calendar)),
    ]
    rest.sort(key=lambda tick: tick.at)  # stable: a month stays before its day
    return [*minutes, *rest][:at_most]


def _days(last: LastTicks, now: datetime, calendar: Calendar) -> Iterator[date]:
    day = last.day
    while day < calendar.last_day(now):
        day += _DAY
        yield day


def _months(last: LastTicks, now: datetime, calendar: Calendar) -> Iterator[BillingMonth]:
    month = last.month
    while month < calendar.last_month(now):
        month = month.next()
        yield month
