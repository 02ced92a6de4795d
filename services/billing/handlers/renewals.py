"""Automatic renewal: set by users, tried as time passes (domain 7)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from services.billing.domain import renewals
from services.billing.domain.catalogue import Catalogue
from services.billing.domain.rejection import Rejection
from services.billing.domain.renewals import Attempt, Hour
from services.billing.domain.resources import Resource
from services.billing.store import accounts, catalogue, resources
from services.billing.store import renewals as store
from shared.database import Connection
from shared.messages import Message, NotYet, Said
from shared.messages.billing import RenewalsDue
from shared.messages.notifications import NotificationRequested
from shared.messages.scheduler import TickMinute
from shared.messages.upstream import OrderPlaced, ResourceAutoRenewSet
from shared.settings import settings
from shared.waiting import may_wait

_AT_MOST: Final = 2_000
"""Renewals that one transaction tries; the next tick goes on."""
_SOURCE: Final = RenewalsDue.source


def renewal_hour() -> Hour:
    """When renewals are tried, as the operator set it."""
    return Hour(ZoneInfo(settings().billing_time_zone), settings().auto_renew_hour)


async def resource_auto_renew_set(
    wishes: Sequence[ResourceAutoRenewSet], db: Connection
) -> list[Said]:
    """Switch automatic renewal on, off, or to other months; the latest wish counts."""
    now = await resources.lock_resources(db, [wish.resource_id for wish in wishes])
    on_sale = await catalogue.find_catalogue(db, {one.product for one in now.values()})
    owners = await accounts.find_accounts(
        db,
        [(str(number), wish.account_id, wish.time) for number, wish in enumerate(wishes)],
    )
    said: list[Said] = []
    set_anew: set[str] = set()
    for number, wish in sorted(enumerate(wishes), key=lambda one: one[1].time):
        resource = now.get(wish.resource_id)
        if resource is None or resource.account_id != wish.account_id:
            said.append(_unknown(wish))
            continue
        product = on_sale.find_product(resource.product, wish.time)
        rejection = renewals.refused(resource, owners.get(str(number)), product)
        if wish.months is not None and rejection is not None:
            said.append(_refused(wish, rejection))
        elif resource.renewal.set_at is None or wish.time > resource.renewal.set_at:
            renewal = replace(resource.renewal, months=wish.months, set_at=wish.time)
            wanted = replace(resource, renewal=renewal)
            now[resource.resource_id] = renewals.scheduled(
                wanted, product, wish.time, renewal_hour()
            )
            set_anew.add(resource.resource_id)
    await resources.save_resources(db, [now[resource_id] for resource_id in sorted(set_anew)])
    return said


def _unknown(wish: ResourceAutoRenewSet) -> Said:
    if may_wait(wish):
        return NotYet(wish, "unknown_resource")
    return _refused(
        wish, Rejection("unknown_resource", f"the account has no resource {wish.resource_id}")
    )


def _refused(wish: ResourceAutoRenewSet, rejection: Rejection) -> NotificationRequested:
    return NotificationRequested(
        account_id=wish.account_id,
        template="auto_renew_refused",
        facts={
            "resource_id": wish.resource_id,
            "reason": rejection.reason,
            "message": rejection.message,
        },
    ).because(wish)


async def renewals_due(continuations: Sequence[RenewalsDue], db: Connection) -> list[Said]:
    """Go on with accounts whose last renewal has been decided."""
    latest = {one.account_id: one for one in sorted(continuations, key=lambda one: one.time)}
    until = max(one.time for one in latest.values())
    return await _try(latest, until, latest, db)


async def try_renewals(tick: TickMinute, db: Connection) -> list[Said]:
    """Try what is due by a tick: of each account what ends first, as long as credit reaches."""
    await store.lapse_attempts(db, tick.time)
    await store.expire_renewals(db, tick.time)
    return await _try(None, tick.time, tick, db)


async def _try(
    account_ids: Collection[str] | None,
    until: datetime,
    causes: Mapping[str, RenewalsDue] | TickMinute,
    db: Connection,
) -> list[Said]:
    """Order renewals, one an account: the next waits until that is decided."""
    due = await store.find_due_resources(db, until, account_ids, at_most=_AT_MOST)
    if not due:
        return []
    held = await resources.lock_resources(db, due)
    on_sale = await catalogue.find_catalogue(db, {one.product for one in held.values()})
    attempts: list[tuple[Attempt, Message]] = []
    for resource in held.values():
        cause = causes if isinstance(causes, TickMinute) else causes[resource.account_id]
        product = on_sale.find_product(resource.product, cause.time)
        attempt = renewals.find_attempt(resource, product, cause.time, renewal_hour())
        if attempt is not None and resource.busy_with is None:
            attempts.append((attempt, cause))
    going = await store.append_attempts(db, [(attempt, cause.time) for attempt, cause in attempts])
    made = [(attempt, cause) for attempt, cause in attempts if attempt.order_id in going]
    await resources.save_resources(db, [_tried(attempt, on_sale) for attempt, _ in made])
    return [_ordered(attempt, cause) for attempt, cause in made]


def _tried(attempt: Attempt, on_sale: Catalogue) -> Resource:
    product = on_sale.find_product(attempt.resource.product, attempt.at)
    return renewals.tried(attempt, product, renewal_hour())


def _ordered(attempt: Attempt, cause: Message) -> OrderPlaced:
    """The order, placed by billing itself at the instant that the attempt was due."""
    order = attempt.order
    envelope = cause.envelope.caused(
        source=_SOURCE,
        type=order.type,
        key=order.order_id,
        at=attempt.at,
        subject=order.account_id,
    )
    return order.within(replace(envelope, correlation_id=order.order_id))


@dataclass(frozen=True, slots=True)
class Decision:
    """How an order was decided: paid where `reason` is None."""

    order_id: str
    reason: str | None
    cause: Message


async def conclude(decisions: Sequence[Decision], db: Connection) -> list[Said]:
    """End the tries among these orders, tell of those that failed, and go on with the next."""
    ours = {one.order_id: one for one in decisions if renewals.is_renewal(one.order_id)}
    if not ours:
        return []
    concluded = await store.conclude_attempts(
        db, {order_id: one.reason for order_id, one in ours.items()}
    )
    said: list[Said] = []
    for attempt in concluded:
        decision = ours[attempt.order_id]
        said.append(
            RenewalsDue(account_id=attempt.account_id).because(decision.cause, key=attempt.order_id)
        )
        if decision.reason is not None:
            notice = NotificationRequested(
                account_id=attempt.account_id,
                template="auto_renew_failed",
                facts={
                    "resource_id": attempt.resource_id,
                    "ends_at": attempt.ends_at.isoformat(),
                    "reason": decision.reason,
                },
            )
            said.append(notice.because(decision.cause, key=f"auto-renew {attempt.order_id}"))
    return said
