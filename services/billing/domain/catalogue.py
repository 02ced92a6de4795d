"""Products, prices and discounts, each in force from a date until the next (domain 6)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, NamedTuple, Protocol, TypeVar

from shared.messages.model import Action


class PriceKey(NamedTuple):
    """What a price is for."""

    product: str
    sku: str
    currency: str


class DiscountKey(NamedTuple):
    """Whose discount, on what."""

    account_id: str
    product: str


@dataclass(frozen=True, slots=True)
class ProductVersion:
    """A product's policy from a date on. `vat_rate` is a share of 1.

    A use-priced one is paid after it was used by prepaid users too, against a hold (domain 8); what
    is used of `metered_skus` is only known by reports.
    """

    product: str
    effective_from: datetime
    name: str
    vat_rate: Decimal
    vat_included: bool
    refundable: bool
    expiry_policy: Literal["trash", "grace"]
    trash_days: int
    renew_attempt_days: tuple[int, ...]
    actions: tuple[Action, ...]
    use_priced: bool = False
    metered_skus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Price:
    """A unit price in whole units of the currency, from a date on."""

    effective_from: datetime
    unit_price: Decimal
    per: Literal["30d", "unit", "unit_hour"]


@dataclass(frozen=True, slots=True)
class Discount:
    """A share of 1 that a contract takes off, from a date on."""

    effective_from: datetime
    rate: Decimal


class _Dated(Protocol):
    @property
    def effective_from(self) -> datetime: ...


T = TypeVar("T", bound=_Dated)


def _in_force(versions: Sequence[T], at: datetime) -> T | None:
    """The latest version that begins at or before `at`."""
    begun = [version for version in versions if version.effective_from <= at]
    return max(begun, key=lambda version: version.effective_from, default=None)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What is on sale, with all its versions."""

    products: Mapping[str, Sequence[ProductVersion]]
    prices: Mapping[PriceKey, Sequence[Price]]
    discounts: Mapping[DiscountKey, Sequence[Discount]]

    def find_product(self, product: str, at: datetime) -> ProductVersion | None:
        """The policy in force, or None where the product is not on sale yet."""
        return _in_force(self.products.get(product, ()), at)

    def find_price(self, key: PriceKey, at: datetime) -> Price | None:
        """The price in force, or None where there is none yet."""
        return _in_force(self.prices.get(key, ()), at)

    def discount_rate(self, account_id: str, product: str, at: datetime) -> Decimal:
        """The share that is taken off; 0 without a contract."""
        discount = _in_force(self.discounts.get(DiscountKey(account_id, product), ()), at)
        return discount.rate if discount else Decimal(0)
