"""What an order would come to, for whoever asks before placing it (domain 5, 6)."""

from datetime import datetime, timedelta

from services.billing.domain import terms
from services.billing.domain.orders import Accepted, Desk
from services.billing.domain.refunds import at_most
from services.billing.domain.resources import Resource
from shared.messages.billing import QuotedItem
from shared.messages.items import PricedItem
from shared.messages.model import WalletKind


def quoted(accepted: Accepted, desk: Desk, at: datetime) -> list[QuotedItem]:
    """The items of an order that would be accepted at `at`, with what each would give back, into
    the wallet that paid, and when its term would end."""
    quotes: list[QuotedItem] = []
    for item in accepted.items:
        resource = desk.resources.get(item.resource_id)
        wallet: WalletKind = "poc" if resource and resource.poc == "running" else "credit"
        unused = _given_back(item, resource, desk, at)
        quotes.append(
            QuotedItem(
                **item.model_dump(exclude={"ends_at"}),
                ends_at=_ends_at(item, resource, at),
                given_back=at_most(unused, desk.money_left, item.resource_id, wallet),
            )
        )
    return quotes


def _given_back(item: PricedItem, resource: Resource | None, desk: Desk, at: datetime) -> int:
    """A smaller configuration gives back its difference, a deletion what was not used of what was
    paid, where the product refunds (domain 6); the end of a proof of concept always (domain 9)."""
    gives_up = item.action in ("delete", "stop_poc")
    if gives_up and resource is not None and item.user_type == "prepaid":
        product = desk.catalogue.find_product(item.product, at)
        is_poc = resource.poc == "running"
        refunds = is_poc or (product is not None and product.refundable)
        return terms.unused_value(resource.pieces, at) if refunds else 0
    return max(0, -item.amount)


def _ends_at(item: PricedItem, resource: Resource | None, at: datetime) -> datetime | None:
    if item.user_type == "postpaid":
        return None
    if item.action == "stop_poc":
        return at
    if item.ends_at is not None or item.days is None:
        return item.ends_at or (resource.ends_at if resource else None)
    begins = resource.ends_at if resource and item.action == "renew" else at
    return (begins or at) + timedelta(days=item.days)
