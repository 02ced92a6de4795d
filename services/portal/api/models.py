"""What programs read: the answers of the API. They validate what is answered and are the document.

Amounts are integers in the currency's smallest unit, quantities and prices decimal strings, times
RFC 3339 in UTC (contract.md).
"""

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import Field

from shared.messages.billing import QuotedItem
from shared.messages.invoicing import InvoiceKind, ResourceUsage
from shared.messages.items import Component, InvoiceLine, InvoiceStatus, PricedItem
from shared.messages.model import (
    Action,
    CurrencyCode,
    Id,
    Model,
    PaymentMethod,
    Period,
    PlainDecimal,
    Time,
    UserType,
    WalletKind,
)
from shared.messages.provisioning import ResourceState
from shared.messages.upstream import BillingDetails, Months

T = TypeVar("T")

OrderState = Literal[
    "placed",
    "awaiting_payment",
    "provisioning",
    "done",
    "partly_done",
    "failed",
    "rejected",
    "cancelled",
]
CONCLUDED: frozenset[OrderState] = frozenset(
    ("done", "partly_done", "failed", "rejected", "cancelled")
)
"""States of an order to which nothing more happens."""
PaidBy = PaymentMethod | Literal["transfer", "recorded"]
"""How something was paid: what users choose from, and what Support saw on the bank's statement."""
PaymentState = Literal["open", "paid", "failed"]
DeliveryState = Literal["waiting", "delivered", "failed"]


class PageOf(Model, Generic[T]):
    """A page of a list. `next` is the cursor of the next page; there is none after the last."""

    items: tuple[T, ...]
    next: str | None = None


class AccountShown(Model):
    """A customer. `overdue_since` is set while an invoice is overdue; `billing_details` is whom
    documents are made out to, where that was told."""

    account_id: Id
    name: str
    email: str | None
    currency: CurrencyCode
    time_zone: str | None
    user_type: UserType
    registered_at: Time | None
    overdue_since: Time | None
    billing_details: BillingDetails | None = None


class PriceShown(Model):
    """What a SKU costs: `per` 30d is for 43,200 minutes, with VAT or without as its product is."""

    sku: Id
    unit_price: PlainDecimal
    currency: CurrencyCode
    per: Literal["30d", "unit", "unit_hour"]
    effective_from: Time


class ProductShown(Model):
    """What is sold: what can be done with it, and its prices in the account's currency now."""

    product: Id
    name: str
    actions: tuple[Action, ...]
    refundable: bool
    expiry_policy: Literal["trash", "grace"]
    trash_days: int
    prices: tuple[PriceShown, ...]


class Products(Model):
    """What is sold now."""

    items: tuple[ProductShown, ...]


class WalletShown(Model):
    """A wallet after what moved it last: `balance - held = available`."""

    wallet: WalletKind
    balance: int
    held: int
    available: int
    currency: CurrencyCode
    at: Time


class Wallets(Model):
    """An account's wallets: none before the first money came."""

    items: tuple[WalletShown, ...]


class EntryShown(Model):
    """A line of a wallet's history, with the wallet after it. What was declined moved nothing."""

    entry_id: str
    wallet: WalletKind
    kind: Literal["credited", "debited", "held", "released", "declined"]
    amount: int
    balance: int
    held: int
    available: int
    reason: str
    reference: str
    at: Time


class ResourceShown(Model):
    """A resource as of its newest event; a postpaid one has no end."""

    resource_id: Id
    product: Id
    name: str
    user_type: UserType
    state: ResourceState
    because_of: str | None
    components: tuple[Component, ...]
    starts_at: Time
    ends_at: Time | None
    auto_renew_months: Months | None
    version: int
    at: Time


class OrderedItem(Model):
    """One item of an order and what became of it; `given_back` is what became credit again."""

    item_id: Id
    resource_id: Id | None
    product: Id | None
    name: str | None
    priced: PricedItem | None
    done_at: Time | None
    failed_at: Time | None
    reason: str | None
    given_back: int | None


class OrderShown(Model):
    """An order. `reason` is a stable code, `message` says it to people."""

    order_id: Id
    state: OrderState
    action: Action | None
    payment_method: PaymentMethod | None
    coupon: Id | None
    amount: int | None
    currency: CurrencyCode | None
    reason: str | None
    message: str | None
    placed_at: Time | None
    payment_asked_at: Time | None
    paid_at: Time | None
    confirmed_at: Time | None
    rejected_at: Time | None
    cancelled_at: Time | None
    items: tuple[OrderedItem, ...]


