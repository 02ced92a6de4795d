"""What may be ordered, and what it costs (domain 2, 3, 5, 6, 10)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from services.billing.domain import coupons, terms
from services.billing.domain.catalogue import Catalogue, ProductVersion
from services.billing.domain.coupons import Coupon
from services.billing.domain.pricing import Buyer, lines_for, totals, unpriced
from services.billing.domain.rejection import Rejection
from services.billing.domain.resources import Resource, ResourceState
from shared.messages.items import Component, InvoiceLine, PricedItem
from shared.messages.model import Action, PaymentMethod, UserType
from shared.messages.upstream import OrderItem, OrderPlaced
from shared.money import MAX_AMOUNT
from shared.periods import MINUTES_PER_DAY, minutes_between

_END_OF_TIME: Final = datetime(2099, 12, 31, tzinfo=UTC)
_STATES_FOR: Final[Mapping[Action, frozenset[ResourceState]]] = {
    "resize": frozenset({"active", "stopped"}),
    "renew": frozenset({"active", "stopped", "suspended"}),
    "recover": frozenset({"suspended"}),
    "delete": frozenset({"active", "stopped"}),
    "stop": frozenset({"active"}),
    "start": frozenset({"stopped"}),
    "reboot": frozenset({"active", "stopped"}),
}
"""From which states an action may start (domain 5)."""


@dataclass(frozen=True, slots=True)
class Account:
    """A customer at one moment of business time."""

    account_id: str
    currency: str
    user_type: UserType


@dataclass(frozen=True, slots=True)
class Accepted:
    """An order that keeps the rules, with its price. `to_pay` is 0 where nothing is to be paid."""

    user_type: UserType
    currency: str
    items: tuple[PricedItem, ...]
    to_pay: int
    payment_method: PaymentMethod | None


@dataclass(slots=True)
class Desk:
    """What is known while orders are accepted one after the other: each sees what those before it
    took, the resources they keep busy and the coupons they used."""

    accounts: Mapping[str, Account]
    """By order id: an account's user type is that of the order's time."""
    catalogue: Catalogue
    resources: dict[str, Resource]
    coupons: dict[str, Coupon]
    taken: set[str] = field(default_factory=set)
    """Resources that an order of this group creates or keeps busy."""

    def accept(self, order: OrderPlaced) -> Accepted | Rejection:
        """Decide on one order, and remember what it took."""
        decided = _decide(order, self)
        if isinstance(decided, Accepted):
            self.taken.update(item.resource_id for item in decided.items)
            if order.coupon is not None:
                self._use(order.coupon)
        return decided

    def _use(self, code: str) -> None:
        coupon = self.coupons[code]
        if coupon.uses_left is not None:
            self.coupons[code] = Coupon(
                coupon.code,
                coupon.kind,
                coupon.value,
                coupon.products,
                coupon.valid_until,
                coupon.account_id,
                coupon.uses_left - 1,
            )


@dataclass(frozen=True, slots=True)
class _Purchase:
    """One item on its way to a price."""

    item: OrderItem
    order: OrderPlaced
    account: Account
    product: ProductVersion
    resource: Resource | None
    catalogue: Catalogue

    @property
    def at(self) -> datetime:
        return self.order.time

    @property
    def buyer(self) -> Buyer:
        return Buyer(self.account.account_id, self.account.currency, self.at)

    def known(self) -> Resource:
        """The resource of an action on an existing one."""
        if self.resource is None:
            raise ValueError("a create has no resource yet")
        return self.resource

    def priced(
        self, user_type: UserType, lines: tuple[InvoiceLine, ...] = (), **more: Any
    ) -> PricedItem:
        """The item with its lines, before coupons."""
        sums = totals(lines)
        resource = self.resource
        return PricedItem(
            item_id=self.item.item_id,
            resource_id=resource.resource_id if resource else self.item.item_id,
            action=self.order.action,
            product=self.product.product,
            name=resource.name if resource else self.item.name or self.item.item_id,
            user_type=user_type,
            currency=self.account.currency,
            lines=lines,
            net=sums.net,
            vat=sums.vat,
            amount=sums.gross,
            discount_rate=self.catalogue.discount_rate(
                self.account.account_id, self.product.product, self.at
            ),
            **{"components": resource.components if resource else (), **more},
        )


def _decide(order: OrderPlaced, desk: Desk) -> Accepted | Rejection:
    account = desk.accounts.get(order.order_id)
    if account is None:
        return Rejection(
            "unknown_account", f"there is no account {order.account_id}", may_come=True
        )
    if order.payment_method == "poc":
        return Rejection("no_poc_wallet", "the account has no POC wallet")
    items: list[PricedItem] = []
    vat_rates: list[Decimal] = []
    for item in order.items:
        purchase = _purchase(item, order, account, desk)
        if isinstance(purchase, Rejection):
            return purchase
        priced = _PRICES[order.action](purchase)
        if isinstance(priced, Rejection):
            return priced
        items.append(priced)
        vat_rates.append(purchase.product.vat_rate)
    if len({item.resource_id for item in items}) < len(items):
        return Rejection("resource_twice", "two items are about the same resource")
    if order.coupon is not None:
        discounted = _discounted(order, items, vat_rates, desk.coupons.get(order.coupon))
        if isinstance(discounted, Rejection):
            return discounted
        items = discounted
    to_pay = sum(max(0, item.amount) for item in items)
    if to_pay > MAX_AMOUNT:
        return Rejection("amount_too_large", f"the order would cost {to_pay}")
    return Accepted(
        user_type=account.user_type,
        currency=account.currency,
        items=tuple(items),
        to_pay=to_pay,
        payment_method=(order.payment_method or "credit") if to_pay else None,
    )


def _purchase(
    item: OrderItem, order: OrderPlaced, account: Account, desk: Desk
) -> _Purchase | Rejection:
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
    if order.action not in product.actions:
        return Rejection("action_not_allowed", f"{name} does not allow to {order.action}")
    if order.action in ("renew", "recover") and "postpaid" in (
        account.user_type,
        resource.user_type if resource else "prepaid",
    ):
        return Rejection("not_for_postpaid", f"a postpaid user can't {order.action}")
    return _Purchase(item, order, account, product, resource, desk.catalogue)


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
    if resource.state not in _STATES_FOR[order.action]:
        return Rejection(
            "wrong_state", f"{resource_id} is {resource.state}: it can't be used to {order.action}"
        )
    return resource


def _create(purchase: _Purchase) -> PricedItem | Rejection:
    components = purchase.item.components or ()
    if purchase.account.user_type == "postpaid":
        missing = unpriced(components, purchase.product.product, purchase.buyer, purchase.catalogue)
        return missing or purchase.priced("postpaid", components=components)
    return _for_a_term(
        purchase, components, purchase.at, auto_renew_months=purchase.item.auto_renew_months
    )


def _recover(purchase: _Purchase) -> PricedItem | Rejection:
    resource = purchase.known()
    if not resource.in_trash:
        return Rejection("not_in_trash", f"{resource.resource_id} can only be renewed")
    return _for_a_term(purchase, resource.components, purchase.at)


def _renew(purchase: _Purchase) -> PricedItem | Rejection:
    """From the current end time to the new one, which must be later (domain 6)."""
    resource = purchase.known()
    if resource.in_trash:
        return Rejection("in_trash", f"{resource.resource_id} can only be recovered")
    if resource.ends_at is None:
        return Rejection("not_for_postpaid", "a resource without an end can't be renewed")
    if purchase.at >= resource.ends_at + _renewable_after_end(purchase.product):
        return Rejection("resource_expired", f"{resource.resource_id} ended too long ago")
    return _for_a_term(purchase, resource.components, resource.ends_at, starts_at=resource.ends_at)


def _renewable_after_end(product: ProductVersion) -> timedelta:
    """How long after its end a resource can still be renewed by hand (domain 7)."""
    return timedelta(days=30) if product.expiry_policy == "grace" else timedelta(0)


def _for_a_term(
    purchase: _Purchase, components: tuple[Component, ...], start: datetime, **more: Any
) -> PricedItem | Rejection:
    """Priced by the minute from `start` to the end that was asked for."""
    days = purchase.item.days
    if days is None and purchase.item.ends_at is None:
        return Rejection("term_missing", "a prepaid resource needs ends_at or days")
    end = purchase.item.ends_at or start + timedelta(days=days or 0)
    if end <= start or minutes_between(start, end) == 0:
        return Rejection("end_not_later", f"the end must be later than {start.isoformat()}")
    if end <= purchase.at:
        return Rejection("end_in_the_past", "the new end is already over")
    if end > _END_OF_TIME:
        return Rejection("term_too_long", f"no term goes beyond {_END_OF_TIME:%Y-%m-%d}")
    minutes = days * MINUTES_PER_DAY if days else minutes_between(start, end)
    lines = lines_for(components, minutes, purchase.product, purchase.buyer, purchase.catalogue)
    if isinstance(lines, Rejection):
        return lines
    return purchase.priced(
        "prepaid",
        lines,
        components=components,
        ends_at=purchase.item.ends_at,
        days=days,
        **more,
    )


def _resize(purchase: _Purchase) -> PricedItem | Rejection:
    """`value(new, m) - value(old, m)` for the `m` minutes that are left (domain 6)."""
    resource, components = purchase.known(), purchase.item.components or ()
    if sorted(components, key=_by_sku) == sorted(resource.components, key=_by_sku):
        return Rejection("nothing_to_change", f"{resource.resource_id} is so already")
    if resource.user_type == "postpaid":
        missing = unpriced(components, purchase.product.product, purchase.buyer, purchase.catalogue)
        return missing or purchase.priced("postpaid", components=components)
    if resource.ends_at is None or minutes_between(purchase.at, resource.ends_at) == 0:
        return Rejection("resource_expired", f"{resource.resource_id} has no time left")
    minutes = minutes_between(purchase.at, resource.ends_at)
    new = lines_for(components, minutes, purchase.product, purchase.buyer, purchase.catalogue)
    if isinstance(new, Rejection):
        return new
    old = terms.credit_lines(resource.pieces, resource.components, resource.name, purchase.at)
    priced = purchase.priced("prepaid", (*new, *old), components=components)
    if priced.amount < 0 and not purchase.product.refundable:
        return purchase.priced("prepaid", components=components)
    return priced


def _by_sku(component: Component) -> tuple[str, Decimal]:
    return component.sku, component.quantity


def _free(purchase: _Purchase) -> PricedItem | Rejection:
    """Deleted, stopped, started or rebooted: nothing to pay."""
    return purchase.priced(purchase.known().user_type)


_PRICES: Final[Mapping[Action, Callable[[_Purchase], PricedItem | Rejection]]] = {
    "create": _create,
    "resize": _resize,
    "renew": _renew,
    "recover": _recover,
    "delete": _free,
    "stop": _free,
    "start": _free,
    "reboot": _free,
}


def _discounted(
    order: OrderPlaced,
    items: list[PricedItem],
    vat_rates: list[Decimal],
    coupon: Coupon | None,
) -> list[PricedItem] | Rejection:
    """The items with their shares of the order's coupon taken off."""
    products = [item.product for item in items]
    refusal = coupons.refused(coupon, order.account_id, products, order.time)
    if refusal is not None or coupon is None:
        return refusal or Rejection("coupon_unknown", "there is no such coupon")
    shares = coupons.shares(coupon, products, [item.amount for item in items])
    discounted: list[PricedItem] = []
    for item, share, vat_rate in zip(items, shares, vat_rates, strict=True):
        sums = totals(item.lines, share, vat_rate)
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
