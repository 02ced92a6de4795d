"""Products, prices, discounts and coupons."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from services.billing.domain.catalogue import (
    Catalogue,
    Discount,
    DiscountKey,
    Price,
    PriceKey,
    ProductVersion,
)
from services.billing.domain.coupons import Coupon
from shared.database import Connection
from shared.messages.catalogue import (
    CouponPublished,
    DiscountGranted,
    PricePublished,
    ProductPublished,
)
from shared.sql import Statements

sql = Statements("services.billing.store", "catalogue.sql")


async def save_products(db: Connection, products: Iterable[ProductPublished]) -> None:
    """Keep policies, each from a date on."""
    latest = {
        (one.product, one.effective_from or one.time): one
        for one in sorted(products, key=lambda one: one.time)
    }
    await db.execute(
        sql.save_products,
        json.dumps(
            [
                {
                    **one.model_dump(mode="json", include=set(ProductVersion.__annotations__)),
                    "effective_from": effective_from.isoformat(),
                    "published_at": one.time.isoformat(),
                    "use_priced": one.is_use_priced,
                    "metered_skus": sorted({meter.sku for meter in (one.meters or {}).values()}),
                }
                for (_, effective_from), one in latest.items()
            ]
        ),
    )


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


async def save_discounts(db: Connection, discounts: Iterable[DiscountGranted]) -> None:
    """Keep discounts, each from a date on."""
    latest = {
        (one.account_id, product, one.effective_from): one
        for one in sorted(discounts, key=lambda one: one.time)
        for product in one.products
    }
    keys = sorted(latest)
    await db.execute(
        sql.save_discounts,
        [account_id for account_id, _, _ in keys],
        [product for _, product, _ in keys],
        [effective_from for _, _, effective_from in keys],
        [latest[key].time for key in keys],
        [latest[key].rate for key in keys],
        [latest[key].granted_by for key in keys],
    )


async def save_coupons(db: Connection, coupons: Iterable[CouponPublished]) -> None:
    """Keep coupons; published again, they keep the count of their uses."""
    latest = {one.code: one for one in sorted(coupons, key=lambda one: one.time)}
    await db.execute(
        sql.save_coupons,
        json.dumps(
            [
                {**one.model_dump(mode="json"), "published_at": one.time.isoformat()}
                for one in latest.values()
            ]
        ),
    )


async def find_catalogue(
    db: Connection,
    products: Collection[str],
    skus: Collection[str] = (),
    account_ids: Collection[str] = (),
) -> Catalogue:
    """These products, the prices that they have for these SKUs, and these accounts' discounts, in
    all their versions."""
    versions: defaultdict[str, list[ProductVersion]] = defaultdict(list)
    for row in await db.fetch(sql.find_products, list(products)):
        versions[row["product"]].append(
            ProductVersion(
                product=row["product"],
                effective_from=row["effective_from"],
                name=row["name"],
                vat_rate=row["vat_rate"],
                vat_included=row["vat_included"],
                refundable=row["refundable"],
                expiry_policy=row["expiry_policy"],
                trash_days=row["trash_days"],
                renew_attempt_days=tuple(row["renew_attempt_days"]),
                actions=tuple(row["actions"]),
                use_priced=row["use_priced"],
                metered_skus=tuple(row["metered_skus"]),
            )
        )
    prices: defaultdict[PriceKey, list[Price]] = defaultdict(list)
    for row in await db.fetch(sql.find_prices, list(products), list(skus)) if skus else ():
        prices[PriceKey(row["product"], row["sku"], row["currency"])].append(
            Price(row["effective_from"], row["unit_price"], row["per"])
        )
    discounts: defaultdict[DiscountKey, list[Discount]] = defaultdict(list)
    for row in await db.fetch(sql.find_discounts, list(account_ids)) if account_ids else ():
        discounts[DiscountKey(row["account_id"], row["product"])].append(
            Discount(row["effective_from"], row["rate"])
        )
    return Catalogue(versions, prices, discounts)


async def lock_coupons(db: Connection, codes: Collection[str]) -> dict[str, Coupon]:
    """Those of these coupons that exist, held."""
    return await _coupons(db, sql.lock_coupons, codes)


async def find_coupons(db: Connection, codes: Collection[str]) -> dict[str, Coupon]:
    """Those of these coupons that exist, as they are."""
    return await _coupons(db, sql.find_coupons, codes)


async def _coupons(db: Connection, statement: str, codes: Collection[str]) -> dict[str, Coupon]:
    if not codes:
        return {}
    return {
        row["code"]: Coupon(
            code=row["code"],
            kind=row["kind"],
            value=row["value"],
            products=tuple(row["products"]),
            valid_until=row["valid_until"],
            account_id=row["account_id"],
            uses_left=row["uses_left"],
        )
        for row in await db.fetch(statement, list(codes))
    }


async def use_coupons(db: Connection, uses: Sequence[tuple[str, str, str]]) -> None:
    """Note which order uses which code, given as (code, account id, order id)."""
    if uses:
        await db.execute(
            sql.use_coupons,
            [code for code, _, _ in uses],
            [account_id for _, account_id, _ in uses],
            [order_id for _, _, order_id in uses],
        )


async def give_back_coupons(db: Connection, orders: Mapping[str, str]) -> None:
    """Orders that came to nothing, each with its account, used no coupon."""
    if orders:
        await db.execute(sql.give_back_coupons, list(orders.values()), list(orders))
