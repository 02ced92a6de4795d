"""What one item of an order asks for: whether it is allowed, and what it costs (domain 5, 6, 7)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from services.billing.domain import terms
from services.billing.domain.catalogue import Catalogue, ProductVersion
from services.billing.domain.pricing import Buyer, estimable, lines_for, totals, unpriced
from services.billing.domain.rejection import Rejection
from services.billing.domain.resources import Resource, ResourceState, poc_after
from shared.messages.items import Component, InvoiceLine, PricedItem
from shared.messages.model import Action, UserType
from shared.messages.upstream import OrderItem, OrderPlaced
from shared.money import MAX_AMOUNT
from shared.periods import MINUTES_PER_DAY, minutes_between

HOLD_DAYS: Final = 3
"""Days of estimated cost that are held when a use-priced resource is created (domain 8)."""
_END_OF_TIME: Final = datetime(2099, 12, 31, tzinfo=UTC)
GRACE: Final = timedelta(days=30)
"""How long after its end a resource can be renewed by hand under the `grace` policy (domain 7)."""
STATES_FOR: Final[Mapping[Action, frozenset[ResourceState]]] = {
    "resize": frozenset({"active", "stopped"}),
    "renew": frozenset({"active", "stopped", "suspended"}),
    "recover": frozenset({"suspended"}),
    "delete": frozenset({"active", "stopped"}),
    "stop": frozenset({"active"}),
    "start": frozenset({"stopped"}),
    "reboot": frozenset({"active", "stopped"}),
    "stop_poc": frozenset({"active", "stopped"}),
}
"""From which states an action may start (domain 5)."""


@dataclass(frozen=True, slots=True)
class Account:
    """A customer at one moment of business time. `poc_ends_at` is the end of its POC wallet, as far
    as that was granted by then; None where it has none."""

    account_id: str
    currency: str
    user_type: UserType
    overdue_since: datetime | None = None
    poc_ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Purchase:
    """One item on its way to a price. `resource` is None for one that is to be created; `from_poc`
    says that the POC wallet pays; `money_left` is what is left of the money that went in for a
    resource that is to be resized (smallest units)."""

    item: OrderItem
    order: OrderPlaced
    account: Account
    product: ProductVersion
    resource: Resource | None
    catalogue: Catalogue
    hold_days: int = HOLD_DAYS
    from_poc: bool = False
    money_left: int = 0

    @property
    def at(self) -> datetime:
        return self.order.time

    @property
    def buyer(self) -> Buyer:
        return Buyer(self.account.account_id, self.account.currency, self.at)

    @property
    def existing(self) -> Resource:
        """The resource of an action on an existing one."""
        if self.resource is None:
            raise ValueError("a create has no resource yet")
        return self.resource

    def priced(
        self, user_type: UserType, lines: tuple[InvoiceLine, ...] = (), **more: Any
    ) -> PricedItem | Rejection:
        """The item with its lines, before coupons."""
        sums = totals(lines)
        if sums.largest > MAX_AMOUNT:
            return Rejection("amount_too_large", f"{self.item.item_id} would cost {sums.gross}")
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
            poc=poc_after(self.order.action, resource, from_poc=self.from_poc),
            **{"components": resource.components if resource else (), **more},
        )

    def lines(
        self, components: tuple[Component, ...], minutes: int
    ) -> tuple[InvoiceLine, ...] | Rejection:
        """A line for each component, at today's prices."""
        return lines_for(components, minutes, self.product, self.buyer, self.catalogue)

    def used_first(
        self, components: tuple[Component, ...], held: int | None = None
    ) -> PricedItem | Rejection:
        """Postpaid: priced at the month's end, so all of it must have a price.

        Args:
            components: the configuration.
            held: credit that is held for it, in smallest units; None where nothing is to be.
        """
        missing = unpriced(components, self.product.product, self.buyer, self.catalogue)
        return missing or self.priced("postpaid", components=components, held=held)


def _create(purchase: Purchase) -> PricedItem | Rejection:
    components, months = purchase.item.components or (), purchase.item.auto_renew_months
    if purchase.account.user_type == "postpaid":
        return purchase.used_first(components)
    if purchase.product.use_priced:
        return _used_against_hold(purchase, components)
    if months is not None and "renew" not in purchase.product.actions:
        return Rejection("action_not_allowed", f"{purchase.product.product} can't be renewed")
    return _for_a_term(purchase, components, purchase.at, auto_renew_months=months)


def _used_against_hold(
    purchase: Purchase, components: tuple[Component, ...]
) -> PricedItem | Rejection:
    """A use-priced resource is paid by the month's invoice, whoever orders it (domain 6, 8): it has
    no term, and credit is held for what it is estimated to cost in its first days."""
    item = purchase.item
    if item.days or item.ends_at or item.auto_renew_months:
        return Rejection(
            "not_for_use_priced", f"{purchase.product.product} is paid by use: it has no term"
        )
    lines = purchase.lines(
        estimable(components, purchase.product, purchase.buyer, purchase.catalogue),
        purchase.hold_days * MINUTES_PER_DAY,
    )
    if isinstance(lines, Rejection):
        return lines
    held = totals(lines).gross
    if held > MAX_AMOUNT:
        return Rejection("amount_too_large", f"{item.item_id} would have {held} held")
    return purchase.used_first(components, held)


