"""Credit that is held for orders."""

from collections.abc import Collection, Iterable, Sequence

from services.billing.domain.holds import OrderHold
from shared.database import Connection, Row
from shared.sql import Statements

sql = Statements("services.billing.store", "holds.sql")


async def append_holds(db: Connection, holds: Sequence[OrderHold]) -> None:
    """Note what the wallet is asked to hold."""
    if holds:
        await db.execute(
            sql.append_holds,
            [one.account_id for one in holds],
            [one.resource_id for one in holds],
            [one.order_id for one in holds],
            [one.item_id for one in holds],
            [one.amount for one in holds],
            [one.change_id for one in holds],
            [one.asked_at for one in holds],
        )


async def find_orders_of(db: Connection, change_ids: Iterable[str]) -> dict[str, str]:
    """Which orders these changes of holds are for, by change, as far as they are ours."""
    rows = await db.fetch(sql.find_orders_of, list(change_ids))
    return {row["change_id"]: row["order_id"] for row in rows}


async def lock_orders(db: Connection, order_ids: Collection[str]) -> dict[str, str]:
    """Hold orders while their holds are answered; their states, by order."""
    rows = await db.fetch(sql.lock_states, sorted(order_ids))
    return {row["order_id"]: row["state"] for row in rows}


async def find_holds(db: Connection, order_ids: Iterable[str]) -> list[OrderHold]:
    """All that is to be held for locked orders."""
    return _holds(await db.fetch(sql.find_holds, list(order_ids)))


async def find_held(db: Connection, items: Iterable[tuple[str, str]]) -> list[OrderHold]:
    """What is held for these items of locked orders, given as (order id, item id)."""
    keys = list(items)
    rows = await db.fetch(
        sql.find_held, [order_id for order_id, _ in keys], [item_id for _, item_id in keys]
    )
    return _holds(rows)


async def save_holds(db: Connection, holds: Sequence[OrderHold]) -> None:
    """Keep the wallet's answers, and what was released again."""
    if holds:
        await db.execute(
            sql.save_holds,
            [one.account_id for one in holds],
            [one.resource_id for one in holds],
            [one.outcome for one in holds],
            [one.answered_at for one in holds],
            [one.released_at for one in holds],
        )


def _holds(rows: Iterable[Row]) -> list[OrderHold]:
    return [OrderHold(**row) for row in rows]
