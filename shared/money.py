"""Money: integers in a currency's smallest unit, rounded half up, and never a float."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Final

MAX_AMOUNT: Final = 10**15
"""No amount of one message, line or wallet is larger (in smallest units)."""


class UnknownCurrency(ValueError):
    """A currency code that this installation does not know."""


class CurrencyMismatch(ValueError):
    """Two amounts in different currencies were to be combined."""


def round_half_up(value: Decimal) -> int:
    """Round to a whole number, halves away from zero (domain 6). At most 60 digits."""
    with localcontext() as context:
        context.prec = 60
        return int(value.to_integral_value(rounding=ROUND_HALF_UP))


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency by its ISO 4217 code and the number of digits of its smallest unit."""

    code: str
    digits: int

    def round(self, units: Decimal) -> int:
        """Round an amount in whole currency units half up, to the smallest unit (domain 6).

        Args:
            units: an amount in units of the currency (1.005 USD, 7333.33 VND).

        Returns:
            The amount in smallest units (101 cents, 7333 dong).
        """
        with localcontext() as context:
            context.prec = 60
            return int(units.scaleb(self.digits).to_integral_value(rounding=ROUND_HALF_UP))

    def text(self, amount: int) -> str:
        """An amount in smallest units as people write it: `230,000 VND`, `12.50 USD`."""
        return f"{Decimal(amount).scaleb(-self.digits):,.{self.digits}f} {self.code}"


CURRENCIES: Final = {
    currency.code: currency
    for currency in (
        Currency("VND", 0),
        Currency("JPY", 0),
        Currency("KRW", 0),
        Currency("USD", 2),
        Currency("EUR", 2),
        Currency("SGD", 2),
        Currency("THB", 2),
        Currency("KWD", 3),
        Currency("BHD", 3),
    )
}


def currency(code: str) -> Currency:
    """The currency with this code.

    Raises:
        UnknownCurrency: if this installation does not know it.
    """
    try:
        return CURRENCIES[code]
    except KeyError:
        raise UnknownCurrency(code) from None


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in smallest units together with its currency; no order across currencies."""

    amount: int
    currency: Currency

    def __add__(self, other: "Money") -> "Money":
        return Money(self.amount + self._same(other).amount, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.amount - self._same(other).amount, self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.amount, self.currency)

    def __lt__(self, other: "Money") -> bool:
        return self.amount < self._same(other).amount

    def __le__(self, other: "Money") -> bool:
        return self.amount <= self._same(other).amount

    def __str__(self) -> str:
        return self.currency.text(self.amount)

    def _same(self, other: "Money") -> "Money":
        if other.currency != self.currency:
            raise CurrencyMismatch(f"{self.currency.code} with {other.currency.code}")
        return other


def split_in_proportion(total: int, weights: list[int]) -> list[int]:
    """Divide `total` in proportion to `weights`, the last units by largest remainder (domain 6).

    No share exceeds its weight if `total` does not exceed their sum; equal remainders go to
    whoever stands first.

    Args:
        total: smallest units, at least 0.
        weights: smallest units, each at least 0; not all 0 unless `total` is 0.

    Returns:
        One share a weight, together exactly `total`.
    """
    whole = sum(weights)
    if total == 0 or whole == 0:
        return [0] * len(weights)
    shares = [total * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(total * weights[i] % whole), i))
    for i in by_remainder[: total - sum(shares)]:
        shares[i] += 1
    return shares
