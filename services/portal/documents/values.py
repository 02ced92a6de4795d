"""What a document says, as frozen values that add up, wherever they come from.

Amounts are integers in the currency's smallest unit. Times are instants; `zone` says which clocks
show them on paper.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

from shared.money import currency as currency_named
from shared.money import split_in_proportion
from shared.periods import BillingMonth

Language: TypeAlias = Literal["en", "vi"]
InvoiceStatus: TypeAlias = Literal["unpaid", "partially_paid", "paid"]


class DoesNotAddUp(ValueError):
    """The amounts of a document contradict each other: it is not to be given to anybody."""


def _must(holds: bool, what: str) -> None:
    if not holds:
        raise DoesNotAddUp(what)


@dataclass(frozen=True, slots=True)
class Party:
    """Who sells, or who buys."""

    name: str
    address: tuple[str, ...] = ()
    country: str = "VN"
    tax_code: str | None = None
    email: str | None = None
    phone: str | None = None
    account_id: str | None = None
    bank: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it was issued: `amount` is as the price list has it, with or without VAT."""

    sku: str
    description: str
    quantity: Decimal
    unit_price: Decimal
    amount: int
    vat: int
    vat_rate: Decimal
    vat_included: bool
    minutes: int | None = None
    discount_rate: Decimal | None = None
    period_from: datetime | None = None
    period_to: datetime | None = None
    month: str | None = None

    @property
    def net(self) -> int:
        return self.amount - self.vat if self.vat_included else self.amount

    @property
    def gross(self) -> int:
        return self.net + self.vat


@dataclass(frozen=True, slots=True)
class VatShare:
    """What of a document is taxed at one rate."""

    rate: Decimal
    net: int
    vat: int
    discount: int
    """What a coupon took off the net amount; `net` is after it."""

    @property
    def gross(self) -> int:
        return self.net + self.vat


@dataclass(frozen=True, slots=True)
class PaymentLine:
    """Money that was paid of an invoice."""

    payment_id: str
    at: datetime
    method: str
    amount: int


@dataclass(frozen=True, slots=True)
class CreditLine:
    """A credit note that corrects an invoice."""

    number: str
    at: datetime
    amount: int


@dataclass(frozen=True, slots=True)
class InvoiceDocument:
    """What one resource cost for one period (domain 1), and what of it is paid so far.

    Raises:
        DoesNotAddUp: if its lines, its totals and what was paid contradict each other.
    """

    invoice_id: str
    number: str
    kind: Literal["prepaid", "usage", "final"]
    currency: str
    issued_at: datetime
    due_at: datetime | None
    period_from: datetime
    period_to: datetime
    resource_id: str
    resource: str
    order_id: str | None
    seller: Party
    buyer: Party
    lines: tuple[Line, ...]
    discount: int
    net: int
    vat: int
    gross: int
    payments: tuple[PaymentLine, ...]
    credits: tuple[CreditLine, ...]
    zone: ZoneInfo

    def __post_init__(self) -> None:
        currency_named(self.currency)
        _must(self.net + self.vat == self.gross, "net and VAT are not the total")
        lines = sum(line.gross for line in self.lines)
        _must(lines - self.discount == self.gross, "the lines less the coupon are not the total")
        _must(self.discount >= 0, "a coupon that adds")
        _must(0 <= self.discount_vat <= self.discount, "the coupon's VAT is no part of it")
        _must(all(one.amount > 0 for one in self.payments), "a payment of nothing")
        _must(all(one.amount > 0 for one in self.credits), "a credit note over nothing")
        _must(self.paid <= max(self.gross, 0), "more is paid than was invoiced")
        _must(self.credited <= max(self.gross, 0), "more is credited than was invoiced")

    @property
    def paid(self) -> int:
        return sum(payment.amount for payment in self.payments)

    @property
    def credited(self) -> int:
        return sum(credit.amount for credit in self.credits)

    @property
    def outstanding(self) -> int:
        """What is still to be paid; what was paid and then credited has gone back as credit."""
        return max(self.gross - self.paid - self.credited, 0)

    @property
    def status(self) -> InvoiceStatus:
        if self.outstanding == 0:
            return "paid"
        return "partially_paid" if self.paid else "unpaid"

    @property
    def discount_vat(self) -> int:
        """The VAT in what the coupon takes off."""
        return sum(line.vat for line in self.lines) - self.vat

    @property
    def prepaid(self) -> int:
        """What was paid before it was issued (domain 2.4): that stands on it for good."""
        return max(self.gross, 0) if self.kind == "prepaid" else 0

    @property
    def vat_shares(self) -> tuple[VatShare, ...]:
        """Net and VAT by rate, the highest first; together those of the invoice.

        What a coupon takes off is divided among the rates in proportion to what they come to.
        """
        rates = sorted({line.vat_rate for line in self.lines}, reverse=True)
        by_rate = [[line for line in self.lines if line.vat_rate == rate] for rate in rates]
        weights = [max(0, sum(line.gross for line in lines)) for lines in by_rate]
        taxed = [max(0, sum(line.vat for line in lines)) for lines in by_rate]
        vat_off = split_in_proportion(self.discount_vat, taxed)
        net_off = split_in_proportion(self.discount - self.discount_vat, weights)
        return tuple(
            VatShare(
                rate=rate,
                net=sum(line.net for line in lines) - net,
                vat=sum(line.vat for line in lines) - vat,
                discount=net,
            )
            for rate, lines, net, vat in zip(rates, by_rate, net_off, vat_off, strict=True)
        )


