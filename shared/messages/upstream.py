"""What portals, Sales, Support and gateways tell us; the catalogue has a module of its own."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from shared.messages.items import Components, Days
from shared.messages.model import (
    Action,
    BoundedTime,
    CurrencyCode,
    Id,
    Message,
    Model,
    Name,
    PaymentMethod,
    Period,
    PositiveAmount,
    Quantity,
    QuantityText,
    Text,
    Time,
    UserType,
)

Months = Literal[1, 3, 6, 12, 24, 36]
EmailAddress = Annotated[
    str, Field(min_length=3, max_length=254, pattern=r"^[^@\s\x00]+@[^@\s\x00]+$")
]
NoticeGroup = Literal["account", "resources", "renewals_and_bills", "payments"]


class BillingDetails(Model):
    """Whom documents are made out to; without a `legal_name` that is the account's name."""

    legal_name: Name | None = None
    address: Annotated[tuple[Name, ...], Field(max_length=5)] = ()
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] = "VN"
    tax_code: Annotated[str, Field(pattern=r"^[0-9A-Z-]{3,20}$")] | None = None


class AccountRegistered(Message):
    """A new customer; prepaid until Sales switch it (domain 10)."""

    type: ClassVar[str] = "account.registered"
    source: ClassVar[str] = "/portal"

    account_id: Id
    email: EmailAddress
    name: Name
    currency: CurrencyCode = "VND"
    time_zone: Name | None = None
    language: Literal["en", "vi"] | None = None
    billing_details: BillingDetails | None = None


class AccountChanged(Message):
    """Whom an account's documents are made out to from this time on: all of it, each time. What was
    issued before keeps what it was issued with."""

    type: ClassVar[str] = "account.changed"
    source: ClassVar[str] = "/portal"

    account_id: Id
    billing_details: BillingDetails
    changed_by: Name | None = None
    reason: Text | None = None


class AccountSwitchRequested(Message):
    """Sales or Support switch an account's user type (domain 10)."""

    type: ClassVar[str] = "account.switch_requested"
    source: ClassVar[str] = "/support"

    account_id: Id
    user_type: UserType
    requested_by: Name
    reason: Text


class OrderItem(Model):
    """One resource in an order; which fields it must have depends on the order's action."""

    item_id: Id
    product: Id | None = None
    name: Name | None = None
    resource_id: Id | None = None
    components: Components | None = None
    ends_at: Time | None = None
    days: Days | None = None
    auto_renew_months: Months | None = None

    def missing_for(self, action: Action) -> list[str]:
        """The fields that `action` needs and this item lacks."""
        needed = {
            "create": ("product", "name", "components"),
            "resize": ("resource_id", "components"),
        }.get(action, ("resource_id",))
        return [field for field in needed if getattr(self, field) is None]


class OrderPlaced(Message):
    """A user confirmed an order: one action on one or several resources, in one payment."""

    type: ClassVar[str] = "order.placed"
    source: ClassVar[str] = "/portal"

    order_id: Id
    account_id: Id
    action: Action
    items: Annotated[tuple[OrderItem, ...], Field(min_length=1, max_length=200)]
    payment_method: PaymentMethod | None = None
    coupon: Id | None = None

    @model_validator(mode="after")
    def _items_fit_the_action(self) -> Self:
        for item in self.items:
            if missing := item.missing_for(self.action):
                raise ValueError(f"item {item.item_id} lacks {', '.join(missing)}")
            if item.ends_at is not None and item.days is not None:
                raise ValueError(f"item {item.item_id} has both ends_at and days")
        if len({item.item_id for item in self.items}) < len(self.items):
            raise ValueError("two items have the same item_id")
        return self


class QuoteRequested(Message):
    """A page asks what an order would cost, or why it would be rejected; nothing is ordered.

    Fields as in `order.placed`; billing answers with `quote.given` under the same `quote_id`.
    """

    type: ClassVar[str] = "quote.requested"
    source: ClassVar[str] = "/portal"

    quote_id: Id
    account_id: Id
    action: Action
    items: Annotated[tuple[OrderItem, ...], Field(min_length=1, max_length=200)]
    payment_method: PaymentMethod | None = None
    coupon: Id | None = None

    def as_order(self) -> OrderPlaced:
        """The order that it asks about, at the time of the question.

        Raises:
            ValueError: if no such order could be placed: an item lacks what the action needs.
        """
        return OrderPlaced(
            order_id=self.quote_id,
            account_id=self.account_id,
            action=self.action,
            items=self.items,
            payment_method=self.payment_method,
            coupon=self.coupon,
        ).within(self.envelope)


class UsageReportRequested(Message):
    """A page asks what an account used in a billing month so far, or what its month came to.

    Invoicing answers with `usage_report.given` under the same `request_id`.
    """

    type: ClassVar[str] = "usage_report.requested"
    source: ClassVar[str] = "/portal"

    request_id: Id
    account_id: Id
    period: Period


class TopUpRequested(Message):
    """A user wants to pay money in through a gateway (domain 1): it becomes credit once it came.

    The gateway's page is told by `payment.link_ready` with the top-up's id as `payment_id`.
    """

    type: ClassVar[str] = "top_up.requested"
    source: ClassVar[str] = "/portal"

    top_up_id: Id
    account_id: Id
    amount: PositiveAmount
    currency: CurrencyCode = "VND"


