"""A catalogue, resources and lines for tests of billing's rules."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from hypothesis import strategies as st

from services.billing.domain.catalogue import (
    Catalogue,
    Discount,
    DiscountKey,
    Price,
    PriceKey,
    ProductVersion,
)
from services.billing.domain.pricing import vat_of
from services.billing.domain.resources import Resource
from services.billing.domain.terms import TermPiece
from shared.messages.items import Component, InvoiceLine
from shared.money import CURRENCIES
from tests.builders import NOON

DAY: Final = timedelta(days=1)
BEGINNING: Final = NOON - 1_000 * DAY

amounts = st.integers(0, 10**12)
rates = st.decimals(0, 1, places=4)
currencies = st.sampled_from(sorted(CURRENCIES.values(), key=lambda currency: currency.code))
unit_prices = st.decimals(0, 10**9, places=6)
quantities = st.decimals("0.001", 10**5, places=3)
terms = st.integers(1, 60 * 24 * 3_650)
"""Minutes, up to ten years."""


def product(since: datetime = BEGINNING, **fields: Any) -> ProductVersion:
    """A product on which everything is allowed, 10 per cent VAT included."""
    return ProductVersion(
        **{
            "product": "vserver",
            "effective_from": since,
            "name": "vServer",
            "vat_rate": Decimal("0.1"),
            "vat_included": True,
            "refundable": True,
            "expiry_policy": "grace",
            "trash_days": 7,
            "renew_attempt_days": (7, 4, 1, 0),
            "actions": ("create", "resize", "renew", "recover", "delete", "stop", "start"),
            **fields,
        }
    )


def price(unit_price: Decimal | int, since: datetime = BEGINNING, per: Any = "30d") -> Price:
    """A unit price, per 30 days unless said otherwise."""
    return Price(since, Decimal(unit_price), per)


def catalogue(
    *versions: ProductVersion,
    discount: str | None = None,
    prices: Mapping[str, int] | None = None,
    **more_prices: Decimal | int | Price,
) -> Catalogue:
    """A product with prices by SKU, and a discount of acc-1."""
    return Catalogue(
        {"vserver": versions or (product(),)},
        {
            PriceKey("vserver", sku, "VND"): [of if isinstance(of, Price) else price(of)]
            for sku, of in {**(prices or {}), **more_prices}.items()
        },
        {DiscountKey("acc-1", "vserver"): [Discount(BEGINNING, Decimal(discount))]}
        if discount
        else {},
    )


def component(sku: str, quantity: int | str = 1) -> Component:
    """A part of a configuration."""
    return Component(sku=sku, quantity=Decimal(quantity))


def piece(
    paid: int, days: int = 30, *, since: datetime = NOON, order_id: str = "ord-1"
) -> TermPiece:
    """A stretch of a term, and what was paid for it."""
    return TermPiece(order_id, "vm-1", since, since + days * DAY, paid, Decimal("0.1"))


def resource(*pieces: TermPiece, **fields: Any) -> Resource:
    """A running prepaid resource."""
    return Resource(
        **{
            "resource_id": "vm-1",
            "account_id": "acc-1",
            "product": "vserver",
            "name": "web",
            "user_type": "prepaid",
            "state": "active",
            "components": (component("old"),),
            "starts_at": pieces[0].starts_at if pieces else NOON,
            "ends_at": pieces[-1].ends_at if pieces else NOON + 30 * DAY,
            "version": 1,
            "busy_with": None,
            "in_trash": False,
            "pieces": pieces,
            **fields,
        }
    )


@st.composite
def lines(draw: st.DrawFn) -> InvoiceLine:
    """A line with its own VAT, to be paid."""
    amount, rate, included = draw(amounts), draw(rates), draw(st.booleans())
    return InvoiceLine(
        sku="sku",
        description="a line",
        quantity=Decimal(1),
        unit_price=Decimal(amount),
        amount=amount,
        vat=vat_of(amount, rate, included=included),
        vat_rate=rate,
        vat_included=included,
    )
