"""What may be ordered, and what it costs (domain 2, 3, 5, 6, 10)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from services.billing.domain import coupons, poc
from services.billing.domain.catalogue import Catalogue
from services.billing.domain.coupons import Coupon
from services.billing.domain.pricing import totals
from services.billing.domain.purchases import HOLD_DAYS, PRICES, STATES_FOR, Account, Purchase
from services.billing.domain.refunds import MoneyLeft
from services.billing.domain.rejection import Rejection
from services.billing.domain.resources import Resource
from shared.messages.items import PricedItem
from shared.messages.model import Action, PaymentMethod, UserType
from shared.messages.upstream import OrderItem, OrderPlaced
from shared.money import MAX_AMOUNT

_LINES_AT_MOST: Final = 2_000
"""Lines of one order: what is said of it must fit into a message."""
_ALLOWED_OVERDUE: Final[frozenset[Action]] = frozenset({"delete", "stop", "stop_poc"})
"""What an account may still order while an invoice is overdue (domain 3.4)."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """An order that keeps the rules, with its price. `to_pay` is 0 where nothing is to be paid."""

    user_type: UserType
    currency: str
    items: tuple[PricedItem, ...]
    to_pay: int
    payment_method: PaymentMethod | None

    @property
    def to_hold(self) -> tuple[PricedItem, ...]:
        """The items for which credit is to be held before they are provisioned (domain 8)."""
        return tuple(item for item in self.items if item.held)


@dataclass(slots=True)
class Desk:
    """What is known while orders are accepted one after the other: each sees what those before it
    took, the resources they keep busy and the coupons they used."""

    accounts: Mapping[str, Account]
    """By order id: an account's user type is that of the order's time."""
    catalogue: Catalogue
    resources: Mapping[str, Resource]
    coupons: dict[str, Coupon]
    money_left: MoneyLeft = field(default_factory=dict)
    """Of the resources that are to be resized; where only a quote is asked for, of all."""
    hold_days: int = HOLD_DAYS
    """Days of estimated cost that are held for what is used first."""
    taken: set[str] = field(default_factory=set)
    """Resources that an order of this group creates or keeps busy."""

    def accept(self, order: OrderPlaced) -> Accepted | Rejection:
        """Decide on one order, and remember what it took."""
        decided = _decide(order, self)
        if isinstance(decided, Accepted):
            self.taken.update(item.resource_id for item in decided.items)
            if order.coupon is not None:
                self._use(self.coupons[order.coupon])
        return decided

    def _use(self, coupon: Coupon) -> None:
        if coupon.uses_left is not None:
            self.coupons[coupon.code] = replace(coupon, uses_left=coupon.uses_left - 1)


def _decide(order: OrderPlaced, desk: Desk) -> Accepted | Rejection:
    account = desk.accounts.get(order.order_id)
    if account is None:
        return Rejection(
            "unknown_account", f"there is no account {order.account_id}", may_come=True
        )
    from_poc = poc.pays(order, desk.resources)
    if from_poc and (refusal := poc.refused(order, account)) is not None:
        return refusal
    if (
        account.overdue_since is not None
        and account.overdue_since <= order.time
        and order.action not in _ALLOWED_OVERDUE
    ):
        return Rejection("account_overdue", f"an invoice was due on {account.overdue_since}")
    items = _priced(order, account, desk, from_poc=from_poc)
    if isinstance(items, Rejection):
        return items
    if (refusal := _refused_hold(order, items)) is not None:
        return refusal
    if order.coupon is not None:
        items = _discounted(order, items, desk.coupons.get(order.coupon))
        if isinstance(items, Rejection):
            return items
    to_pay = sum(max(0, item.amount) for item in items)
    if to_pay > MAX_AMOUNT:
        return Rejection("amount_too_large", f"the order would cost {to_pay}")
    return Accepted(
        user_type=account.user_type,
        currency=account.currency,
        items=tuple(items),
        to_pay=to_pay,
        payment_method=_method(order, from_poc=from_poc) if to_pay else None,
    )


def _refused_hold(order: OrderPlaced, items: list[PricedItem]) -> Rejection | None:
    """Why items can't be held for as they were ordered, or None.

    An order is either paid now or held for: a payment that fails leaves nothing to be held, and a
    hold that is declined nothing to be paid. A hold is of credit.
    """
    held_for = {item.held is not None for item in items}
    if held_for == {False}:
        return None
    if len(held_for) > 1:
        return Rejection("mixed_billing", "what is paid by use is ordered apart from the rest")
    if order.payment_method not in (None, "credit"):
        return Rejection("not_for_use_priced", "what is paid by use is paid from credit")
    return None


def _method(order: OrderPlaced, *, from_poc: bool) -> PaymentMethod:
    return "poc" if from_poc else order.payment_method or "credit"


def _priced(
    order: OrderPlaced, account: Account, desk: Desk, *, from_poc: bool
) -> list[PricedItem] | Rejection:
    """The order's items with their prices, before coupons."""
    items: list[PricedItem] = []
    seen: set[str] = set()
    lines = 0
    for item in order.items:
        purchase = _purchase(item, order, account, desk, from_poc=from_poc)
        if isinstance(purchase, Rejection):
            return purchase
        priced = PRICES[order.action](purchase)
        if isinstance(priced, Rejection):
            return priced
        if priced.resource_id in seen:
            return Rejection("resource_twice", f"two items are about {priced.resource_id}")
        lines += max(len(priced.lines), len(priced.components))
        if lines > _LINES_AT_MOST:
            return Rejection("order_too_large", f"an order has at most {_LINES_AT_MOST} lines")
        seen.add(priced.resource_id)
        items.append(priced)
    return items


