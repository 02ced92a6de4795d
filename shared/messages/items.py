"""Values that several messages carry: components, priced items, invoice lines."""

from typing import Annotated, Literal

from pydantic import Field

from shared.messages.model import (
    Action,
    Amount,
    Count,
    CurrencyCode,
    Id,
    Model,
    Name,
    PlainDecimal,
    Quantity,
    Rate,
    SignedAmount,
    Text,
    Time,
    UserType,
)

Days = Annotated[int, Field(strict=True, gt=0, le=36_500)]


class Component(Model):
    """A priced part of a configuration."""

    sku: Id
    quantity: Quantity


Components = Annotated[tuple[Component, ...], Field(min_length=1, max_length=200)]


class InvoiceLine(Model):
    """One rounded line: `amount = unit_price * quantity * (1 - discount) * minutes / 43,200`."""

    sku: Id
    description: Text
    quantity: PlainDecimal
    minutes: Count | None = None
    unit_price: PlainDecimal
    discount_rate: Rate | None = None
    amount: SignedAmount


class PricedItem(Model):
    """One item of an order with its price (domain 6).

    `amount` is what is paid for it, VAT included. `lines` less `discount` (the item's share of a
    coupon) are `net` where the price list is without VAT, and `amount` where it is with it.
    """

    item_id: Id
    resource_id: Id
    action: Action
    product: Id
    name: Name
    user_type: UserType
    currency: CurrencyCode
    components: tuple[Component, ...] = ()
    lines: tuple[InvoiceLine, ...] = ()
    discount: Amount = 0
    net: SignedAmount = 0
    vat: SignedAmount = 0
    amount: SignedAmount = 0
    vat_rate: Rate
    vat_included: bool
    starts_at: Time | None = None
    ends_at: Time | None = None
    days: Days | None = None
    auto_renew_months: Annotated[int, Field(strict=True, gt=0, le=36)] | None = None


InvoiceStatus = Literal["unpaid", "partially_paid", "paid"]
