"""What is sold, and for how much: products, prices, discounts and coupons as published."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from shared.messages.model import (
    Action,
    CurrencyCode,
    Id,
    Message,
    Model,
    Name,
    PlainDecimal,
    PositiveCount,
    Rate,
    Time,
)


class Meter(Model):
    """How a metered product adds up what it used, and by which SKU it is priced."""

    sku: Id
    aggregation: Literal["time_weighted", "cumulative"]


class ProductPublished(Message):
    """A product's policy, effective from a date; the latest publication for a date counts."""

    type: ClassVar[str] = "product.published"
    source: ClassVar[str] = "/catalogue"

    product: Annotated[Id, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
    name: Name
    vat_rate: Rate
    vat_included: bool = True
    effective_from: Time | None = None
    refundable: bool
    expiry_policy: Literal["trash", "grace"]
    trash_days: Annotated[int, Field(strict=True, ge=0, le=90)]
    renew_attempt_days: Annotated[
        tuple[Annotated[int, Field(strict=True, ge=0, le=30)], ...], Field(max_length=10)
    ]
    actions: Annotated[tuple[Action, ...], Field(max_length=20)]
    driver: Id
    driver_options: dict[str, Any] = Field(default_factory=dict, max_length=50)
    meters: Annotated[dict[Id, Meter], Field(max_length=50)] | None = None
    use_priced: bool | None = None

    @property
    def is_use_priced(self) -> bool:
        """Whether it is used first and paid at the month's end by prepaid users too, against a
        hold (domain 8): where it says so, and wherever it has meters."""
        return bool(self.use_priced or self.meters)


class PricePublished(Message):
    """The price of a SKU from a date on. `per` 30d is per 43,200 minutes (domain 6)."""

    type: ClassVar[str] = "price.published"
    source: ClassVar[str] = "/catalogue"

    product: Id
    sku: Id
    unit_price: Annotated[PlainDecimal, Field(le=10**12)]
    currency: CurrencyCode
    per: Literal["30d", "unit", "unit_hour"]
    effective_from: Time


class DiscountGranted(Message):
    """A contract gives an account a discount on products (domain 6)."""

    type: ClassVar[str] = "discount.granted"
    source: ClassVar[str] = "/support"

    account_id: Id
    products: Annotated[tuple[Id, ...], Field(min_length=1, max_length=200)]
    rate: Rate
    effective_from: Time
    granted_by: Name


class CouponPublished(Message):
    """A code that takes an amount or a share off an order (domain 6)."""

    type: ClassVar[str] = "coupon.published"
    source: ClassVar[str] = "/support"

    code: Id
    kind: Literal["amount", "percent"]
    value: PlainDecimal
    products: Annotated[tuple[Id, ...], Field(min_length=1, max_length=200)]
    valid_until: Time
    account_id: Id | None = None
    max_uses: PositiveCount | None = None

    @model_validator(mode="after")
    def _value_fits_kind(self) -> Self:
        if self.kind == "percent" and self.value > 100:
            raise ValueError("a percentage is at most 100")
        if self.kind == "amount" and self.value != int(self.value):
            raise ValueError("an amount is in whole smallest units")
        return self