def _purchase(
    item: OrderItem, order: OrderPlaced, account: Account, desk: Desk, *, from_poc: bool
) -> Purchase | Rejection:
    """What an item is about, checked against the product's policy and the resource's state."""
    resource = None
    if order.action == "create":
        if item.item_id in desk.resources or item.item_id in desk.taken:
            return Rejection("resource_exists", f"there is a resource {item.item_id} already")
        name = item.product or ""
    else:
        found = _resource(item.resource_id or "", order, account, desk)
        if isinstance(found, Rejection):
            return found
        resource, name = found, found.product
    product = desk.catalogue.find_product(name, order.time)
    if product is None:
        return Rejection("unknown_product", f"{name} is not on sale", may_come=True)
    if order.action not in product.actions and order.action != "stop_poc":
        return Rejection("action_not_allowed", f"{name} does not allow to {order.action}")
    if order.action in ("renew", "recover") and "postpaid" in (
        account.user_type,
        resource.user_type if resource else "prepaid",
    ):
        return Rejection("not_for_postpaid", f"a postpaid user can't {order.action}")
    refusal = poc.item_refused(item, order.action, resource, product, from_poc=from_poc)
    return refusal or Purchase(
        item,
        order,
        account,
        product,
        resource,
        desk.catalogue,
        desk.hold_days,
        from_poc=from_poc,
        money_left=desk.money_left.get(
            (item.resource_id or "", "poc" if from_poc else "credit"), 0
        ),
    )


def _resource(
    resource_id: str, order: OrderPlaced, account: Account, desk: Desk
) -> Resource | Rejection:
    resource = desk.resources.get(resource_id)
    if resource is None or resource.account_id != account.account_id:
        return Rejection(
            "unknown_resource", f"the account has no resource {resource_id}", may_come=True
        )
    if resource.busy_with is not None or resource_id in desk.taken:
        return Rejection("resource_busy", f"an order for {resource_id} is under way")
    if resource.state not in STATES_FOR[order.action] and not (
        order.action == "delete" and resource.lacks_hold
    ):
        return Rejection(
            "wrong_state", f"{resource_id} is {resource.state}: it can't be used to {order.action}"
        )
    return resource


def _discounted(
    order: OrderPlaced, items: list[PricedItem], coupon: Coupon | None
) -> list[PricedItem] | Rejection:
    """The items with their shares of the order's coupon taken off."""
    products = [item.product for item in items]
    amounts = [item.amount for item in items]
    refusal = coupons.refused(coupon, order.account_id, products, amounts, order.time)
    if refusal is not None or coupon is None:
        return refusal or coupons.UNKNOWN
    discounted: list[PricedItem] = []
    for item, share in zip(items, coupons.shares(coupon, products, amounts), strict=True):
        sums = totals(item.lines).less(share)
        discounted.append(
            item.model_copy(
                update={
                    "discount": share,
                    "net": sums.net,
                    "vat": sums.vat,
                    "amount": sums.gross,
                }
            )
        )
    return discounted
