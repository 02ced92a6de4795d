"""What is on sale, as forms show it."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from shared.database import Connection
from shared.sql import Statements

sql = Statements("services.portal.store", "catalogue.sql")


@dataclass(frozen=True, slots=True)
class Part:
    """A SKU with its list price: per 30 days, per hour of a unit, or per unit."""

    sku: str
    unit_price: Decimal
    per: str


@dataclass(frozen=True, slots=True)
class Product:
    """A product with its policy and what it is made of, as in force. What is `use_priced` is
    ordered without a term, and credit is held for it (domain 8)."""

    product: str
    name: str
    actions: tuple[str, ...]
    refundable: bool
    expiry_policy: str
    trash_days: int
    use_priced: bool
    parts: list[Part] = field(default_factory=list)


async def find_products(
    db: Connection, currency: str, at: datetime, product: str | None = None
) -> dict[str, Product]:
    """What is on sale in a currency, or one product of it, by name."""
    parts: defaultdict[str, list[Part]] = defaultdict(list)
    for row in await db.fetch(sql.find_prices, currency, at, product):
        parts[row["product"]].append(Part(row["sku"], row["unit_price"], row["per"]))
    return {
        row["product"]: Product(
            product=row["product"],
            name=row["name"],
            actions=tuple(row["actions"]),
            refundable=row["refundable"],
            expiry_policy=row["expiry_policy"],
            trash_days=row["trash_days"],
            use_priced=row["use_priced"],
            parts=parts[row["product"]],
        )
        for row in await db.fetch(sql.find_products, at, product)
    }
