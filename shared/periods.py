"""Business time: instants cut to the minute, terms of 30 days, billing months of a time zone."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

MINUTES_PER_DAY: Final = 1_440
MINUTES_PER_30_DAYS: Final = 43_200
"""A month of a term (domain 6)."""


def to_minute(at: datetime) -> datetime:
    """An instant cut to the minute, in UTC: periods tile without gap or overlap (domain 6)."""
    return at.astimezone(UTC).replace(second=0, microsecond=0)


def minutes_between(start: datetime, end: datetime) -> int:
    """Whole minutes from one instant to another, both cut to the minute; never below 0."""
    return max(0, (to_minute(end) - to_minute(start)) // timedelta(minutes=1))


@dataclass(frozen=True, slots=True, order=True)
class BillingMonth:
    """A calendar month in the billing time zone (domain 1)."""

    year: int
    month: int

    @classmethod
    def parse(cls, period: str) -> "BillingMonth":
        """The month named `2026-11`.

        Raises:
            ValueError: if `period` is not a year and a month.
        """
        year, _, month = period.partition("-")
        if len(year) != 4 or len(month) != 2 or not (1 <= int(month) <= 12):
            raise ValueError(f"a billing month is written like 2026-11, not {period!r}")
        return cls(int(year), int(month))

    @classmethod
    def containing(cls, at: datetime, zone: ZoneInfo) -> "BillingMonth":
        """The month in which `at` falls, as clocks in `zone` show it."""
        local = at.astimezone(zone)
        return cls(local.year, local.month)

    def next(self) -> "BillingMonth":
        """The month after this one."""
        return BillingMonth(self.year + self.month // 12, self.month % 12 + 1)

    def previous(self) -> "BillingMonth":
        """The month before this one."""
        return BillingMonth(self.year - (self.month == 1), (self.month - 2) % 12 + 1)

    def last(self, count: int) -> list["BillingMonth"]:
        """So many months up to this one, which comes last."""
        months = [self]
        while len(months) < count:
            months.append(months[-1].previous())
        return months[::-1]

    def start(self, zone: ZoneInfo) -> datetime:
        """The instant at which the month begins, in UTC."""
        return datetime(self.year, self.month, 1, tzinfo=zone).astimezone(UTC)

    def end(self, zone: ZoneInfo) -> datetime:
        """The instant at which the next month begins, in UTC."""
        return self.next().start(zone)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"