class PaymentShown(Model):
    """A payment of an order or an invoice, or a top-up. `url` is where it can be made."""

    payment_id: Id
    state: PaymentState
    order_id: Id | None
    invoice_id: Id | None
    top_up: bool
    method: PaidBy | None
    amount: int | None
    currency: CurrencyCode | None
    gateway: Id | None
    url: str | None
    pay_until: Time | None
    requested_at: Time | None
    confirmed_at: Time | None
    failed_at: Time | None
    reason: str | None


class InvoiceSummary(Model):
    """An invoice in a list: `net + vat = gross`, and `outstanding` is left to pay of it."""

    invoice_id: Id
    number: Id
    resource_id: Id
    order_id: Id | None
    kind: InvoiceKind
    status: InvoiceStatus
    period: Period | None
    period_from: Time
    period_to: Time
    discount: int
    net: int
    vat: int
    gross: int
    paid: int
    credited: int
    outstanding: int
    currency: CurrencyCode
    issued_at: Time
    due_at: Time | None


class InvoicePaymentShown(Model):
    """What was paid of an invoice, and what was left then."""

    payment_id: Id
    method: PaidBy
    amount: int
    outstanding: int
    at: Time


class CreditNoteShown(Model):
    """What corrects an invoice; `given_back` of it had been paid and is credit again."""

    credit_note_id: Id
    number: Id
    amount: int
    net: int
    vat: int
    given_back: int
    reason: str
    at: Time


class InvoiceShown(InvoiceSummary):
    """An invoice with its lines, what was paid of it, and what corrects it."""

    lines: tuple[InvoiceLine, ...]
    payments: tuple[InvoicePaymentShown, ...]
    credit_notes: tuple[CreditNoteShown, ...]


class QuoteShown(Model):
    """What an order would cost now, or the stable `reason` why it would be rejected."""

    quote_id: Id
    currency: CurrencyCode | None = None
    user_type: UserType | None = None
    items: tuple[QuotedItem, ...] = ()
    to_pay: int = 0
    to_hold: int = 0
    given_back: int = 0
    reason: str | None = None
    message: str | None = None


class UsageReportShown(Model):
    """What was used in a billing month and is not invoiced yet, up to `until`."""

    period: Period
    until: Time
    currency: CurrencyCode | None = None
    resources: tuple[ResourceUsage, ...] = ()
    net: int = 0
    vat: int = 0
    gross: int = 0
    reason: str | None = None


class RecipientShown(Model):
    """Who gets copies: once they have `agreed`; `waiting` until `valid_until`, `late` after it."""

    email: str
    state: Literal["waiting", "late", "agreed"]
    valid_until: Time | None


class PreferencesShown(Model):
    """What is not told by e-mail, in which language the rest is, and who gets copies."""

    muted: tuple[str, ...]
    language: Literal["en", "vi"] | None
    recipients: tuple[RecipientShown, ...]


class Accepted(Model):
    """What was asked for is on its way: `url` is where to follow it. Nothing has happened yet."""

    id: Id
    url: Annotated[str, Field(description="A path on this host.")]


class EndpointShown(Model):
    """Where an account is told of what happens. `failing_since`: since when nothing got through;
    `disabled_because`: `owner`, `failing` for too long, or `gone` (410)."""

    endpoint_id: Id
    url: str
    description: str
    event_types: tuple[str, ...]
    created_by: str
    created_at: Time
    failing_since: Time | None
    disabled_at: Time | None
    disabled_because: Literal["owner", "failing", "gone"] | None


class Endpoints(Model):
    """An account's endpoints, in the order in which they were made."""

    items: tuple[EndpointShown, ...]


class Secret(Model):
    """What signs webhooks to an endpoint (Standard Webhooks). It is shown this once."""

    endpoint_id: Id
    secret: str
    url: Annotated[str, Field(description="The endpoint's path on this host.")]


class DeliveryShown(Model):
    """An event that goes to an endpoint; `status` or `error` is what came of the last try."""

    event_id: str
    type: str
    state: DeliveryState
    attempts: int
    created_at: Time
    concluded_at: Time | None
    due_at: Time | None
    status: int | None
    error: str | None


class AttemptShown(Model):
    """What came of a try: the status and the beginning of the answer, or what went wrong."""

    attempt: int
    at: Time
    took_ms: int
    status: int | None
    error: str | None
    answer: str


class DeliveryInFull(DeliveryShown):
    """A delivery with the very body that is sent, and its first 200 tries."""

    body: str
    tries: tuple[AttemptShown, ...]


def shown(model: type[T], row: Any, **more: Any) -> T:
    """A row of the read tables as programs see it."""
    validate: Any = getattr(model, "model_validate")  # noqa: B009 - of whichever model it is
    made: T = validate({**row, **more})
    return made
