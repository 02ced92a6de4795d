"""Reports of metered use: to which billing month they belong, and which can't be counted
(domain 8)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from shared.periods import BillingMonth

Fault = Literal[
    "from_the_future",
    "too_long_ago",
    "month_archived",
    "unknown_resource",
    "wrong_account",
    "unknown_meter",
    "id_reused",
]
"""Why a report is not counted."""

_INSTANT = timedelta(microseconds=1)


class Report(NamedTuple):
    """A product team's report of use, from `used_from` to `used_to`; `quantity` in its unit,
    as Postgres reads it.

    `report_id` names it once and for all among those of its resource. `reported_at` is business
    time. They sort as they are locked.
    """

    resource_id: str
    report_id: str
    account_id: str
    meter: str
    quantity: str | Decimal
    used_from: datetime
    used_to: datetime
    month: str
    reported_at: datetime


@dataclass(frozen=True, slots=True)
class Limits:
    """How far from the time of a message the use that it reports may end."""

    ahead: timedelta
    months_back: int


def month_of(used_from: datetime, used_to: datetime, zone: ZoneInfo) -> BillingMonth:
    """The billing month to which use belongs: the one in which it ended.

    Use until the very end of a month belongs to it. So whoever reports as soon as use has ended
    is never late because it began in the month before.
    """
    return BillingMonth.containing(max(used_from, used_to - _INSTANT), zone)


def find_fault(
    used_to: datetime, month: BillingMonth, reported_at: datetime, limits: Limits, zone: ZoneInfo
) -> Fault | None:
    """Why use can't be counted, by its time alone.

    Args:
        used_to: when it ended.
        month: to which it belongs.
        reported_at: business time of the message that tells of it.
        limits: how far the two may be apart.
        zone: the billing time zone.
    """
    if used_to > reported_at + limits.ahead:
        return "from_the_future"
    reported_in = BillingMonth.containing(reported_at, zone)
    months_late = 12 * (reported_in.year - month.year) + reported_in.month - month.month
    return "too_long_ago" if months_late > limits.months_back else None
