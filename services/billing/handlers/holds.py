"""Credit that is held for orders of use-priced resources before they are provisioned (domain 8)."""

from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import TypeAdapter

from services.billing.domain import holds as domain
from services.billing.domain.holds import Answered, OrderHold, Outcome
from services.billing.domain.orders import Accepted
from services.billing.store import holds as store
from services.billing.store import orders, resources
from shared.database import Connection
from shared.messages import Message, Said
from shared.messages.billing import OrderConfirmed, OrderRejected
from shared.messages.items import PricedItem
from shared.messages.notifications import NotificationRequested
from shared.messages.provisioning import ProvisioningFailed
from shared.messages.upstream import OrderPlaced
from shared.messages.wallet import WalletDeclined, WalletHeld, WalletHold, WalletRelease

_ITEMS: Final = TypeAdapter(tuple[PricedItem, ...])


async def ask(accepted: Sequence[tuple[OrderPlaced, Accepted]], db: Connection) -> list[Said]:
    """Ask the wallet to hold what each resource of these orders is estimated to cost."""
    asked = [
        (
            OrderHold(
                account_id=order.account_id,
                resource_id=item.resource_id,
                order_id=order.order_id,
                item_id=item.item_id,
                amount=item.held or 0,
                asked_at=order.time,
            ),
            order,
        )
        for order, one in accepted
        for item in one.to_hold
    ]
    await store.append_holds(db, [hold for hold, _ in asked])
    return [
        WalletHold(
            hold_id=hold.resource_id,
            change_id=hold.change_id,
            account_id=hold.account_id,
            amount=hold.amount,
            reason="order",
        ).because(order, key=hold.resource_id)
        for hold, order in asked
    ]


async def answered(answers: Sequence[WalletHeld | WalletDeclined], db: Connection) -> list[Said]:
    """Go on with orders all of whose holds are held; one that was declined ends its order, and
    frees what was held for the rest of it. Other holds are not ours."""
    causes: dict[str, WalletHeld | WalletDeclined] = {
        one.change_id: one
        for one in sorted(answers, key=lambda one: one.time)
        if one.change_id is not None
    }
    order_ids = await store.find_orders_of(db, causes)
    if not order_ids:
        return []
    states = await store.lock_orders(db, set(order_ids.values()))
    of_orders = {order_ids[change_id]: causes[change_id] for change_id in causes & order_ids.keys()}
    told = domain.answer(
        await store.find_holds(db, states),
        states,
        {change_id: (_outcome(one), one.time) for change_id, one in causes.items()},
    )
    await store.save_holds(db, told.holds)
    said = await _confirm(told, of_orders, db)
    said += await _reject(told, causes, db)
    return said + [_release(hold, of_orders[hold.order_id]) for hold in told.released]


def _outcome(answer: WalletHeld | WalletDeclined) -> Outcome:
    return "held" if isinstance(answer, WalletHeld) else "declined"


async def _confirm(told: Answered, causes: Mapping[str, Message], db: Connection) -> list[Said]:
    """Have provisioned what credit is held for."""
    if not told.confirmed:
        return []
    begun = await orders.begin_provisioning(db, told.confirmed)
    said: list[Said] = []
    for order_id in told.confirmed:
        account_id, items = begun[order_id]
        said.append(
            OrderConfirmed(
                order_id=order_id,
                account_id=account_id,
                action="create",
                items=_ITEMS.validate_json(items),
            ).because(causes[order_id], key=order_id)
        )
    return said


async def _reject(
    told: Answered, causes: Mapping[str, WalletHeld | WalletDeclined], db: Connection
) -> list[Said]:
    """Cancel orders for which there was not enough credit, and say how much was missing."""
    if not told.declined:
        return []
    cancelled = {
        order_id: ("insufficient_credit", hold.answered_at or hold.asked_at)
        for order_id, hold in told.declined.items()
    }
    await orders.cancel_orders(db, cancelled)
    await resources.end_busy(db, await orders.find_ordered_resources(db, list(cancelled)))
    said: list[Said] = []
    for order_id, hold in told.declined.items():
        decline = causes[hold.change_id]
        said.append(
            OrderRejected(
                order_id=order_id,
                account_id=hold.account_id,
                reason="insufficient_credit",
                message=f"{hold.amount} could not be held for {hold.resource_id}",
            ).because(decline, key=order_id)
        )
        said.append(
            NotificationRequested(
                account_id=hold.account_id,
                template="hold_short",
                facts={
                    "order_id": order_id,
                    "resource_id": hold.resource_id,
                    "missing": hold.amount - decline.available,
                    "held": decline.held,
                },
            ).because(decline, key=order_id)
        )
    return said


async def let_go(
    failed: Mapping[tuple[str, str], ProvisioningFailed], db: Connection
) -> list[Said]:
    """Free what was held for items, given by (order id, item id), that could not be provisioned."""
    held = await store.find_held(db, failed)
    released = [domain.release(hold, failed[hold.order_id, hold.item_id].time) for hold in held]
    await store.save_holds(db, released)
    return [_release(hold, failed[hold.order_id, hold.item_id]) for hold in released]


def _release(hold: OrderHold, cause: Message) -> WalletRelease:
    return WalletRelease(
        hold_id=hold.resource_id,
        change_id=hold.release_id,
        account_id=hold.account_id,
        reason="order_failed",
    ).because(cause, key=hold.resource_id, at=hold.released_at)
