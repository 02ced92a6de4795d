"""Accounts, VAT and prices, as they are published."""

from collections.abc import Sequence

from services.invoicing.store import catalogue
from shared.database import Connection
from shared.messages import Said
from shared.messages.catalogue import PricePublished, ProductPublished
from shared.messages.upstream import AccountRegistered


async def account_registered(
    registrations: Sequence[AccountRegistered], db: Connection
) -> list[Said]:
    """Know an account and its currency."""
    await catalogue.save_accounts(db, registrations)
    return []


async def product_published(products: Sequence[ProductPublished], db: Connection) -> list[Said]:
    """Know a product's VAT from a date on."""
    await catalogue.save_products(db, products)
    return []


async def price_published(prices: Sequence[PricePublished], db: Connection) -> list[Said]:
    """Know a price from a date on."""
    await catalogue.save_prices(db, prices)
    return []
