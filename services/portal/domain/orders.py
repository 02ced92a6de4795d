"""What messages tell of orders and their items: each fact stands by itself, in any order."""

from collections.abc import Iterator
from typing import Any

from services.portal.domain.facts import Fact
from shared.messages import Message
from shared.messages.billing import (
    OrderConfirmed,
    OrderRejected,
    PaymentConfirmed,
    PaymentFailed,
    PaymentRequested,
    RefundToCredit,
)
from shared.messages.items import PricedItem
from shared.messages.provisioning import ProvisioningFailed, ResourceEvent
from shared.messages.upstream import OrderPlaced


def of_order(message: Message) -> Iterator[Fact]:
    """How far an order is."""
    told: dict[str, Any]
    match message:
        case OrderPlaced():
            told = {
                "action": message.action,
                "payment_method": message.payment_method,
                "coupon": message.coupon,
                "placed_at": message.time,
            }
        case OrderRejected():
            told = {
                "rejected_at": message.time,
                "reason": message.reason,
                "message": message.message,
            }
        case OrderConfirmed():
            told = {"action": message.action, "confirmed_at": message.time}
        case PaymentRequested(order_id=str()):
            told = {
                "payment_method": message.method,
                "payment_asked_at": message.time,
                "amount": message.amount,
                "currency": message.currency,
            }
        case PaymentConfirmed(order_id=str()):
            told = {
                "payment_method": message.method,
                "paid_at": message.time,
                "amount": message.amount,
                "currency": message.currency,
            }
        case PaymentFailed(order_id=str()):
            told = {"cancelled_at": message.time, "reason": message.reason}
        case _:
            return
    assert message.order_id is not None
    key = {"account_id": message.account_id, "order_id": message.order_id}
    yield (message.account_id, message.order_id), key | told


def of_item(message: Message) -> Iterator[Fact]:
    """What became of an order's items."""
    match message:
        case OrderPlaced():
            for item in message.items:
                yield _item(
                    message.account_id,
                    message.order_id,
                    item.item_id,
                    resource_id=item.item_id if message.action == "create" else item.resource_id,
                    product=item.product,
                    name=item.name,
                )
        case OrderConfirmed() | PaymentConfirmed(order_id=str()):
            for priced in message.items:
                yield _priced(message.account_id, message.order_id or "", priced)
        case ResourceEvent(order_id=str(), item_id=str()):
            yield _item(
                message.account_id,
                message.order_id or "",
                message.item_id or "",
                resource_id=message.resource_id,
                done_at=message.at,
            )
        case ProvisioningFailed():
            yield _item(
                message.account_id,
                message.order_id,
                message.item_id,
                resource_id=message.resource_id,
                failed_at=message.time,
                reason=message.reason,
            )
        case RefundToCredit():
            yield _item(
                message.account_id,
                message.order_id,
                message.item_id,
                given_back=message.amount,
            )
        case _:
            return


def _priced(account_id: str, order_id: str, item: PricedItem) -> Fact:
    return _item(
        account_id,
        order_id,
        item.item_id,
        resource_id=item.resource_id,
        product=item.product,
        name=item.name,
        priced=item.model_dump(mode="json", exclude_none=True),
    )


def _item(account_id: str, order_id: str, item_id: str, **told: Any) -> Fact:
    key = {"account_id": account_id, "order_id": order_id, "item_id": item_id}
    return (account_id, order_id, item_id), key | told