class GatewayPaymentSucceeded(Message):
    """A payment gateway took the money."""

    type: ClassVar[str] = "gateway.payment_succeeded"
    source: ClassVar[str] = "/gateway"

    payment_id: Id
    gateway: Id
    gateway_reference: Id
    amount: PositiveAmount


class GatewayPaymentFailed(Message):
    """A payment gateway did not take the money."""

    type: ClassVar[str] = "gateway.payment_failed"
    source: ClassVar[str] = "/gateway"

    payment_id: Id
    gateway: Id
    gateway_reference: Id
    reason: Text


class TopUpReceived(Message):
    """Money from a gateway or from Sales that becomes credit. `requested_as` is the id of the
    `top_up.requested` that it answers, where there was one."""

    type: ClassVar[str] = "top_up.received"
    source: ClassVar[str] = "/gateway"

    top_up_id: Id
    account_id: Id
    amount: PositiveAmount
    gateway: Id
    gateway_reference: Id
    requested_as: Id | None = None


class PocGranted(Message):
    """Sales grant a proof-of-concept wallet (domain 9)."""

    type: ClassVar[str] = "poc.granted"
    source: ClassVar[str] = "/support"

    account_id: Id
    amount: PositiveAmount
    ends_at: Time
    granted_by: Name


class UsageReport(Model):
    """A quantity of a meter that a resource used in a stretch of time (domain 8)."""

    account_id: Id
    resource_id: Id
    meter: Id
    quantity: Quantity
    from_: Time = Field(alias="from")
    to: Time

    @model_validator(mode="after")
    def _ends_after_its_start(self) -> Self:
        if self.to < self.from_:
            raise ValueError("to is before from")
        return self


class UsageRecorded(Message, UsageReport):
    """A product team reports metered usage."""

    type: ClassVar[str] = "usage.recorded"
    source: ClassVar[str] = "/product-team"


@dataclass(
    frozen=True,
    slots=True,
    config=ConfigDict(extra="ignore", validate_by_name=True, validate_by_alias=True),
)
class BatchedUsageReport:
    """A usage report with its own id, by which it is deduplicated among those of its resource.

    There are many of them: nothing in them needs Python to be checked, and `quantity` stays the
    text that Postgres reads. One that ends before it starts becomes a dead letter of its own.
    """

    report_id: Id
    account_id: Id
    resource_id: Id
    meter: Id
    quantity: QuantityText
    to: BoundedTime
    from_: BoundedTime = Field(validation_alias="from", serialization_alias="from")


class UsageBatchRecorded(Message):
    """Up to 1,000 usage reports in one message."""

    type: ClassVar[str] = "usage.batch_recorded"
    source: ClassVar[str] = "/product-team"
    max_bytes: ClassVar[int] = 2 * 1024 * 1024

    reports: Annotated[tuple[BatchedUsageReport, ...], Field(min_length=1, max_length=1_000)]


class InvoicePaymentRequested(Message):
    """A user pays an invoice in the portal, in full or in part."""

    type: ClassVar[str] = "invoice.payment_requested"
    source: ClassVar[str] = "/portal"

    invoice_id: Id
    account_id: Id
    method: Literal["credit", "gateway"]
    amount: PositiveAmount | None = None


class InvoicePaymentRecorded(Message):
    """Sales note that an invoice was paid by other means, such as a bank transfer (domain 3.4).

    The same `reference` for an invoice again is the same payment.
    """

    type: ClassVar[str] = "invoice.payment_recorded"
    source: ClassVar[str] = "/support"

    invoice_id: Id
    account_id: Id
    amount: PositiveAmount
    reference: Id
    recorded_by: Name
    note: Text = ""


class InvoiceCreditRequested(Message):
    """Sales or Support correct an issued invoice by a credit note, at most in full (domain 11.6).

    `amount` includes VAT. What was paid of it already goes back as credit.
    """

    type: ClassVar[str] = "invoice.credit_requested"
    source: ClassVar[str] = "/support"

    credit_note_id: Id
    invoice_id: Id
    account_id: Id
    amount: PositiveAmount
    reason: Text
    requested_by: Name


class ResourceAutoRenewSet(Message):
    """A user switches auto-renewal on, off, or to another number of months."""

    type: ClassVar[str] = "resource.auto_renew_set"
    source: ClassVar[str] = "/portal"

    account_id: Id
    resource_id: Id
    months: Months | None = None


class NotificationPreferencesSet(Message):
    """What a user does not want to be told of, and who gets copies of what concerns expiry, renewal
    and bill settlement: all of them, each time. Who is new is asked by mail to agree within 3 days.
    Mandatory notices are sent whatever is muted. Without a `language` the account's stays as it is.
    """

    type: ClassVar[str] = "notification.preferences_set"
    source: ClassVar[str] = "/portal"

    account_id: Id
    muted: Annotated[tuple[NoticeGroup, ...], Field(max_length=10)] = ()
    recipients: Annotated[tuple[EmailAddress, ...], Field(max_length=10)] = ()
    language: Literal["en", "vi"] | None = None


class NotificationRecipientConfirmed(Message):
    """Somebody agreed to get copies: the token is that of the link in their mail."""

    type: ClassVar[str] = "notification.recipient_confirmed"
    source: ClassVar[str] = "/portal"

    token: Id
