"""Automatic renewal: when it is tried, and for what (domain 7)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from services.billing.domain import poc
from services.billing.domain.catalogue import ProductVersion
from services.billing.domain.purchases import Account
from services.billing.domain.rejection import Rejection
from services.billing.domain.resources import Resource
from shared.ids import derived_id
from shared.messages.upstream import OrderItem, OrderPlaced

DAYS_IN_A_MONTH: Final = 30
_ORDER: Final = "auto-renew"


@dataclass(frozen=True, slots=True)
class Hour:
    """The hour of a day at which renewals are tried, by clocks in a zone."""

    zone: ZoneInfo
    hour: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to renew a resource, at the instant `at` before its end `ends_at`."""

    resource: Resource
    ends_at: datetime
    at: datetime
    months: int

    @property
    def order_id(self) -> str:
        """Derived from what is tried, so that it is tried once."""
        return derived_id(
            _ORDER, self.resource.resource_id, self.ends_at.isoformat(), self.at.isoformat()
        )

    @property
    def order(self) -> OrderPlaced:
        """The order that a user would place: paid from credit only."""
        return OrderPlaced(
            order_id=self.order_id,
            account_id=self.resource.account_id,
            action="renew",
            items=(
                OrderItem(
                    item_id=self.order_id,
                    resource_id=self.resource.resource_id,
                    days=self.months * DAYS_IN_A_MONTH,
                ),
            ),
            payment_method="credit",
        )


def is_renewal(order_id: str) -> bool:
    """Whether an order may be one of ours; a user's order can look like it."""
    return order_id.startswith(_ORDER)


def instants(ends_at: datetime, attempt_days: Iterable[int], hour: Hour) -> list[datetime]:
    """When a term's renewal is tried: so many days before its end, and never at or after it."""
    local = ends_at.astimezone(hour.zone)
    tries = (
        datetime.combine(local.date() - timedelta(days=days), time(hour.hour), hour.zone)
        for days in attempt_days
    )
    return sorted(at.astimezone(ends_at.tzinfo) for at in tries if at < ends_at)


def next_instant(
    resource: Resource, product: ProductVersion | None, since: datetime, hour: Hour
) -> datetime | None:
    """The first try after `since`, and after the last one that was made."""
    if (
        product is None
        or "renew" not in product.actions
        or resource.renewal.months is None
        or resource.user_type != "prepaid"
        or resource.state not in ("active", "stopped")
        or resource.ends_at is None
    ):
        return None
    since = max(since, resource.renewal.tried_at or since)
    tries = instants(resource.ends_at, product.renew_attempt_days, hour)
    return next((at for at in tries if at > since), None)


def scheduled(
    resource: Resource, product: ProductVersion | None, since: datetime, hour: Hour
) -> Resource:
    """A resource with when it is renewed next, after `since`."""
    next_at = next_instant(resource, product, since, hour)
    if next_at == resource.renewal.next_at:
        return resource
    return replace(resource, renewal=replace(resource.renewal, next_at=next_at))


def tried(attempt: Attempt, product: ProductVersion | None, hour: Hour) -> Resource:
    """The resource of an attempt, once that is made."""
    renewal = replace(attempt.resource.renewal, tried_at=attempt.at)
    return scheduled(replace(attempt.resource, renewal=renewal), product, attempt.at, hour)


def find_attempt(
    resource: Resource, product: ProductVersion | None, until: datetime, hour: Hour
) -> Attempt | None:
    """What is to be tried of a resource by `until`, or None.

    Of several missed tries the last is made: today's credit would answer all of them alike. What
    has expired is not renewed any more.
    """
    due_at, months, ends_at = resource.renewal.next_at, resource.renewal.months, resource.ends_at
    if due_at is None or months is None or ends_at is None or not due_at <= until < ends_at:
        return None
    missed = instants(ends_at, product.renew_attempt_days if product else (), hour)
    at = max((one for one in missed if due_at <= one <= until), default=due_at)
    return Attempt(resource, ends_at, at, months)


def refused(
    resource: Resource, account: Account | None, product: ProductVersion | None
) -> Rejection | None:
    """Why a resource can't be renewed automatically, or None where it can."""
    if "postpaid" in (resource.user_type, account.user_type if account else "prepaid"):
        return Rejection("not_for_postpaid", "what is postpaid has no end")
    if resource.poc == "running":
        return poc.NO_AUTO_RENEW
    if product is None or "renew" not in product.actions:
        return Rejection("action_not_allowed", f"{resource.product} can't be renewed")
    if resource.in_trash or resource.state in ("deleted", "failed"):
        return Rejection("wrong_state", f"{resource.resource_id} is {resource.state}")
    return None
