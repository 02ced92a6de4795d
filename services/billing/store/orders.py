"""Orders, their items, how each ended, and what was given back."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.billing.domain.orders import Accepted
from services.billing.domain.refunds import ItemOutcome, Refund
from services.billing.domain.rejection import Rejection
from services.billing.store.races import do_first
from shared.database import Connection, Row
from shared.messages.upstream import OrderPlaced
from shared.sql import Statements

sql = Statements("services.billing.store", "orders.sql")


@dataclass(frozen=True, slots=True)
class Decided:
    """An order, and what was decided on it."""

    order: OrderPlaced
    fingerprint: bytes
    decision: Accepted | Rejection

    @property
    def accepted(self) -> Accepted | None:
        return self.decision if isinstance(self.decision, Accepted) else None


@dataclass(frozen=True, slots=True)
class HeldOrder:
    """An order while its items are concluded. `payment_id` is None where nothing was paid."""

    order_id: str
    account_id: str
    payment_id: str | None
    payment_method: str | None


@dataclass(frozen=True, slots=True)
class Item:
    """What an item of an order costs (smallest units), and how it ended; None: not yet."""

    amount: int
    outcome: ItemOutcome | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an item ended: done where `reason` is None."""

    account_id: str
    order_id: str
    item_id: str
    reason: str | None
    at: datetime


async def find_fingerprints(db: Connection, order_ids: Collection[str]) -> dict[str, bytes]:
    """The contents with which orders of these ids came before."""
    rows = await db.fetch(sql.find_fingerprints, list(order_ids))
    return {row["order_id"]: row["fingerprint"] for row in rows}


async def append_orders(db: Connection, decided: Sequence[Decided]) -> None:
    """Keep orders with what was decided on them.

    Raises:
        asyncpg.SerializationError: if another worker kept one of them just now.
    """
    items = [
        (one.order, position, item)
        for one in decided
        if one.accepted
        for position, item in enumerate(one.accepted.items, 1)
    ]
    await do_first(
        db,
        sql.append_orders,
        [one.order.order_id for one in decided],
        [one.order.account_id for one in decided],
        [one.order.action for one in decided],
        [one.accepted and one.accepted.user_type for one in decided],
        [one.accepted and one.accepted.payment_method for one in decided],
        [one.order.coupon for one in decided],
        [one.fingerprint for one in decided],
        [_state(one.decision) for one in decided],
        [one.decision.reason if isinstance(one.decision, Rejection) else None for one in decided],
        [one.accepted.to_pay if one.accepted else 0 for one in decided],
        [one.accepted and one.accepted.currency for one in decided],
        [one.order.time for one in decided],
        [one.order.envelope.source for one in decided],
        [one.order.envelope.correlation_id or one.order.envelope.id for one in decided],
        [order.account_id for order, _, _ in items],
        [order.order_id for order, _, _ in items],
        [item.item_id for _, _, item in items],
        [position for _, position, _ in items],
        [item.resource_id for _, _, item in items],
        [item.amount for _, _, item in items],
        [item.model_dump_json(exclude_none=True) for _, _, item in items],
    )


def _state(decision: Accepted | Rejection) -> str:
    if isinstance(decision, Rejection):
        return "rejected"
    if decision.to_pay:
        return "awaiting_payment"
    return "awaiting_hold" if decision.to_hold else "provisioning"


async def find_ordered_resources(
    db: Connection, order_ids: Collection[str]
) -> list[tuple[str, str]]:
    """What orders are about, as (resource id, order id)."""
    rows = await db.fetch(sql.find_ordered_resources, list(order_ids))
    return [(row["resource_id"], row["order_id"]) for row in rows]


async def begin_provisioning(
    db: Connection, order_ids: Collection[str]
) -> dict[str, tuple[str, str]]:
    """Have provisioned what was paid, or what credit is held for.

    Returns:
        The account of each order, and its priced items as a JSON array.
    """
    if not order_ids:
        return {}
    rows = await db.fetch(sql.begin_provisioning, list(order_ids))
    return {row["order_id"]: (row["account_id"], row["items"]) for row in rows}


async def cancel_orders(db: Connection, cancelled: Mapping[str, tuple[str, datetime]]) -> None:
    """Orders that were not paid, each with its reason and its business time."""
    await db.execute(
        sql.cancel_orders,
        list(cancelled),
        [reason for reason, _ in cancelled.values()],
        [at for _, at in cancelled.values()],
    )


async def lock_orders(db: Connection, order_ids: Collection[str]) -> dict[str, HeldOrder]:
    """Hold those of these orders that exist."""
    return {
        row["order_id"]: HeldOrder(
            order_id=row["order_id"],
            account_id=row["account_id"],
            payment_id=row["payment_id"],
            payment_method=row["payment_method"],
        )
        for row in await db.fetch(sql.lock_orders, sorted(set(order_ids)))
    }


async def find_items(
    db: Connection, items: Collection[tuple[str, str]]
) -> dict[tuple[str, str], Item]:
    """Those of these items, given as (order id, item id), that exist."""
    rows = await db.fetch(
        sql.find_items,
        [order_id for order_id, _ in items],
        [item_id for _, item_id in items],
    )
    return {(row["order_id"], row["item_id"]): Item(row["amount"], row["outcome"]) for row in rows}


async def append_outcomes(db: Connection, outcomes: Sequence[Outcome]) -> dict[str, str]:
    """Note how items ended.

    Returns:
        The orders that came to nothing, each with its account: all of their items failed.
    """
    if not outcomes:
        return {}
    await db.execute(
        sql.append_outcomes,
        [one.account_id for one in outcomes],
        [one.order_id for one in outcomes],
        [one.item_id for one in outcomes],
        ["done" if one.reason is None else "failed" for one in outcomes],
        [one.reason for one in outcomes],
        [one.at for one in outcomes],
    )
    accounts = {one.order_id: one.account_id for one in outcomes}
    rows = await db.fetch(sql.conclude_orders, list(accounts.values()), list(accounts))
    return {row["order_id"]: accounts[row["order_id"]] for row in rows}


async def append_refunds(db: Connection, refunds: Sequence[Refund]) -> None:
    """Note what is given back."""
    if not refunds:
        return
    await db.execute(
        sql.append_refunds,
        [one.refund_id for one in refunds],
        [one.account_id for one in refunds],
        [one.order_id for one in refunds],
        [one.item_id for one in refunds],
        [one.item_amount for one in refunds],
        [one.outcome for one in refunds],
        [one.payment_id for one in refunds],
        [one.wallet for one in refunds],
        [one.amount for one in refunds],
        [one.reason for one in refunds],
        [one.at for one in refunds],
    )


async def show_order(db: Connection, order_id: str) -> Row | None:
    """An order, for people."""
    return await db.fetchrow(sql.show_order, order_id)


async def show_items(db: Connection, order_id: str) -> list[Row]:
    """An order's items, for people."""
    return await db.fetch(sql.show_items, order_id)


async def show_orders(
    db: Connection, account_id: str, *, before: tuple[datetime, str] | None = None, limit: int = 20
) -> list[Row]:
    """An account's orders, newest first."""
    at, order_id = before or (None, None)
    return await db.fetch(sql.show_orders, account_id, at, order_id, limit)
