"""Values that several messages carry: components, priced items, invoice lines."""

from decimal import Decimal
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
    Period,
    PlainDecimal,
    PocState,
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
    """One rounded line: `amount = unit_price * quantity * (1 - discount) * minutes / 43,200`.

    `amount` is as the price list has it, with or without VAT; `vat` is rounded per line too, so
    that net is `amount - vat` where it is included, and gross is `amount + vat` where it is not.
    `month` is set where the line corrects a month that was already invoiced.
    """

    sku: Id
    description: Text
    quantity: PlainDecimal
    minutes: Count | None = None
    unit_price: PlainDecimal
    discount_rate: Rate | None = None
    amount: SignedAmount
    vat: SignedAmount = 0
    vat_rate: Rate = Decimal(0)
    vat_included: bool = True
    period_from: Time | None = None
    period_to: Time | None = None
    month: Period | None = None


class PricedItem(Model):
    """One item of an order with its price (domain 6).

    `amount` is what is paid for it, VAT included: the gross of its lines less `discount`, the
    item's share of a coupon. Below 0 it is paid back. A postpaid item has no lines yet. `held` is
    the credit held for a use-priced resource of a prepaid user when it is created (domain 8), `poc`
    what the resource is of a proof of concept once this is done (domain 9).
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
    discount_rate: Rate = Decimal(0)
    starts_at: Time | None = None
    ends_at: Time | None = None
    days: Days | None = None
    auto_renew_months: Annotated[int, Field(strict=True, gt=0, le=36)] | None = None
    held: Amount | None = None
    poc: PocState | None = None


InvoiceStatus = Literal["unpaid", "partially_paid", "paid"]
