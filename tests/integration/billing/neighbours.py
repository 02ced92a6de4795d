"""What billing's neighbours say to it in a test, with short defaults."""

import itertools
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, TypeVar

from shared.messages import Message
from shared.messages.billing import OrderConfirmed, PaymentConfirmed, RefundReserve
from shared.messages.catalogue import CouponPublished, PricePublished, ProductPublished
from shared.messages.items import Component, PricedItem
from shared.messages.provisioning import (
    ProvisioningFailed,
    ResourceDeleted,
    ResourceEvent,
    ResourceProvisioned,
    ResourceRecovered,
    ResourceRenewed,
    ResourceResized,
    ResourceStarted,
    ResourceStopped,
    ResourceSuspended,
)
from shared.messages.upstream import (
    AccountRegistered,
    AccountSwitchRequested,
    OrderPlaced,
    PocGranted,
    TopUpReceived,
)
from shared.messages.wallet import WalletCharge, WalletCredited, WalletDebited, WalletDeclined
from tests.builders import NOON, said

E = TypeVar("E", bound=ResourceEvent)

ACCOUNT: Final = "acc-1"
DAY: Final = timedelta(days=1)
HOUR: Final = timedelta(hours=1)
BEGINNING: Final = NOON - 300 * DAY
_EVENTS: Final[dict[str, type[ResourceEvent]]] = {
    "create": ResourceProvisioned,
    "resize": ResourceResized,
    "renew": ResourceRenewed,
    "recover": ResourceRecovered,
    "delete": ResourceDeleted,
    "stop": ResourceStopped,
    "start": ResourceStarted,
    "reboot": ResourceStarted,
    "stop_poc": ResourceSuspended,
}
_NUMBERS = itertools.count(1)


def registered(account_id: str = ACCOUNT, currency: str = "VND") -> AccountRegistered:
    """A new customer, since long ago."""
    return said(
        AccountRegistered(
            account_id=account_id, email="a@example.com", name="A", currency=currency
        ),
        at=BEGINNING,
    )


def published(at: datetime = BEGINNING, **fields: Any) -> ProductPublished:
    """A product on which everything is allowed, 10 per cent VAT included."""
    return said(
        ProductPublished.model_validate(
            {
                "product": "vserver",
                "name": "vServer",
                "vat_rate": "0.1",
                "refundable": True,
                "expiry_policy": "grace",
                "trash_days": 7,
                "renew_attempt_days": [7, 4, 1, 0],
                "actions": [*_EVENTS],
                "driver": "simulated",
                **fields,
            }
        ),
        at=at,
    )


def priced(
    sku: str,
    unit_price: int | str,
    *,
    product: str = "vserver",
    currency: str = "VND",
    since: datetime = BEGINNING,
) -> PricePublished:
    """The price of a SKU for 30 days."""
    return said(
        PricePublished(
            product=product,
            sku=sku,
            unit_price=Decimal(unit_price),
            currency=currency,
            per="30d",
            effective_from=since,
        ),
        at=since,
    )


def coupon(code: str = "SAVE", value: str = "20000", **fields: Any) -> CouponPublished:
    """A coupon of an amount, for a year."""
    return said(
        CouponPublished.model_validate(
            {
                "code": code,
                "kind": "amount",
                "value": value,
                "products": ["vserver"],
                "valid_until": NOON + 365 * DAY,
                **fields,
            }
        ),
        at=BEGINNING,
    )


def components_of(*skus: str) -> tuple[Component, ...]:
    """One of each SKU."""
    return tuple(Component(sku=sku, quantity=Decimal(1)) for sku in skus)


def item_of(*skus: str, item_id: str = "vm-1", **fields: Any) -> dict[str, Any]:
    """An item that creates a resource for 30 days."""
    if "ends_at" not in fields:
        fields.setdefault("days", 30)
    return {
        "item_id": item_id,
        "product": "vserver",
        "name": "web",
        "components": components_of(*skus),
        **fields,
    }


def created(
    *items: dict[str, Any], order_id: str | None = None, at: datetime = NOON, **fields: Any
) -> OrderPlaced:
    """An order to create resources."""
    return placed("create", *items, order_id=order_id, at=at, **fields)


def acted(
    action: str,
    resource_id: str = "vm-1",
    *,
    order_id: str | None = None,
    at: datetime = NOON,
    coupon: str | None = None,
    method: str | None = None,
    attempt: int = 0,
    **item: Any,
) -> OrderPlaced:
    """An order for one existing resource."""
    asked = {"item_id": "item", "resource_id": resource_id, **item}
    return placed(
        action,
        asked,
        order_id=order_id,
        at=at,
        coupon=coupon,
        payment_method=method,
        attempt=attempt,
    )


def placed(
    action: str,
    *items: dict[str, Any],
    order_id: str | None = None,
    at: datetime = NOON,
    account_id: str = ACCOUNT,
    attempt: int = 0,
    **fields: Any,
) -> OrderPlaced:
    """An order, from a portal that gives each its own id."""
    return said(
        OrderPlaced.model_validate(
            {
                "order_id": order_id or f"order-{next(_NUMBERS)}",
                "account_id": account_id,
                "action": action,
                "items": items,
                **fields,
            }
        ),
        at=at,
        attempt=attempt,
    )


