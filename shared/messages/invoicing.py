"""What invoicing tells of invoices."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from shared.messages.items import InvoiceLine, InvoiceStatus
from shared.messages.model import (
    Amount,
    Count,
    CurrencyCode,
    Id,
    Message,
    Model,
    Period,
    PositiveAmount,
    SignedAmount,
    Time,
)

_SOURCE = "/cloudtill/invoicing"
InvoiceKind = Literal["prepaid", "usage", "final"]


class Invoice(Model):
    """What one resource cost for one period: `net + vat = gross`, in smallest units (domain 6)."""

    invoice_id: Id
    number: Id
    account_id: Id
    resource_id: Id
    order_id: Id | None = None
    kind: InvoiceKind
    status: InvoiceStatus
    period_from: Time
    period_to: Time
    lines: tuple[InvoiceLine, ...]
    discount: Amount
    net: SignedAmount
    vat: SignedAmount
    gross: SignedAmount
    currency: CurrencyCode
    due_at: Time | None = None


class InvoiceIssued(Message, Invoice):
    """An invoice was issued; it is never changed again."""

    type: ClassVar[str] = "invoice.issued"
    source: ClassVar[str] = _SOURCE
    must_arrive: ClassVar[bool] = False


class InvoicesIssued(Message):
    """Up to 500 invoices of a month's run."""

    type: ClassVar[str] = "invoices.issued"
    source: ClassVar[str] = _SOURCE
    must_arrive: ClassVar[bool] = False
    max_bytes: ClassVar[int] = 2 * 1024 * 1024

    period: Period
    invoices: Annotated[tuple[Invoice, ...], Field(min_length=1, max_length=500)]


class _InvoicePayment(Message):
    invoice_id: Id
    account_id: Id
    payment_id: Id
    amount: PositiveAmount
    outstanding: Amount


class InvoicePaid(_InvoicePayment):
    """Nothing is outstanding any more."""

    type: ClassVar[str] = "invoice.paid"
    source: ClassVar[str] = _SOURCE
    must_arrive: ClassVar[bool] = False


class InvoicePartiallyPaid(_InvoicePayment):
    """Some of the invoice was paid."""

    type: ClassVar[str] = "invoice.partially_paid"
    source: ClassVar[str] = _SOURCE
    must_arrive: ClassVar[bool] = False


class MonthRangeDue(Message):
    """Invoice the use of one range of accounts in one billing month: a share of the month's run.

    The range holds the accounts with `first_account <= account_id`, and below `next_account`
    where there is one.
    """

    type: ClassVar[str] = "month.range_due"
    source: ClassVar[str] = _SOURCE

    period: Period
    range_number: Count
    first_account: str
    next_account: str | None = None


class InvoiceRunCompleted(Message):
    """A billing month is closed."""

    type: ClassVar[str] = "invoice_run.completed"
    source: ClassVar[str] = _SOURCE
    must_arrive: ClassVar[bool] = False

    period: Period
    invoices: Count
    amount: SignedAmount
    quarantined: Count
