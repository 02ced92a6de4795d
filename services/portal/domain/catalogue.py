"""What messages tell of products and prices."""

from collections.abc import Iterator

from services.portal.domain.facts import Fact
from shared.messages import Message
from shared.messages.catalogue import PricePublished, ProductPublished


def of_product(message: Message) -> Iterator[Fact]:
    """A product's policy from a date on."""
    if isinstance(message, ProductPublished):
        effective_from = message.effective_from or message.time
        yield (
            (message.product, effective_from.isoformat()),
            {
                "product": message.product,
                "effective_from": effective_from,
                "published_at": message.time,
                "name": message.name,
                "refundable": message.refundable,
                "use_priced": message.is_use_priced,
                "expiry_policy": message.expiry_policy,
                "trash_days": message.trash_days,
                "actions": list(message.actions),
                "meters": {
                    meter: how.model_dump(mode="json")
                    for meter, how in (message.meters or {}).items()
                },
            },
        )


def of_price(message: Message) -> Iterator[Fact]:
    """A price from a date on."""
    if isinstance(message, PricePublished):
        yield (
            (
                message.product,
                message.sku,
                message.currency,
                message.effective_from.isoformat(),
            ),
            {
                "product": message.product,
                "sku": message.sku,
                "currency": message.currency,
                "effective_from": message.effective_from,
                "published_at": message.time,
                "unit_price": message.unit_price,
                "per": message.per,
            },
        )