def granted(
    amount: int = 1_000_000,
    *,
    ends_at: datetime = NOON + 60 * DAY,
    at: datetime = NOON - DAY,
    account_id: str = ACCOUNT,
) -> PocGranted:
    """Sales grant a proof of concept."""
    grant = PocGranted(account_id=account_id, amount=amount, ends_at=ends_at, granted_by="Lan")
    return said(grant, at=at)


def switched(user_type: str, *, at: datetime = NOON, account_id: str = ACCOUNT) -> Message:
    """Sales ask for another user type."""
    return said(
        AccountSwitchRequested.model_validate(
            {
                "account_id": account_id,
                "user_type": user_type,
                "requested_by": "sales",
                "reason": f"wants {user_type}",
            }
        ),
        at=at,
    )


def debited(charge: WalletCharge, amount: int | None = None) -> WalletDebited:
    """The wallet granted a charge."""
    return WalletDebited(
        account_id=charge.account_id,
        wallet=charge.wallet,
        amount=amount or charge.amount,
        balance=0,
        held=0,
        available=0,
        reason=charge.reason,
        reference=charge.charge_id,
    ).because(charge)


def declined(charge: WalletCharge, available: int = 0) -> WalletDeclined:
    """The wallet had not enough for a charge."""
    return WalletDeclined(
        account_id=charge.account_id,
        wallet=charge.wallet,
        amount=charge.amount,
        balance=available,
        held=0,
        available=available,
        reason=charge.reason,
        reference=charge.charge_id,
    ).because(charge)


def credited(top_up: TopUpReceived) -> WalletCredited:
    """The wallet turned a top-up into credit."""
    return WalletCredited(
        account_id=top_up.account_id,
        wallet="credit",
        amount=top_up.amount,
        balance=top_up.amount,
        held=0,
        available=top_up.amount,
        reason="top_up",
        reference=top_up.top_up_id,
    ).because(top_up)


def happened(
    confirmed: PaymentConfirmed | OrderConfirmed,
    *,
    item: PricedItem | None = None,
    before: ResourceEvent | None = None,
    at: datetime | None = None,
    **fields: Any,
) -> ResourceEvent:
    """Provisioning did what was ordered.

    Args:
        confirmed: what was paid for, or had nothing to pay.
        item: which item of it; the first by default.
        before: the resource's event before that.
        at: when; at the time of the confirmation by default.
        fields: what is to be otherwise.
    """
    item = item or confirmed.items[0]
    at = at or confirmed.time
    starts_at = at if before is None or item.action == "recover" else before.starts_at
    ends_at = before.ends_at if before else None
    if item.action in ("create", "recover", "renew") and item.user_type == "prepaid":
        begins_at = item.starts_at or at
        ends_at = item.ends_at or begins_at + timedelta(days=item.days or 0)
    state = {"delete": "suspended", "stop": "stopped", "stop_poc": "suspended"}.get(
        item.action, "active"
    )
    if item.action == "stop_poc":
        ends_at = at
        fields = {"because_of": "poc_ended", **fields}
    event = _EVENTS[item.action].model_validate(
        {
            "resource_id": item.resource_id,
            "account_id": confirmed.account_id,
            "user_type": item.user_type,
            "product": item.product,
            "name": item.name,
            "order_id": confirmed.order_id,
            "item_id": item.item_id,
            "components": item.components,
            "at": at,
            "starts_at": starts_at,
            "ends_at": ends_at,
            "state": state,
            "version": before.version + 1 if before else 1,
            "payment_id": getattr(confirmed, "payment_id", None),
            "item": item,
            "poc": item.poc,
            **fields,
        }
    )
    return event.because(confirmed, key=item.item_id, at=at)


def to_reserve(
    event: ResourceEvent, amount: int, credit_note_id: str = "cn-1", **fields: Any
) -> RefundReserve:
    """A credit note of the prepaid invoice of an event is to give so much back."""
    command = {
        "credit_note_id": credit_note_id,
        "invoice_id": f"invoice-{event.order_id}",
        "account_id": event.account_id,
        "order_id": event.order_id,
        "item_id": event.item_id,
        "resource_id": event.resource_id,
        "amount": amount,
        "reason": "never worked",
        "requested_by": "support",
        **fields,
    }
    return said(RefundReserve.model_validate(command), at=event.time)


def passed(event_type: type[E], before: ResourceEvent, *, at: datetime, **fields: Any) -> E:
    """Something that happened to a resource that nobody ordered."""
    return said(
        event_type.model_validate(
            {
                **before.model_dump(exclude={"order_id", "item_id", "payment_id", "item"}),
                "at": at,
                "version": before.version + 1,
                **fields,
            }
        ),
        at=at,
    )


def failed(
    confirmed: PaymentConfirmed | OrderConfirmed, item: PricedItem | None = None
) -> ProvisioningFailed:
    """Provisioning could not do what was ordered."""
    item = item or confirmed.items[0]
    return ProvisioningFailed(
        order_id=confirmed.order_id or "",
        item_id=item.item_id,
        resource_id=item.resource_id,
        account_id=confirmed.account_id,
        action=item.action,
        reason="no host",
    ).because(confirmed, key=item.item_id)
