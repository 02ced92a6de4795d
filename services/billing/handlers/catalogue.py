"""What is on sale, and for how much."""

from collections.abc import Sequence

from services.billing.store import catalogue as store
from shared.database import Connection
from shared.messages import Said
from shared.messages.catalogue import (
    CouponPublished,
    DiscountGranted,
    PricePublished,
    ProductPublished,
)


async def product_published(products: Sequence[ProductPublished], db: Connection) -> list[Said]:
    """Keep products' policies, each from a date on."""
    await store.save_products(db, products)
    return []


async def price_published(prices: Sequence[PricePublished], db: Connection) -> list[Said]:
    """Keep prices, each from a date on."""
    await store.save_prices(db, prices)
    return []


async def discount_granted(discounts: Sequence[DiscountGranted], db: Connection) -> list[Said]:
    """Keep contracts' discounts, each from a date on."""
    await store.save_discounts(db, discounts)
    return []


async def coupon_published(coupons: Sequence[CouponPublished], db: Connection) -> list[Said]:
    """Keep coupons."""
    await store.save_coupons(db, coupons)
    return []
