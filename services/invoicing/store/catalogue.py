"""Accounts, VAT and prices: invoicing's own copy of what was published."""

import json
from collections.abc import Collection, Iterable

from services.invoicing.domain.usage import Account
from shared.database import Connection, Row
from shared.messages.catalogue import PricePublished, ProductPublished
from shared.messages.upstream import AccountRegistered
from shared.money import currency
from shared.sql import Statements

sql = Statements("services.invoicing.store", "catalogue.sql")


async def save_accounts(db: Connection, registrations: Iterable[AccountRegistered]) -> None:
    """Keep newly registered accounts; those that exist stay as they are."""
    latest = {one.account_id: one for one in registrations}
    ordered = [latest[account_id] for account_id in sorted(latest)]
    await db.execute(
        sql.save_accounts,
        [one.account_id for one in ordered],
        [one.currency for one in ordered],
        [10 ** currency(one.currency).digits for one in ordered],
    )


async def find_accounts(db: Connection, account_ids: Collection[str]) -> dict[str, Account]:
    """Those of these accounts that are known."""
    return _by_id(await db.fetch(sql.find_accounts, sorted(account_ids)))


async def lock_accounts(db: Connection, account_ids: Collection[str]) -> dict[str, Account]:
    """Those of these accounts that are known, held so that no month's run closes them meanwhile."""
    return _by_id(await db.fetch(sql.lock_accounts, sorted(account_ids)))


def _by_id(rows: Iterable[Row]) -> dict[str, Account]:
    return {
        row["account_id"]: Account(row["account_id"], row["currency"], row["closed_until"])
        for row in rows
    }


async def save_products(db: Connection, products: Iterable[ProductPublished]) -> None:
    """Keep products' VAT and meters, and how they are priced, each from a date on."""
    latest = {
        (one.product, one.effective_from or one.time): one
        for one in sorted(products, key=lambda one: one.time)
    }
    keys = sorted(latest)
    await db.execute(
        sql.save_products,
        [product for product, _ in keys],
        [effective_from for _, effective_from in keys],
        [latest[key].time for key in keys],
        [latest[key].vat_rate for key in keys],
        [latest[key].vat_included for key in keys],
        [_meters(latest[key]) for key in keys],
        [latest[key].is_use_priced for key in keys],
    )


def _meters(product: ProductPublished) -> str:
    meters = product.meters or {}
    return json.dumps({name: meter.model_dump() for name, meter in meters.items()})


async def save_prices(db: Connection, prices: Iterable[PricePublished]) -> None:
    """Keep prices, each from a date on."""
    latest = {
        (one.product, one.sku, one.currency, one.effective_from): one
        for one in sorted(prices, key=lambda one: one.time)
    }
    ordered = [latest[key] for key in sorted(latest)]
    await db.execute(
        sql.save_prices,
        [one.product for one in ordered],
        [one.sku for one in ordered],
        [one.currency for one in ordered],
        [one.effective_from for one in ordered],
        [one.time for one in ordered],
        [one.unit_price for one in ordered],
        [one.per for one in ordered],
    )