@dataclass(frozen=True, slots=True)
class CreditNoteDocument:
    """A correction of an issued invoice (domain 11.6).

    Raises:
        DoesNotAddUp: if its amounts contradict each other.
    """

    number: str
    invoice_number: str
    invoice_issued_at: datetime
    currency: str
    at: datetime
    reason: str
    seller: Party
    buyer: Party
    net: int
    vat: int
    amount: int
    vat_rate: Decimal
    given_back: int
    zone: ZoneInfo

    def __post_init__(self) -> None:
        currency_named(self.currency)
        _must(self.amount > 0, "a credit note over nothing")
        _must(self.net + self.vat == self.amount, "net and VAT are not the amount")
        _must(0 <= self.given_back <= self.amount, "more is given back than is credited")


@dataclass(frozen=True, slots=True)
class StatementInvoice:
    """An invoice of the month, and what of it is paid by the end of the statement."""

    number: str
    issued_at: datetime
    resource: str
    net: int
    vat: int
    gross: int
    paid: int
    credited: int

    @property
    def outstanding(self) -> int:
        return max(self.gross - self.paid - self.credited, 0)


@dataclass(frozen=True, slots=True)
class StatementPayment:
    """Money that was paid in the month, and for what."""

    payment_id: str
    at: datetime
    method: str
    amount: int
    what: str


@dataclass(frozen=True, slots=True)
class StatementEntry:
    """A movement of the credit wallet, and its balance after it."""

    at: datetime
    reason: str
    amount: int
    balance: int


@dataclass(frozen=True, slots=True)
class StatementDocument:
    """What happened to an account's money in a billing month.

    Raises:
        DoesNotAddUp: if the wallet's movements do not lead from one balance to the next, or an
            invoice contradicts itself.
    """

    month: BillingMonth
    made_at: datetime
    currency: str
    seller: Party
    buyer: Party
    invoices: tuple[StatementInvoice, ...]
    payments: tuple[StatementPayment, ...]
    opening_balance: int
    entries: tuple[StatementEntry, ...]
    zone: ZoneInfo

    def __post_init__(self) -> None:
        currency_named(self.currency)
        _must(
            all(one.net + one.vat == one.gross for one in self.invoices),
            "an invoice's net and VAT are not its total",
        )
        balance = self.opening_balance
        for entry in self.entries:
            balance += entry.amount
            _must(entry.balance == balance, "the wallet's movements do not lead to its balance")

    @property
    def closing_balance(self) -> int:
        return self.entries[-1].balance if self.entries else self.opening_balance

    @property
    def outstanding(self) -> int:
        return sum(one.outstanding for one in self.invoices)
