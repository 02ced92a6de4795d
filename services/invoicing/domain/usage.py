"""What a resource's events mean for its use: segments, and corrections of invoiced months
(domain 3, 8, 10)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

from shared.messages.items import Component
from shared.messages.model import PocState
from shared.messages.provisioning import (
    ResourceConverted,
    ResourceDeleted,
    ResourceEvent,
    ResourceProvisioned,
    ResourceRecovered,
    ResourceReleased,
    ResourceRenewed,
    ResourceResized,
)
from shared.periods import BillingMonth, to_minute

Sign = Literal[-1, 1]


@dataclass(frozen=True, slots=True)
class Account:
    """An account; its use is invoiced up to `closed_until`, None before its first month."""

    account_id: str
    currency: str
    closed_until: datetime | None


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of use in one configuration, both ends cut to the minute.

    `version` is that of the event that began it; the use goes on where `ended_at` is None.
    """

    account_id: str
    resource_id: str
    version: int
    product: str
    components: tuple[Component, ...]
    discount_rate: Decimal
    started_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Adjustment:
    """Use in a month that was invoiced before it was known: charged (1) or given back (-1).

    Lines of `period`'s invoice that name `month`.
    """

    account_id: str
    resource_id: str
    version: int
    period: BillingMonth
    month: BillingMonth
    sign: Sign
    product: str
    component: Component
    discount_rate: Decimal
    period_from: datetime
    period_to: datetime


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource as its last applied event left it; `order_id` and `item_id` created it, and
    `discount_rate` is that of its last purchase (domain 6). `poc` is set for a proof of concept
    (domain 9)."""

    resource_id: str
    account_id: str
    product: str
    name: str
    version: int
    order_id: str | None
    item_id: str | None
    discount_rate: Decimal
    ends_at: datetime | None
    open_segment: Segment | None
    poc: PocState | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What one event of a resource changes."""

    resource: Resource
    ended: Segment | None = None
    begun: Segment | None = None
    adjustments: tuple[Adjustment, ...] = ()


def follow(
    resource: Resource | None, event: ResourceEvent, account: Account, zone: ZoneInfo
) -> Step:
    """Apply the next event of a resource.

    A change of configuration ends one segment and begins the next at that minute; a deletion ends
    the last (domain 3.2). Stopping and starting change nothing (domain 3.3). A conversion ends
    use, or begins it (domain 10). No event takes effect before the segment that it ends began.

    Args:
        resource: as its events before this one left it; None before the first.
        event: the next one by its version.
        account: whose resource it is, held while this is decided.
        zone: the billing time zone.
    """
    before = _resource_of(event) if resource is None else resource
    after = _renamed(before, event)
    running = before.open_segment
    if running is not None and _ends_use(event):
        ended = replace(running, ended_at=max(to_minute(event.at), running.started_at))
        at = ended.ended_at or ended.started_at
    else:
        ended = None
        at = to_minute(event.at)
    begun = _begun(after, event, at) if _begins_use(event, running is not None) else None
    after = replace(after, open_segment=begun if ended or begun else running)
    adjustments = tuple(_adjustments(ended, begun, at, event.version, account, zone))
    return Step(after, ended, begun, adjustments)


def _resource_of(event: ResourceEvent) -> Resource:
    return Resource(
        resource_id=event.resource_id,
        account_id=event.account_id,
        product=event.product,
        name=event.name,
        version=0,
        order_id=event.order_id,
        item_id=event.item_id,
        discount_rate=Decimal(0),
        ends_at=None,
        open_segment=None,
    )


def _renamed(resource: Resource, event: ResourceEvent) -> Resource:
    return replace(
        resource,
        name=event.name,
        version=event.version,
        discount_rate=_bought_at(event, resource.discount_rate),
        ends_at=event.ends_at,
        poc=event.poc,
    )


def _bought_at(event: ResourceEvent, before: Decimal) -> Decimal:
    """A discount is fixed at the time of the purchase (domain 6). Items of stops, starts, reboots
    and deletions have the discount of their day too, and buy nothing."""
    bought = isinstance(
        event, ResourceProvisioned | ResourceResized | ResourceRenewed | ResourceRecovered
    )
    return event.item.discount_rate if bought and event.item else before


def _ends_use(event: ResourceEvent) -> bool:
    return isinstance(
        event, ResourceResized | ResourceDeleted | ResourceReleased | ResourceConverted
    )


def _begins_use(event: ResourceEvent, running: bool) -> bool:
    if event.user_type != "postpaid":
        return False
    return isinstance(event, ResourceProvisioned | ResourceConverted) or (
        isinstance(event, ResourceResized) and running
    )


def _begun(resource: Resource, event: ResourceEvent, at: datetime) -> Segment:
    return Segment(
        account_id=resource.account_id,
        resource_id=resource.resource_id,
        version=event.version,
        product=resource.product,
        components=event.components,
        discount_rate=resource.discount_rate,
        started_at=at,
    )


def _adjustments(
    ended: Segment | None,
    begun: Segment | None,
    at: datetime,
    version: int,
    account: Account,
    zone: ZoneInfo,
) -> Iterator[Adjustment]:
    """What was invoiced from `at` on as if the ended segment had gone on, and is to be replaced by
    the one that began."""
    if account.closed_until is None or at >= account.closed_until:
        return
    period = BillingMonth.containing(account.closed_until, zone)
    signed: tuple[tuple[Sign, Segment | None], ...] = ((-1, ended), (1, begun))
    for sign, segment in signed:
        if segment is None:
            continue
        for month, start, end in by_month(at, account.closed_until, zone):
            for component in segment.components:
                yield Adjustment(
                    account_id=segment.account_id,
                    resource_id=segment.resource_id,
                    version=version,
                    period=period,
                    month=month,
                    sign=sign,
                    product=segment.product,
                    component=component,
                    discount_rate=segment.discount_rate,
                    period_from=start,
                    period_to=end,
                )


def by_month(
    start: datetime, end: datetime, zone: ZoneInfo
) -> Iterator[tuple[BillingMonth, datetime, datetime]]:
    """A stretch of time cut where billing months begin, without gap or overlap."""
    while start < end:
        month = BillingMonth.containing(start, zone)
        until = min(end, month.end(zone))
        yield month, start, until
        start = until


def months_to_close(
    earliest: datetime | None, last: BillingMonth, zone: ZoneInfo
) -> list[BillingMonth]:
    """The billing months to be closed, oldest first, `last` always among them.

    Args:
        earliest: when the first use began that is not invoiced yet; None where there is none.
        last: the month whose run it is.
        zone: the billing time zone.
    """
    month = last if earliest is None else min(last, BillingMonth.containing(earliest, zone))
    months: list[BillingMonth] = []
    while month <= last:
        months.append(month)
        month = month.next()
    return months


def in_order(events: Iterable[ResourceEvent]) -> list[ResourceEvent]:
    """Events as they happened: each resource's by its version."""
    return sorted(events, key=lambda event: (event.resource_id, event.version))
