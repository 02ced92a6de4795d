"""The gateways' handlers: load, decide, save. Gateways are asked outside of them, by errands."""

from collections.abc import Sequence
from typing import Final

from services.gateways import store
from services.gateways.adapters import gateway_of
from services.gateways.domain import DEFAULT_VALIDITY, GatewayOrder, Payment, next_query
from services.gateways.settings import settings
from shared.database import Connection
from shared.messages import Message, Refused, Said
from shared.messages.billing import PaymentRequested
from shared.messages.scheduler import TickMinute
from shared.messages.upstream import TopUpRequested
from shared.service import Handlers

_AT_ONCE: Final = 500
"""Orders that one tick has asked for; the next minute goes on."""


async def payment_requested(requests: Sequence[PaymentRequested], db: Connection) -> list[Said]:
    """Have the gateway asked for a page where the payment can be made (domain 2.2)."""
    return await _ask([(request, _payment(request)) for request in requests], db)


async def top_up_requested(requests: Sequence[TopUpRequested], db: Connection) -> list[Said]:
    """Have the gateway asked for a page where credit can be paid in."""
    return await _ask([(request, _top_up(request)) for request in requests], db)


async def _ask(asked: Sequence[tuple[Message, Payment]], db: Connection) -> list[Said]:
    first = {payment.payment_id: (payment, cause) for cause, payment in reversed(asked)}
    new = await store.append_payments(
        db, [(payment, cause.envelope) for payment, cause in first.values()]
    )
    await store.append_orders(
        db, [_first_order(first[payment_id][0]) for payment_id in sorted(new)]
    )
    known = await store.find_payments(db, list(first))
    return [
        Refused(cause, "id_reused", "the payment had another account or amount")
        for cause, payment in asked
        if known[payment.payment_id] != (payment.account_id, payment.amount)
    ]


def _payment(request: PaymentRequested) -> Payment:
    return Payment(
        payment_id=request.payment_id,
        account_id=request.account_id,
        amount=request.amount,
        currency=request.currency,
        method=request.method,
        gateway=settings().gateway,
        requested_at=request.time,
        pay_until=request.pay_until or request.time + DEFAULT_VALIDITY,
    )


def _top_up(request: TopUpRequested) -> Payment:
    return Payment(
        payment_id=request.top_up_id,
        account_id=request.account_id,
        amount=request.amount,
        currency=request.currency,
        method="top_up",
        gateway=settings().gateway,
        requested_at=request.time,
        pay_until=request.time + DEFAULT_VALIDITY,
    )


def _first_order(payment: Payment) -> GatewayOrder:
    gateway = gateway_of(payment.gateway)
    return GatewayOrder(gateway.order_id(payment.payment_id, 1, payment.requested_at), 1, payment)


async def tick_minute(ticks: Sequence[TickMinute], db: Connection) -> list[Said]:
    """Have gateways asked for payments of which they told nothing (reading E5)."""
    now = max(tick.time for tick in ticks)
    due = await store.lock_due_orders(db, now, _AT_ONCE)
    await store.save_queries(db, [(order, next_query(order.payment, now)) for order in due])
    await store.drop_late_creations(db, now)
    return []


HANDLERS: Handlers = {
    PaymentRequested: payment_requested,
    TopUpRequested: top_up_requested,
    TickMinute: tick_minute,
}
