"""What happens to provisioning in a test: messages as billing, teams and the scheduler say them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from services.provisioning.app import SERVICE
from shared.database import Connection
from shared.messages import Later, Message, NotYet, Refused, Said
from shared.messages.billing import AccountSwitched, OrderConfirmed, PaymentConfirmed
from shared.messages.catalogue import ProductPublished
from shared.messages.items import PricedItem
from shared.messages.product_teams import ProductFailed, ProductRequested, ProductSucceeded
from tests.builders import NOON, component, said

M = TypeVar("M", bound=Message)
DAY = timedelta(days=1)


async def handle(db: Connection, *messages: Message) -> list[Said]:
    """Have the service handle a group of messages, as its worker does."""
    answers: list[Said] = []
    for handler in dict.fromkeys(SERVICE.handlers.values()):
        if mine := [one for one in messages if SERVICE.handlers[type(one)] is handler]:
            answers += await handler(mine, db)
    return answers


def of_type(answers: Sequence[Said], message_type: type[M]) -> list[M]:
    """Those of the answers that are of one type, said now or later."""
    messages = [one.message if isinstance(one, Later) else one for one in answers]
    return [one for one in messages if isinstance(one, message_type)]


def waits(answers: Sequence[Said]) -> list[str]:
    """Why messages are put off."""
    return [one.reason for one in answers if isinstance(one, NotYet)]


def refusals(answers: Sequence[Said]) -> list[str]:
    """Why messages are put away."""
    return [one.reason for one in answers if isinstance(one, Refused)]


def published(
    driver: str = "simulated",
    options: dict[str, Any] | None = None,
    *,
    product: str = "vserver",
    expiry_policy: str = "grace",
    trash_days: int = 0,
    at: datetime = NOON - 300 * DAY,
) -> ProductPublished:
    """A product, on sale since long ago."""
    return said(
        ProductPublished.model_validate(
            {
                "product": product,
                "name": product,
                "vat_rate": "0.1",
                "refundable": True,
                "expiry_policy": expiry_policy,
                "trash_days": trash_days,
                "renew_attempt_days": [3],
                "actions": ["create", "delete"],
                "driver": driver,
                "driver_options": options or {},
            }
        ),
        at=at,
    )


def item(action: str = "create", resource_id: str = "vm-1", **fields: Any) -> PricedItem:
    """An item of an order with its price; a created resource's id is the item's."""
    fields.setdefault("item_id", resource_id if action == "create" else f"{action}-{resource_id}")
    fields.setdefault("user_type", "prepaid")
    if action == "stop_poc":
        fields.setdefault("poc", "ended")
    has_term = action in ("create", "recover", "renew") and fields["user_type"] == "prepaid"
    if has_term and "ends_at" not in fields:
        fields.setdefault("days", 30)
    if action == "create":
        fields.setdefault("components", (component(),))
    return PricedItem.model_validate(
        {
            "resource_id": resource_id,
            "action": action,
            "product": "vserver",
            "name": "web",
            "currency": "VND",
            "amount": 100_000,
            **fields,
        }
    )


def paid(*items: PricedItem, order_id: str = "ord-1", at: datetime = NOON) -> PaymentConfirmed:
    """The payment of an order."""
    return said(
        PaymentConfirmed(
            payment_id=f"pay-{order_id}",
            order_id=order_id,
            account_id="acc-1",
            amount=100_000,
            currency="VND",
            method="credit",
            items=items,
        ),
        at=at,
    )


def confirmed(
    *items: PricedItem, order_id: str = "ord-1", at: datetime = NOON, account_id: str = "acc-1"
) -> OrderConfirmed:
    """An order with nothing to pay."""
    return said(
        OrderConfirmed(
            order_id=order_id, account_id=account_id, action=items[0].action, items=items
        ),
        at=at,
    )


def switched(to: str, at: datetime) -> AccountSwitched:
    """Sales switch the account's user type."""
    return said(
        AccountSwitched.model_validate(
            {
                "account_id": "acc-1",
                "from": "prepaid" if to == "postpaid" else "postpaid",
                "to": to,
                "requested_by": "sales",
                "reason": "contract",
            }
        ),
        at=at,
    )


def succeeded(request: ProductRequested, at: datetime) -> ProductSucceeded:
    """The team did what it was asked."""
    return said(ProductSucceeded(request_id=request.request_id, at=at, details=None), at=at)


def not_done(request: ProductRequested, at: datetime) -> ProductFailed:
    """The team could not do what it was asked."""
    return said(ProductFailed(request_id=request.request_id, reason="full"), at=at)
