"""What provisioning tells: how ordered items ended, and what became of resources."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from services.billing.domain import renewals
from services.billing.domain.refunds import Refund, RefundReason, at_most, wallet_for
from services.billing.domain.resources import Change, Resource, after
from services.billing.domain.terms import TermPiece
from services.billing.handlers import holds
from services.billing.handlers.renewals import renewal_hour
from services.billing.store import catalogue, orders, payments
from services.billing.store import resources as store
from services.billing.store.orders import Outcome
from shared.database import Connection
from shared.messages import NotYet, Said
from shared.messages.billing import RefundToCredit
from shared.messages.notifications import NotificationRequested
from shared.messages.provisioning import ProvisioningFailed, ResourceEvent, ResourceSuspended

_NOTICES = {
    "resource.provisioned": "resource_created",
    "resource.resized": "resource_resized",
    "resource.renewed": "resource_renewed",
    "resource.recovered": "resource_recovered",
    "resource.deleted": "resource_deleted",
    "resource.suspended": "resource_suspended",
    "resource.released": "resource_released",
}
"""The notices of domain 7, by what happened."""


_REASONS: Final[Mapping[str, RefundReason]] = {
    "resource.deleted": "deleted",
    "resource.resized": "resized",
    "resource.suspended": "poc_stopped",
}
"""Why unused value is given back, by what happened."""


@dataclass(frozen=True, slots=True)
class _Applied:
    event: ResourceEvent
    change: Change


async def resource_changed(events: Sequence[ResourceEvent], db: Connection) -> list[Said]:
    """Follow resources, event by event, conclude what was ordered, and give back unused value."""
    before = await store.lock_resources(db, [event.resource_id for event in events])
    applied, said = await _applied(events, before, db)
    if not applied:
        return said
    await store.save_resources(
        db, list({one.event.resource_id: one.change.resource for one in applied}.values())
    )
    await _save_pieces(applied, before, db)
    refunds = await _conclude(applied, db)
    said += [_refund(refund, event) for refund, event in refunds]
    amounts = {(refund.order_id, refund.item_id): refund.amount for refund, _ in refunds}
    said += [
        _notice(one.event, amounts.get((one.event.order_id or "", one.event.item_id or ""), 0))
        for one in applied
        if one.event.type in _NOTICES
    ]
    return said


async def _applied(
    events: Sequence[ResourceEvent], before: dict[str, Resource], db: Connection
) -> tuple[list[_Applied], list[Said]]:
    """Events in the order of their versions. What was handled is dropped; what comes too early
    waits for the events before it."""
    products = {resource.product for resource in before.values()}
    on_sale = await catalogue.find_catalogue(db, products)
    hour = renewal_hour()
    now = dict(before)
    applied: list[_Applied] = []
    said: list[Said] = []
    for event in sorted(events, key=lambda event: (event.resource_id, event.version)):
        resource = now.get(event.resource_id)
        if resource is None or event.version > resource.version + 1:
            said.append(NotYet(event, "earlier_event_missing"))
        elif event.version == resource.version + 1:
            change = after(resource, event, on_sale)
            product = on_sale.find_product(resource.product, event.at)
            changed = renewals.scheduled(change.resource, product, event.at, hour)
            now[event.resource_id] = changed
            applied.append(_Applied(event, replace(change, resource=changed)))
    return applied, said


async def _save_pieces(
    applied: Sequence[_Applied], before: dict[str, Resource], db: Connection
) -> None:
    begun: list[tuple[str, str, TermPiece]] = []
    ended: list[tuple[str, TermPiece, datetime]] = []
    live = {resource_id: resource.pieces for resource_id, resource in before.items()}
    for one in applied:
        resource_id, pieces = one.event.resource_id, one.change.resource.pieces
        account_id = before[resource_id].account_id
        begun += [
            (account_id, resource_id, piece) for piece in pieces if piece not in live[resource_id]
        ]
        ended += [
            (account_id, piece, one.event.at) for piece in live[resource_id] if piece not in pieces
        ]
        live[resource_id] = pieces
    await store.save_pieces(db, ended, begun)


async def _conclude(
    applied: Sequence[_Applied], db: Connection
) -> list[tuple[Refund, ResourceEvent]]:
    """Conclude the items that events fulfil; returns what is given back of their terms.

    What ended is given back also where the item counted as failed before: a product team may delete
    after its time limit. Never more is given back than is left of what went in (domain 6).
    """
    by_item = {
        (one.event.order_id, one.event.item_id): one
        for one in applied
        if one.event.order_id is not None and one.event.item_id is not None
    }
    if not by_item:
        return []
    held = await orders.lock_orders(db, {order_id for order_id, _ in by_item})
    items = await orders.find_items(db, by_item)
    await orders.append_outcomes(
        db,
        [
            Outcome(
                held[order_id].account_id,
                order_id,
                item_id,
                None,
                by_item[order_id, item_id].event.at,
            )
            for order_id, item_id in sorted(items)
            if items[order_id, item_id].outcome is None
        ],
    )
    ended = {key: one for key, one in by_item.items() if key in items and one.change.given_back}
    left = dict(await payments.find_money_left(db, [_resource_of(one) for one in ended.values()]))
    refunds: list[tuple[Refund, ResourceEvent]] = []
    for (order_id, item_id), one in ended.items():
        resource_id, wallet = one.event.resource_id, one.change.wallet
        amount = at_most(one.change.given_back, left, resource_id, wallet)
        if not amount:
            continue
        left[resource_id, wallet] -= amount
        refund = Refund(
            account_id=held[order_id].account_id,
            order_id=order_id,
            item_id=item_id,
            item_amount=items[order_id, item_id].amount,
            outcome=items[order_id, item_id].outcome or "done",
            payment_id=None,
            wallet=wallet,
            amount=amount,
            reason=_REASONS[one.event.type],
            at=one.event.time,
        )
        refunds.append((refund, one.event))
    await orders.append_refunds(db, [refund for refund, _ in refunds])
    return refunds


def _resource_of(applied: _Applied) -> tuple[str, str]:
    resource = applied.change.resource
    return resource.account_id, resource.resource_id


async def provisioning_failed(failures: Sequence[ProvisioningFailed], db: Connection) -> list[Said]:
    """Give back as credit what was paid for the items that failed (domain 2.5), and free what was
    held for them (domain 8)."""
    await store.lock_resources(db, [failure.resource_id for failure in failures])
    held = await orders.lock_orders(db, [failure.order_id for failure in failures])
    by_item = {(one.order_id, one.item_id): one for one in failures if one.order_id in held}
    said: list[Said] = [
        NotYet(one, "unknown_order") for one in failures if one.order_id not in held
    ]
    items = await orders.find_items(db, by_item)
    costs = {key: item.amount for key, item in items.items() if item.outcome is None}
    failed = {key: by_item[key] for key in sorted(costs)}
    came_to_nothing = await orders.append_outcomes(
        db,
        [
            Outcome(held[one.order_id].account_id, *key, one.reason, one.time)
            for key, one in failed.items()
        ],
    )
    await catalogue.give_back_coupons(db, came_to_nothing)
    await store.end_busy(db, [(one.resource_id, one.order_id) for one in failed.values()])
    refunds = [
        Refund(
            account_id=held[one.order_id].account_id,
            order_id=one.order_id,
            item_id=one.item_id,
            item_amount=costs[key],
            outcome="failed",
            payment_id=held[one.order_id].payment_id,
            wallet=wallet_for(held[one.order_id].payment_method),
            amount=costs[key],
            reason="provisioning_failed",
            at=one.time,
        )
        for key, one in failed.items()
        if costs[key] > 0
    ]
    await orders.append_refunds(db, refunds)
    said += [_refund(refund, failed[refund.order_id, refund.item_id]) for refund in refunds]
    said += await holds.let_go(failed, db)
    said += [_failure_notice(one, costs[key]) for key, one in failed.items()]
    return said


def _refund(refund: Refund, cause: ResourceEvent | ProvisioningFailed) -> RefundToCredit:
    return RefundToCredit(
        refund_id=refund.refund_id,
        account_id=refund.account_id,
        wallet=refund.wallet,
        amount=refund.amount,
        payment_id=refund.payment_id,
        order_id=refund.order_id,
        item_id=refund.item_id,
        reason=refund.reason,
    ).because(cause, key=refund.item_id)


def _notice(event: ResourceEvent, refunded: int) -> NotificationRequested:
    stopped = isinstance(event, ResourceSuspended) and event.because_of == "poc_ended"
    return NotificationRequested(
        account_id=event.account_id,
        template="poc_stopped" if stopped else _NOTICES[event.type],
        facts={
            "resource_id": event.resource_id,
            "product": event.product,
            "name": event.name,
            "ends_at": event.ends_at.isoformat() if event.ends_at else None,
            "refunded": refunded,
            "automatic": event.order_id is not None and renewals.is_renewal(event.order_id),
        },
    ).because(event)


def _failure_notice(failure: ProvisioningFailed, refunded: int) -> NotificationRequested:
    return NotificationRequested(
        account_id=failure.account_id,
        template="provisioning_failed",
        facts={
            "resource_id": failure.resource_id,
            "action": failure.action,
            "refunded": max(0, refunded),
        },
    ).because(failure)
