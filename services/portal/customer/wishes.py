"""What a form wants ordered: the same fields make a question for its price, and the order."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from pydantic import ValidationError

from services.portal.acts import Act
from services.portal.web.visits import Visit
from shared.messages.items import Component
from shared.messages.upstream import OrderItem, OrderPlaced, QuoteRequested

TERMS: Final = (30, 60, 90, 180, 360)
"""Days that a form offers: a month of a term is 30 (domain 6)."""
MONTHS: Final = (1, 3, 6, 12, 24, 36)
METHODS: Final = ("credit", "gateway", "top_up_and_pay", "on_behalf")
ACTIONS: Final = (
    "create",
    "resize",
    "renew",
    "recover",
    "delete",
    "stop",
    "start",
    "reboot",
    "stop_poc",
)
_QUANTITY: Final = "quantity."


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be ordered, as far as the form is filled in."""

    account_id: str
    action: str
    items: tuple[OrderItem, ...]
    payment_method: str | None
    coupon: str | None

    def question(self, quote_id: str) -> QuoteRequested:
        """What it would cost."""
        return QuoteRequested.model_validate({"quote_id": quote_id, **self._fields()})

    def order(self, order_id: str) -> OrderPlaced:
        """The order."""
        return OrderPlaced.model_validate({"order_id": order_id, **self._fields()})

    def act(self, visit: Visit) -> Act:
        """Placing the order, once for each form."""
        key = visit.text("key")
        order_id = id_of("ord", visit.login.subject, key)
        return Act(
            kind=f"order_{self.action}",
            message=self.order(order_id),
            key=key,
            account_id=self.account_id,
            correlation_id=order_id,
        )

    def _fields(self) -> dict[str, Any]:
        return {
            "account_id": self.account_id,
            "action": self.action,
            "items": self.items,
            "payment_method": self.payment_method,
            "coupon": self.coupon,
        }


def methods(action: str, *, on_trial: bool, has_trial: bool) -> tuple[str, ...]:
    """How an order can be paid: a proof of concept from its wallet alone, which pays for nothing
    else but a new one (domain 9)."""
    if on_trial:
        return ("poc",)
    return (*METHODS, "poc") if has_trial and action == "create" else METHODS


def id_of(kind: str, *parts: str) -> str:
    """An id that a form has: sent twice, it is the same."""
    return f"{kind}-{uuid.uuid5(uuid.NAMESPACE_OID, ' '.join(parts)).hex[:16]}"


def wish_of(visit: Visit, action: str) -> Wish | None:
    """What a form wants; None where it says nothing that could be ordered."""
    try:
        items = tuple(_items(visit, action))
    except (ValidationError, ValueError, InvalidOperation):
        return None
    method = visit.text("payment_method") or None
    takes_money = action in ("create", "resize", "renew", "recover")
    if not items or action not in ACTIONS or (method and method not in (*METHODS, "poc")):
        return None
    prepaid = visit.mine.user_type == "prepaid"
    return Wish(
        account_id=visit.mine.account_id,
        action=action,
        items=items,
        payment_method=method if prepaid and takes_money else None,
        coupon=(visit.text("coupon")[:64] or None) if takes_money else None,
    )


def _items(visit: Visit, action: str) -> list[OrderItem]:
    if action == "create":
        return [_created(visit)]
    more: dict[str, Any] = {}
    if action == "resize":
        more["components"] = _components(visit)
    if action in ("renew", "recover"):
        more |= _term(visit)
    return [
        OrderItem(item_id=f"item-{number}", resource_id=resource_id, **more)
        for number, resource_id in enumerate(visit.texts("resource"), 1)
    ]


def _created(visit: Visit) -> OrderItem:
    months = visit.text("auto_renew_months")
    prepaid = visit.mine.user_type == "prepaid"
    return OrderItem.model_validate(
        {
            "item_id": id_of("res", visit.login.subject, visit.text("key")),
            "product": visit.text("product"),
            "name": visit.text("name") or visit.text("product"),
            "components": _components(visit),
            "auto_renew_months": int(months) if months and prepaid else None,
            **(_term(visit) if prepaid else {}),
        }
    )


def _components(visit: Visit) -> tuple[Component, ...]:
    """The quantities that are filled in and not 0."""
    return tuple(
        Component(sku=name.removeprefix(_QUANTITY), quantity=quantity)
        for name in visit.form
        if name.startswith(_QUANTITY)
        and (quantity := Decimal(visit.text(name) or "0").normalize() + 0) > 0
    )


def _term(visit: Visit) -> dict[str, Any]:
    """Days, or, for several to one end, a date: the end of that day by the account's clocks."""
    if until := visit.text("ends_on"):
        day = datetime.fromisoformat(until).replace(tzinfo=visit.language.zone)
        return {"ends_at": day + timedelta(days=1)}
    return {"days": int(days)} if (days := visit.text("days")) else {}
