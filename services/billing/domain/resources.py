"""Resources as billing follows them: what was paid for them, and what comes back (domain 5, 6)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from services.billing.domain import terms
from services.billing.domain.catalogue import Catalogue, ProductVersion
from services.billing.domain.pricing import totals
from services.billing.domain.terms import TermPiece
from shared.messages.items import Component, InvoiceLine, PricedItem
from shared.messages.model import Action, PocState, UserType, WalletKind
from shared.messages.provisioning import (
    ResourceDeleted,
    ResourceEvent,
    ResourceRenewed,
    ResourceResized,
    ResourceSuspended,
)

ResourceState = Literal["new", "active", "stopped", "suspended", "deleted", "failed"]


@dataclass(frozen=True, slots=True)
class Renewal:
    """A resource's automatic renewal, by so many months of 30 days; None: off.

    `set_at` is when its user set it last, `tried_at` the last try, `next_at` the next.
    """

    months: int | None = None
    set_at: datetime | None = None
    tried_at: datetime | None = None
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource as of its event number `version`.

    `in_trash` tells one that can be recovered from one whose grace is over, which can be renewed.
    `pieces` are the live stretches of its prepaid term. `poc` is set for a proof of concept
    (domain 9).
    """

    resource_id: str
    account_id: str
    product: str
    name: str
    user_type: UserType
    state: ResourceState
    components: tuple[Component, ...]
    starts_at: datetime | None
    ends_at: datetime | None
    version: int
    busy_with: str | None
    in_trash: bool
    renewal: Renewal = Renewal()
    pieces: tuple[TermPiece, ...] = ()
    poc: PocState | None = None

    @property
    def lacks_hold(self) -> bool:
        """Whether it is suspended because credit was short for its hold: it is in use, and can be
        deleted (domain 8)."""
        return self.state == "suspended" and self.user_type == "postpaid" and not self.in_trash

    def ends_by_grace(self, product: ProductVersion) -> bool:
        """Whether it works on for a while after its end, and can be renewed until its release.

        One that became prepaid by a switch, and for which no term was ever paid, does so whatever
        its product's policy is (domain 10).
        """
        return product.expiry_policy == "grace" or not self.pieces


def poc_after(action: Action, resource: Resource | None, *, from_poc: bool) -> PocState | None:
    """What a resource is of a proof of concept once an action is done (domain 9); `from_poc` says
    that the POC wallet pays for it."""
    match action:
        case "create" | "resize" | "renew":
            return "running" if from_poc else None
        case "stop_poc":
            return "ended"
        case "recover" | "delete":
            return None
        case _:
            return resource.poc if resource else None


@dataclass(frozen=True, slots=True)
class Change:
    """A resource after an event, and what of its term is given back (smallest units), into the
    wallet that paid for it."""

    resource: Resource
    given_back: int = 0
    wallet: WalletKind = "credit"


def after(resource: Resource, event: ResourceEvent, catalogue: Catalogue) -> Change:
    """What an event makes of a resource.

    Args:
        resource: as of the event before.
        event: the next one by its version.
        catalogue: the policies of its product.
    """
    product = catalogue.find_product(resource.product, event.at)
    is_poc = resource.poc == "running"
    refundable = is_poc or (product is not None and product.refundable)
    pieces, given_back = _pieces_after(resource, event, refundable=refundable)
    changed = replace(
        resource,
        user_type=event.user_type,
        state=event.state,
        components=event.components,
        starts_at=event.starts_at,
        ends_at=event.ends_at,
        renewal=resource.renewal if event.user_type == "prepaid" else Renewal(),
        version=event.version,
        busy_with=None if resource.busy_with == event.order_id else resource.busy_with,
        in_trash=event.state == "suspended" and _in_trash(resource, event, catalogue),
        pieces=pieces,
        poc=event.poc,
    )
    return Change(changed, given_back, "poc" if is_poc else "credit")


def _in_trash(resource: Resource, event: ResourceEvent, catalogue: Catalogue) -> bool:
    """Whether a suspended resource can be recovered; one that ended by grace can be renewed, and
    one whose hold lacks credit comes back by itself."""
    if isinstance(event, ResourceSuspended) and event.because_of == "hold_short":
        return False
    if not isinstance(event, ResourceSuspended) or event.because_of != "expired":
        return True
    in_force = catalogue.find_product(resource.product, event.ends_at or event.at)
    return in_force is not None and not resource.ends_by_grace(in_force)


def _pieces_after(
    resource: Resource, event: ResourceEvent, *, refundable: bool
) -> tuple[tuple[TermPiece, ...], int]:
    """The live pieces of the term, and what is given back of those that end."""
    if event.user_type == "postpaid" or event.state == "deleted":
        kept: tuple[TermPiece, ...] = ()
    else:
        kept = resource.pieces
    if isinstance(event, ResourceDeleted) or event.poc == "ended":
        value = terms.unused_value(resource.pieces, event.at) if refundable else 0
        return (), value
    item = event.item
    if item is None or not item.lines or event.ends_at is None or event.order_id is None:
        return kept, 0
    piece = _piece(event.order_id, item, event.ends_at)
    match event:
        case ResourceRenewed():
            return (*(one for one in kept if one.ends_at > event.at), piece), 0
        case ResourceResized():
            return (piece,), max(0, -item.amount)
        case _:
            return (piece,), 0


def _piece(order_id: str, item: PricedItem, ends_at: datetime) -> TermPiece:
    """The minutes that were priced, up to the end, and what their lines cost."""
    bought = [line for line in item.lines if line.amount >= 0]
    return TermPiece(
        order_id=order_id,
        item_id=item.item_id,
        starts_at=ends_at - timedelta(minutes=_minutes(bought)),
        ends_at=ends_at,
        paid=totals(bought).gross - item.discount,
        vat_rate=bought[0].vat_rate,
    )


def _minutes(lines: Iterable[InvoiceLine]) -> int:
    return max(line.minutes or 0 for line in lines)
