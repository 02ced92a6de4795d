"""Reports of metered use, and why one is not counted (domain 8)."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal, NamedTuple

Fault = Literal[
    "ends_before_it_starts",
    "from_the_future",
    "too_long_ago",
    "month_archived",
    "unknown_resource",
    "wrong_account",
    "unknown_meter",
    "id_reused",
]
"""Why a report is not counted."""


class Report(NamedTuple):
    """A product team's report of use from `used_from` to `used_to`; `quantity` in its meter's unit.

    `report_id` names it once and for all among those of its resource. `reported_at` is business
    time.
    """

    resource_id: str
    report_id: str
    account_id: str
    meter: str
    quantity: str | Decimal
    used_from: datetime
    used_to: datetime
    reported_at: datetime


class Limits(NamedTuple):
    """How far from the time of its message use may end, and the time zone of billing months."""

    time_zone: str
    ahead: timedelta
    months_back: int