def _recover(purchase: Purchase) -> PricedItem | Rejection:
    """Priced like a create: a new term from now (domain 5)."""
    resource = purchase.existing
    if not resource.in_trash:
        return Rejection("not_in_trash", f"{resource.resource_id} can only be renewed")
    return _for_a_term(purchase, resource.components, purchase.at)


def _renew(purchase: Purchase) -> PricedItem | Rejection:
    """From the current end time to the new one, which must be later (domain 6)."""
    resource = purchase.existing
    if resource.in_trash and resource.poc != "ended":
        return Rejection("in_trash", f"{resource.resource_id} can only be recovered")
    if resource.ends_at is None:
        return Rejection("not_for_postpaid", "a resource without an end can't be renewed")
    if _ended_too_long_ago(resource, purchase):
        return Rejection("resource_expired", f"{resource.resource_id} ended too long ago")
    return _for_a_term(purchase, resource.components, resource.ends_at, starts_at=resource.ends_at)


def _ended_too_long_ago(resource: Resource, purchase: Purchase) -> bool:
    """What was a proof of concept is renewable until its release (domain 9)."""
    if resource.ends_at is None or resource.poc == "ended":
        return False
    grace = GRACE if resource.ends_by_grace(purchase.product) else timedelta(0)
    return purchase.at >= resource.ends_at + grace


def _for_a_term(
    purchase: Purchase, components: tuple[Component, ...], start: datetime, **more: Any
) -> PricedItem | Rejection:
    """Priced by the minute from `start` to the end that was asked for."""
    days, asked_end = _term(purchase, start)
    if days is None and asked_end is None:
        return Rejection("term_missing", "a prepaid resource needs ends_at or days")
    end = asked_end or start + timedelta(days=days or 0)
    minutes = days * MINUTES_PER_DAY if days else minutes_between(start, end)
    if minutes == 0:
        return Rejection("end_not_later", f"the end must be later than {start.isoformat()}")
    if end <= purchase.at:
        return Rejection("end_in_the_past", "the new end is already over")
    if purchase.from_poc and purchase.account.poc_ends_at and end > purchase.account.poc_ends_at:
        return Rejection(
            "beyond_poc_wallet", f"it ends at {purchase.account.poc_ends_at.isoformat()}"
        )
    if end > _END_OF_TIME:
        return Rejection("term_too_long", f"no term goes beyond {_END_OF_TIME:%Y-%m-%d}")
    lines = purchase.lines(components, minutes)
    if isinstance(lines, Rejection):
        return lines
    return purchase.priced(
        "prepaid", lines, components=components, ends_at=asked_end, days=days, **more
    )


def _term(purchase: Purchase, start: datetime) -> tuple[int | None, datetime | None]:
    """The days or the end that were asked for.

    A proof of concept has an end, however long its provisioning takes: with the POC wallet where
    none was asked for (domain 9).
    """
    days, ends_at = purchase.item.days, purchase.item.ends_at
    if not purchase.from_poc:
        return days, ends_at
    return None, start + timedelta(days=days) if days else ends_at or purchase.account.poc_ends_at


def _resize(purchase: Purchase) -> PricedItem | Rejection:
    """`value(new, m) - value(old, m)` for the `m` minutes that are left (domain 6).

    A smaller configuration of a product that doesn't refund costs nothing and gives nothing back;
    of others it gives back no more than is left of the money that went in.
    """
    resource, components = purchase.existing, purchase.item.components or ()
    if sorted(components, key=_by_sku) == sorted(resource.components, key=_by_sku):
        return Rejection("nothing_to_change", f"{resource.resource_id} is so already")
    if resource.user_type == "postpaid":
        return purchase.used_first(components)
    minutes = minutes_between(purchase.at, resource.ends_at) if resource.ends_at else 0
    if minutes == 0:
        return Rejection("resource_expired", f"{resource.resource_id} has no time left")
    new = purchase.lines(components, minutes)
    if isinstance(new, Rejection):
        return new
    at_most = totals(new).gross + max(0, purchase.money_left)
    old = terms.credit_lines(
        resource.pieces, resource.components, resource.name, purchase.at, at_most
    )
    lines = (*new, *old)
    if totals(lines).gross < 0 and not (purchase.product.refundable or purchase.from_poc):
        lines = ()
    return purchase.priced("prepaid", lines, components=components)


def _by_sku(component: Component) -> tuple[str, Decimal]:
    return component.sku, component.quantity


def _free(purchase: Purchase) -> PricedItem | Rejection:
    """Deleted, stopped, started or rebooted, or a proof of concept ended: nothing to pay."""
    return purchase.priced(purchase.existing.user_type)


PRICES: Final[Mapping[Action, Callable[[Purchase], PricedItem | Rejection]]] = {
    "create": _create,
    "resize": _resize,
    "renew": _renew,
    "recover": _recover,
    "delete": _free,
    "stop": _free,
    "start": _free,
    "reboot": _free,
    "stop_poc": _free,
}
"""What an item costs, by its order's action."""
