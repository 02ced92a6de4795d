"""What programs send. What is not in here is refused, so that a slip of the pen is no silent no."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from services.portal.api.models import DeliveryState, OrderState, PaymentState
from services.portal.domain.webhooks import PUBLIC_TYPES
from shared.messages.items import InvoiceStatus
from shared.messages.model import (
    Action,
    CurrencyCode,
    Id,
    Model,
    PaymentMethod,
    Period,
    PositiveAmount,
    Text,
    Time,
)
from shared.messages.provisioning import ResourceState
from shared.messages.upstream import BillingDetails, EmailAddress, Months, OrderItem

MutableGroup = Literal["payments", "renewals_and_bills", "resources"]
"""Groups of notices of which some may be muted."""


class Body(Model):
    """The body of a request. Unknown fields are errors."""

    model_config = ConfigDict(extra="forbid")


class OrderRequest(Body):
    """An order, as in `order.placed`: one action on one or several resources, in one payment.

    A created resource's id is its item's `item_id`.
    """

    action: Action
    items: Annotated[tuple[OrderItem, ...], Field(min_length=1, max_length=200)]
    payment_method: PaymentMethod | None = None
    coupon: Id | None = None


class InvoicePayment(Body):
    """Pay an invoice: all that is outstanding, or an amount of it."""

    method: Literal["credit", "gateway"]
    amount: PositiveAmount | None = None


class TopUp(Body):
    """Pay money in through a gateway."""

    amount: PositiveAmount
    currency: CurrencyCode = "VND"


class AutoRenewal(Body):
    """Renew a resource by itself, by so many months each time; null: no more."""

    months: Months | None


class BillingDetailsChange(Body, BillingDetails):
    """Whom documents are made out to from now on: all of it. Without a `legal_name` that is the
    account's name."""


class NotificationPreferences(Body):
    """What is not to be told by e-mail, and who gets copies of what concerns expiry, renewal and
    bills: all of them, each time. Who is new is asked by e-mail to agree. Without a `language` it
    stays as it is. What must be told is sent whatever is muted."""

    muted: Annotated[tuple[MutableGroup, ...], Field(max_length=10)] = ()
    recipients: Annotated[tuple[EmailAddress, ...], Field(max_length=10)] = ()
    language: Literal["en", "vi"] | None = None


EventType = Annotated[str, Field(json_schema_extra={"enum": list(PUBLIC_TYPES)})]
EventTypes = Annotated[tuple[EventType, ...], Field(max_length=len(PUBLIC_TYPES))]


class EndpointRequest(Body):
    """Where an account wants to be told of what happens, and of which types; none are all."""

    url: Annotated[str, Field(min_length=1, max_length=2_000)]
    description: Text = ""
    event_types: EventTypes = ()


class EndpointChange(Body):
    """What is to be another; what is left out stays. `enabled` false sends nothing more there."""

    url: Annotated[str, Field(min_length=1, max_length=2_000)] | None = None
    description: Text | None = None
    event_types: EventTypes | None = None
    enabled: bool | None = None


class Query(Model):
    """Parameters of an address. Unknown ones are errors."""

    model_config = ConfigDict(extra="forbid")


class Paging(Query):
    """Where in a list, and how much of it."""

    cursor: Annotated[str, Field(max_length=1_000)] | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class Spanning(Paging):
    """Only what was in a stretch of time: `since` is in it, `until` is not."""

    since: Time | None = None
    until: Time | None = None


class EntryQuery(Spanning):
    """Which lines of a wallet's history."""


class ResourceQuery(Paging):
    """Which resources."""

    state: ResourceState | None = None
    product: Id | None = None


class OrderQuery(Spanning):
    """Which orders, by when they were placed."""

    state: OrderState | None = None
    action: Action | None = None


class PaymentQuery(Spanning):
    """Which payments, by when they were asked for."""

    state: PaymentState | None = None
    order_id: Id | None = None
    invoice_id: Id | None = None


class InvoiceQuery(Spanning):
    """Which invoices, by when they were issued."""

    status: InvoiceStatus | None = None
    resource_id: Id | None = None
    period: Period | None = None


class DocumentQuery(Query):
    """In which language a document is written."""

    language: Literal["en", "vi"] = "en"


class CostQuery(Query):
    """How many billing months, the present one included."""

    months: Annotated[int, Field(ge=1, le=36)] = 12


class DeliveryQuery(Paging):
    """Which deliveries."""

    state: DeliveryState | None = None
    type: Annotated[str, Field(max_length=64, pattern=r"^[a-z_.]+$")] | None = None
