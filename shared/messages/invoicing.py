"""What invoicing tells of invoices."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field, StringConstraints

from shared.messages.items import InvoiceLine, InvoiceStatus
from shared.messages.model import (
    Amount,
    Count,
    CurrencyCode,
    Id,
    Message,
    Model,
    Name,
    Period,
    PositiveAmount,
    Quantity,
    SignedAmount,
    Text,
    Time,
)

_SOURCE = "/cloudtill/invoicing"
INVOICES_IN_A_MESSAGE: Final = 500
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
    invoices: Annotated[tuple[Invoice, ...], Field(min_length=1, max_length=INVOICES_IN_A_MESSAGE)]


class WrittenInvoicesIssued(InvoicesIssued):
    """`invoices.issued` whose invoices are JSON already, as Postgres wrote them.

    A month's run tells of a million invoices: none of them becomes a Python object on its way.
    """

    written: str = Field(exclude=True)

    @staticmethod
    def of(period: str, written: str) -> "WrittenInvoicesIssued":
        """
        Args:
            period: the billing month.
            written: JSON objects with commas between.
        """
        return WrittenInvoicesIssued.model_construct(period=period, invoices=(), written=written)

    def encode(self) -> bytes:
        """The whole event as JSON in UTF-8."""
        data = f'{{"period":"{self.period}","invoices":[{self.written}]}}'
        return self.envelope.around(data.encode())


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


class InvoiceCredited(Message):
    """A credit note corrects an invoice; `given_back` of it had been paid and is credit again."""

    type: ClassVar[str] = "invoice.credited"
    source: ClassVar[str] = _SOURCE
    must_arrive: ClassVar[bool] = False

    credit_note_id: Id
    number: Id
    invoice_id: Id
    account_id: Id
    amount: PositiveAmount
    net: Amount
    vat: Amount
    given_back: Amount
    outstanding: Amount
    currency: CurrencyCode
    reason: Text


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


class InvoicePaymentsDue(Message):
    """See to the open invoices of a range of accounts, on the day of the message (domain 4)."""

    type: ClassVar[str] = "invoice.payments_due"
    source: ClassVar[str] = _SOURCE

    first_account: str
    next_account: str | None = None


class HoldsDue(Message):
    """Set the holds of a range of accounts for the time of the message (domain 8)."""

    type: ClassVar[str] = "holds.due"
    source: ClassVar[str] = _SOURCE

    first_account: str
    next_account: str | None = None


class MonthRangeClosed(Message):
    """One range of accounts of a month's run is done: invoicing looks whether all are."""

    type: ClassVar[str] = "month.range_closed"
    source: ClassVar[str] = _SOURCE

    period: Period
    range_number: Count


class UsageReportSetApart(Message):
    """A report of metered use that could not be counted with the batch it came in, or that waited
    for its resource: it is judged alone, and a dead letter of its own where it can't be counted.

    `reported_at` is the business time of the message that brought it.
    """

    type: ClassVar[str] = "usage.report_set_apart"
    source: ClassVar[str] = _SOURCE

    account_id: Id
    resource_id: Id
    report_id: Annotated[
        str, StringConstraints(max_length=300, pattern=r"^[^\x00-\x09\x0b-\x1f\x7f]+$")
    ]
    meter: Id
    quantity: Quantity
    from_: Time = Field(alias="from")
    to: Time
    reported_at: Time


class InvoiceRunBegan(Message):
    """A billing month's run was cut into so many ranges of accounts."""

    type: ClassVar[str] = "invoice_run.began"
    source: ClassVar[str] = _SOURCE
    must_arrive: ClassVar[bool] = False

    period: Period
    ranges: Count


class InvoiceRunProgressed(Message):
    """One range of a month's run is done, or, with `account_id`, that account was run again alone:
    how many invoices it made, and how many accounts it left out."""

    type: ClassVar[str] = "invoice_run.progressed"
    source: ClassVar[str] = _SOURCE
    must_arrive: ClassVar[bool] = False

    period: Period
    ranges: Count
    range_number: Count
    invoices: Count
    quarantined: Count
    account_id: Id | None = None


class InvoiceRunAccountQuarantined(Message):
    """An account's use of a billing month could not be invoiced; `reason` is a stable code such as
    `no_price`. The run went on without it."""

    type: ClassVar[str] = "invoice_run.account_quarantined"
    source: ClassVar[str] = _SOURCE
    must_arrive: ClassVar[bool] = False

    period: Period
    account_id: Id
    reason: Id
    detail: Text


class InvoiceRunAccountResolved(Message):
    """An account's use of a billing month, left out before, is invoiced by now."""

    type: ClassVar[str] = "invoice_run.account_resolved"
    source: ClassVar[str] = _SOURCE
    must_arrive: ClassVar[bool] = False

    period: Period
    account_id: Id


class InvoiceRunAccountRequested(Message):
    """Run a billing month again for one account alone, such as one in quarantine."""

    type: ClassVar[str] = "invoice_run.account_requested"
    source: ClassVar[str] = "/support"

    period: Period
    account_id: Id
    requested_by: Name
    reason: Text


class InvoiceRunCompleted(Message):
    """A billing month is closed. `amounts` has the gross total of each currency; `amount`, the sum
    of them, is meant for installations with one currency."""

    type: ClassVar[str] = "invoice_run.completed"
    source: ClassVar[str] = _SOURCE
    must_arrive: ClassVar[bool] = False

    period: Period
    invoices: Count
    amount: SignedAmount
    quarantined: Count
    amounts: Mapping[CurrencyCode, SignedAmount] = Field(default_factory=dict)


class ResourceUsage(Model):
    """What one resource used in a month and is not invoiced yet, as lines of an invoice."""

    resource_id: Id
    lines: tuple[InvoiceLine, ...]
    net: SignedAmount
    vat: SignedAmount
    gross: SignedAmount


class UsageReportGiven(Message):
    """What an account used in a billing month and is not invoiced yet, derived as the month's run
    would, `until` an instant of it. Sums are of all resources; of those at most 500 are listed.

    `reason` says why it can't be derived: `no_price`, `unknown_account`.
    """

    type: ClassVar[str] = "usage_report.given"
    source: ClassVar[str] = _SOURCE
    must_arrive: ClassVar[bool] = False
    max_bytes: ClassVar[int] = 2 * 1024 * 1024

    request_id: Id
    account_id: Id
    period: Period
    until: Time
    currency: CurrencyCode | None = None
    resources: Annotated[tuple[ResourceUsage, ...], Field(max_length=INVOICES_IN_A_MESSAGE)] = ()
    net: SignedAmount = 0
    vat: SignedAmount = 0
    gross: SignedAmount = 0
    reason: Id | None = None


class AccountOverdue(Message):
    """An account has invoices that were due and are not paid, the oldest since `since`.
    Said on each day on which it is so (domain 3.4)."""

    type: ClassVar[str] = "account.overdue"
    source: ClassVar[str] = _SOURCE

    account_id: Id
    since: Time


class AccountSettled(Message):
    """An account that was overdue has paid what was due."""

    type: ClassVar[str] = "account.settled"
    source: ClassVar[str] = _SOURCE

    account_id: Id
