"""Orders: priced, and either rejected, paid for, or passed on to provisioning."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from itertools import chain

from services.billing.domain.orders import Accepted, Desk
from services.billing.domain.payments import Payment
from services.billing.domain.rejection import Rejection
from services.billing.domain.resources import Resource
from services.billing.handlers import holds, payments, renewals
from services.billing.handlers.renewals import Decision
from services.billing.store import accounts, catalogue, orders, resources
from services.billing.store.orders import Decided
from services.billing.store.payments import find_money_left
from shared.database import Connection
from shared.ids import derived_id
from shared.messages import NotYet, Refused, Said
from shared.messages.billing import OrderConfirmed, OrderRejected
from shared.messages.upstream import OrderItem, OrderPlaced
from shared.settings import settings
from shared.waiting import may_wait


async def order_placed(placed: Sequence[OrderPlaced], db: Connection) -> list[Said]:
    """Decide on orders, each by what those before it left (domain 2, 3, 5)."""
    fresh, said = await _not_known(placed, db)
    if not fresh:
        return said
    desk = await open_desk([order for order, _ in fresh], db)
    decided: list[Decided] = []
    for order, fingerprint in fresh:
        decision = desk.accept(order)
        if isinstance(decision, Rejection) and decision.may_come and may_wait(order):
            said.append(NotYet(order, decision.reason))
        else:
            decided.append(Decided(order, fingerprint, decision))
    if decided:
        await orders.append_orders(db, decided)
    accepted = [(one.order, one.accepted) for one in decided if one.accepted]
    await _take(accepted, db)
    said += [_rejected(one) for one in decided if isinstance(one.decision, Rejection)]
    said += await renewals.conclude(_concluded(decided), db)
    said += await holds.ask([(order, one) for order, one in accepted if one.to_hold], db)
    said += [
        _confirmed(order, one) for order, one in accepted if not one.to_pay and not one.to_hold
    ]
    return said + await payments.request(
        [(_payment(order, one), order) for order, one in accepted if one.to_pay], db
    )


async def _not_known(
    placed: Sequence[OrderPlaced], db: Connection
) -> tuple[list[tuple[OrderPlaced, bytes]], list[Said]]:
    """Orders that came for the first time. The same again says nothing; under the id of another
    order it is put away, since nobody could tell whose answer a rejection was."""
    known = await orders.find_fingerprints(db, {order.order_id for order in placed})
    fresh: list[tuple[OrderPlaced, bytes]] = []
    said: list[Said] = []
    for order in placed:
        fingerprint = blake2b(order.model_dump_json().encode(), digest_size=16).digest()
        earlier = known.get(order.order_id)
        if earlier is None:
            known[order.order_id] = fingerprint
            fresh.append((order, fingerprint))
        elif earlier != fingerprint:
            said.append(Refused(order, "id_reused", f"order {order.order_id} had another content"))
    return fresh, said


async def open_desk(placed: Sequence[OrderPlaced], db: Connection, *, hold: bool = True) -> Desk:
    """What is known while these orders are decided on; `hold` locks what they are about. Without,
    also what all of it could give back at most is known, as a quote says it."""
    named = {_resource_id(order, item) for order in placed for item in order.items}
    codes = {order.coupon for order in placed if order.coupon is not None}
    known = await (resources.lock_resources if hold else resources.find_resources)(db, named)
    products = {item.product for order in placed for item in order.items if item.product}
    products |= {resource.product for resource in known.values()}
    giving_back = {
        (order.account_id, _resource_id(order, item))
        for order in placed
        if order.action == "resize" or not hold
        for item in order.items
    }
    return Desk(
        accounts=await accounts.find_accounts(
            db, [(order.order_id, order.account_id, order.time) for order in placed]
        ),
        catalogue=await catalogue.find_catalogue(
            db,
            products,
            _skus(placed, known),
            {order.account_id for order in placed},
        ),
        resources=known,
        coupons=await (catalogue.lock_coupons if hold else catalogue.find_coupons)(db, codes),
        money_left=await find_money_left(db, giving_back),
        hold_days=settings().hold_days,
    )


def _skus(placed: Sequence[OrderPlaced], known: Mapping[str, Resource]) -> set[str]:
    """The SKUs that may have to be priced."""
    ordered = (item.components or () for order in placed for item in order.items)
    bought = (
        known[resource_id].components
        for order in placed
        if order.action in ("renew", "recover")
        for item in order.items
        if (resource_id := _resource_id(order, item)) in known
    )
    return {component.sku for components in chain(ordered, bought) for component in components}


def _resource_id(order: OrderPlaced, item: OrderItem) -> str:
    """What an item is about; a created resource's id is the item's (contract.md)."""
    return item.item_id if order.action == "create" else item.resource_id or ""


async def _take(accepted: Sequence[tuple[OrderPlaced, Accepted]], db: Connection) -> None:
    """Keep busy what orders are about, and use their coupons."""
    creates = [
        (order.account_id, order.order_id, item)
        for order, one in accepted
        for item in one.items
        if item.action == "create"
    ]
    await resources.append_resources(db, creates)
    await resources.keep_busy(
        db,
        [
            (item.resource_id, order.order_id)
            for order, one in accepted
            for item in one.items
            if item.action != "create"
        ],
    )
    await catalogue.use_coupons(
        db,
        [
            (order.coupon, order.account_id, order.order_id)
            for order, _ in accepted
            if order.coupon is not None
        ],
    )


def _concluded(decided: Sequence[Decided]) -> list[Decision]:
    """Orders that need no answer from a wallet or gateway: rejected, or with nothing to pay."""
    return [
        Decision(
            one.order.order_id,
            one.decision.reason if isinstance(one.decision, Rejection) else None,
            one.order,
        )
        for one in decided
        if isinstance(one.decision, Rejection) or not one.decision.to_pay
    ]


def _rejected(one: Decided) -> OrderRejected:
    assert isinstance(one.decision, Rejection)
    return OrderRejected(
        order_id=one.order.order_id,
        account_id=one.order.account_id,
        reason=one.decision.reason,
        message=one.decision.message,
    ).because(one.order)


def _confirmed(order: OrderPlaced, accepted: Accepted) -> OrderConfirmed:
    return OrderConfirmed(
        order_id=order.order_id,
        account_id=order.account_id,
        action=order.action,
        items=accepted.items,
    ).because(order)


def _payment(order: OrderPlaced, accepted: Accepted) -> Payment:
    return Payment(
        payment_id=derived_id("payment", order.order_id),
        account_id=order.account_id,
        order_id=order.order_id,
        invoice_id=None,
        method=accepted.payment_method or "credit",
        amount=accepted.to_pay,
        currency=accepted.currency,
    )
