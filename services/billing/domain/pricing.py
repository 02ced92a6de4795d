"""What a configuration costs for a time: lines, VAT and totals (domain 6)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Final

from services.billing.domain.catalogue import Catalogue, Price, PriceKey, ProductVersion
from services.billing.domain.rejection import Rejection
from shared.messages.items import Component, InvoiceLine
from shared.money import MAX_AMOUNT, Currency, round_half_up
from shared.money import currency as currency_named
from shared.periods import MINUTES_PER_30_DAYS

_MINUTES_PER_HOUR: Final = 60
EXACT_DIGITS: Final = 100
"""More than any product of a price, a quantity, a rate and minutes has."""


def prorated(
    price: Price, quantity: Decimal, minutes: int, discount_rate: Decimal, currency: Currency
) -> int:
    """The amount of one line: `unit_price * quantity * (1 - discount) * minutes / 43,200`.

    Args:
        price: per 30 days; per hour of a unit; or per unit, whatever the time.
        quantity: how many of it.
        minutes: for how long.
        discount_rate: a share of 1.
        currency: to whose smallest unit it is rounded, half up.

    Returns:
        An amount in smallest units.
    """
    with localcontext() as context:
        context.prec = EXACT_DIGITS
        per_unit = price.unit_price * quantity * (1 - discount_rate)
        match price.per:
            case "30d":
                return currency.round(per_unit * minutes / MINUTES_PER_30_DAYS)
            case "unit_hour":
                return currency.round(per_unit * minutes / _MINUTES_PER_HOUR)
            case "unit":
                return currency.round(per_unit)


def vat_of(amount: int, rate: Decimal, *, included: bool) -> int:
    """The VAT in an amount, or on top of it, rounded half up to the smallest unit.

    Args:
        amount: smallest units; below 0 for what is given back.
        rate: a share of 1.
        included: whether `amount` has it in it.
    """
    with localcontext() as context:
        context.prec = EXACT_DIGITS
        return round_half_up(amount * rate / (1 + rate) if included else amount * rate)


@dataclass(frozen=True, slots=True)
class Totals:
    """What lines add up to, in smallest units: `net + vat = gross`."""

    net: int
    vat: int
    gross: int

    @property
    def largest(self) -> int:
        """The largest of the three, whatever its sign."""
        return max(abs(self.net), abs(self.vat), abs(self.gross))

    def less(self, discount: int) -> "Totals":
        """With the share of a coupon taken off; it takes off VAT in the same proportion.

        Args:
            discount: smallest units, VAT included; from 0 to `gross`.
        """
        if discount == 0:
            return self
        gross = self.gross - discount
        with localcontext() as context:
            context.prec = EXACT_DIGITS
            vat = round_half_up(Decimal(self.vat) * gross / self.gross)
        return Totals(net=gross - vat, vat=vat, gross=gross)


def totals(lines: Iterable[InvoiceLine]) -> Totals:
    """Sums of rounded lines, so that an invoice always adds up (domain 6)."""
    gross = vat = 0
    for line in lines:
        gross += line.amount if line.vat_included else line.amount + line.vat
        vat += line.vat
    return Totals(net=gross - vat, vat=vat, gross=gross)


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who buys, in which currency, and when: what a price depends on."""

    account_id: str
    currency: str
    at: datetime


def lines_for(
    components: Sequence[Component],
    minutes: int,
    product: ProductVersion,
    buyer: Buyer,
    catalogue: Catalogue,
) -> tuple[InvoiceLine, ...] | Rejection:
    """A line for each component, at the prices in force when it is bought (domain 6)."""
    discount_rate = catalogue.discount_rate(buyer.account_id, product.product, buyer.at)
    currency = currency_named(buyer.currency)
    lines: list[InvoiceLine] = []
    for component in components:
        price = catalogue.find_price(
            PriceKey(product.product, component.sku, buyer.currency), buyer.at
        )
        if price is None:
            return unknown_sku(product.product, component.sku, buyer.currency)
        amount = prorated(price, component.quantity, minutes, discount_rate, currency)
        if amount > MAX_AMOUNT:
            return Rejection("amount_too_large", f"{component.sku} would cost {amount}")
        lines.append(
            InvoiceLine(
                sku=component.sku,
                description=f"{product.name}: {component.sku}",
                quantity=component.quantity,
                minutes=minutes,
                unit_price=price.unit_price,
                discount_rate=discount_rate or None,
                amount=amount,
                vat=vat_of(amount, product.vat_rate, included=product.vat_included),
                vat_rate=product.vat_rate,
                vat_included=product.vat_included,
            )
        )
    return tuple(lines)


def unpriced(
    components: Sequence[Component], product: str, buyer: Buyer, catalogue: Catalogue
) -> Rejection | None:
    """Why a configuration can't be used first and paid later: a part of it has no price."""
    for component in components:
        if catalogue.find_price(PriceKey(product, component.sku, buyer.currency), buyer.at) is None:
            return unknown_sku(product, component.sku, buyer.currency)
    return None


def estimable(
    components: Sequence[Component], product: ProductVersion, buyer: Buyer, catalogue: Catalogue
) -> tuple[Component, ...]:
    """The parts of a configuration that cost by the time for which it runs. What a meter reports,
    and what is priced by the unit, has no estimate before anything is known of it (domain 8)."""

    def by_time(component: Component) -> bool:
        price = catalogue.find_price(
            PriceKey(product.product, component.sku, buyer.currency), buyer.at
        )
        return component.sku not in product.metered_skus and (price is None or price.per != "unit")

    return tuple(component for component in components if by_time(component))


def unknown_sku(product: str, sku: str, currency: str) -> Rejection:
    """A component that nobody has priced."""
    return Rejection(
        "unknown_sku", f"{product} has no price in {currency} for {sku}", may_come=True
    )
