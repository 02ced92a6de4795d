"""The gateways' SQL: payments, the orders that gateways know them by, errands, and answers."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.gateways.domain import Answer, GatewayOrder, Payment, Succeeded
from shared.database import Connection, Row
from shared.envelope import Envelope
from shared.sql import Statements

sql = Statements("services.gateways")


@dataclass(frozen=True, slots=True)
class Errand:
    """Something to be asked of a gateway, that so many times was asked in vain."""

    kind: Literal["create", "query"]
    order: GatewayOrder
    failures: int


@dataclass(frozen=True, slots=True)
class HeldOrder:
    """An order that is held, with the envelope of what asked for its payment."""

    order: GatewayOrder
    cause: Envelope
    is_latest: bool
    """Whether the payment has not been asked for anew since."""


async def append_payments(db: Connection, payments: Sequence[tuple[Payment, Envelope]]) -> set[str]:
    """Note payments, each with the envelope of what asked for it; returns the ids of new ones."""
    ordered = sorted(payments, key=lambda asked: asked[0].payment_id)
    rows = await db.fetch(
        sql.append_payments,
        [payment.payment_id for payment, _ in ordered],
        [payment.account_id for payment, _ in ordered],
        [payment.amount for payment, _ in ordered],
        [payment.currency for payment, _ in ordered],
        [payment.method for payment, _ in ordered],
        [payment.gateway for payment, _ in ordered],
        [payment.requested_at for payment, _ in ordered],
        [payment.pay_until for payment, _ in ordered],
        [cause.source for _, cause in ordered],
        [cause.id for _, cause in ordered],
        [cause.correlation_id for _, cause in ordered],
        [cause.traceparent for _, cause in ordered],
    )
    return {row["payment_id"] for row in rows}


async def find_payments(db: Connection, payment_ids: Collection[str]) -> dict[str, tuple[str, int]]:
    """The account and amount of those of these payments that were asked for."""
    rows = await db.fetch(sql.find_payments, list(payment_ids))
    return {row["payment_id"]: (row["account_id"], row["amount"]) for row in rows}


async def append_orders(
    db: Connection, orders: Sequence[GatewayOrder], *, pause_s: float = 0
) -> None:
    """Have gateways asked for these orders, after a pause."""
    await db.execute(
        sql.append_orders,
        [order.payment.gateway for order in orders],
        [order.order_id for order in orders],
        [order.payment.payment_id for order in orders],
        [order.attempt for order in orders],
        pause_s,
    )


async def claim_errands(db: Connection, *, lease_s: float, at_most: int) -> list[Errand]:
    """Lease errands that are due."""
    rows = await db.fetch(sql.claim_errands, lease_s, at_most)
    return [Errand(row["kind"], _order(row), row["failures"]) for row in rows]


async def postpone_errand(db: Connection, errand: Errand, pause_s: float) -> None:
    """Ask again after a pause."""
    await db.execute(
        sql.postpone_errand,
        errand.order.payment.gateway,
        errand.order.order_id,
        errand.kind,
        pause_s,
    )


async def end_errand(db: Connection, errand: Errand) -> bool:
    """An errand is done; False if somebody else had done it. Its order is held."""
    order = errand.order
    ended = await db.fetchval(sql.end_errand, order.payment.gateway, order.order_id, errand.kind)
    return ended is not None


async def lock_order(db: Connection, gateway: str, order_id: str) -> HeldOrder | None:
    """Hold an order of a gateway, if there is such a one."""
    row = await db.fetchrow(sql.lock_order, gateway, order_id)
    if row is None:
        return None
    cause = Envelope(
        id=row["cause_id"],
        source=row["cause_source"],
        type=_order(row).payment.asked_by,
        time=row["requested_at"],
        subject=row["account_id"],
        correlation_id=row["correlation_id"],
        traceparent=row["traceparent"],
    )
    return HeldOrder(_order(row), cause, row["attempt"] == row["latest"])


async def save_page(
    db: Connection, order: GatewayOrder, url: str, next_query_at: datetime | None
) -> None:
    """Keep where an order can be paid, and when to ask what became of it. It is held."""
    await db.execute(sql.save_page, order.payment.gateway, order.order_id, url, next_query_at)


async def lock_due_orders(db: Connection, at: datetime, at_most: int) -> list[GatewayOrder]:
    """Hold orders of which nothing was told by the time when they are to be asked for."""
    return [_order(row) for row in await db.fetch(sql.lock_due_orders, at, at_most)]


async def save_queries(
    db: Connection, queries: Sequence[tuple[GatewayOrder, datetime | None]]
) -> None:
    """Have orders, which are held, asked for now, and keep when to ask again."""
    if queries:
        await db.execute(
            sql.save_queries,
            [order.payment.gateway for order, _ in queries],
            [order.order_id for order, _ in queries],
            [next_query_at for _, next_query_at in queries],
        )


async def drop_late_creations(db: Connection, at: datetime) -> None:
    """Ask no more for pages of payments whose time is over."""
    await db.execute(sql.drop_late_creations, at)


async def append_answer(db: Connection, gateway: str, answer: Answer) -> bool:
    """Note what a gateway told; False if it told something under that reference before."""
    succeeded = isinstance(answer, Succeeded)
    new = await db.fetchval(
        sql.append_answer,
        gateway,
        answer.reference,
        "succeeded" if succeeded else "failed",
        answer.order_id,
        answer.amount if isinstance(answer, Succeeded) else None,
        None if isinstance(answer, Succeeded) else answer.reason,
        answer.at,
    )
    return new is not None


async def get_answer(db: Connection, gateway: str, answer: Answer) -> tuple[str, int | None]:
    """The order and the amount that a gateway told before under the reference of this answer."""
    outcome = "succeeded" if isinstance(answer, Succeeded) else "failed"
    row = await db.fetchrow(sql.get_answer, gateway, answer.reference, outcome)
    if row is None:
        raise LookupError(f"{gateway} told nothing under {answer.reference}")
    return row["order_id"], row["amount"]


async def end_queries(db: Connection, order: GatewayOrder) -> None:
    """Ask no more what became of an order, which is held."""
    await db.execute(sql.end_queries, order.payment.gateway, order.order_id)


def _order(row: Row) -> GatewayOrder:
    payment = Payment(
        payment_id=row["payment_id"],
        account_id=row["account_id"],
        amount=row["amount"],
        currency=row["currency"],
        method=row["method"],
        gateway=row["gateway"],
        requested_at=row["requested_at"],
        pay_until=row["pay_until"],
    )
    return GatewayOrder(row["order_id"], row["attempt"], payment)
