"""What is collected, paid and credited of invoices (domain 3.4, 4, 11.6)."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from shared.ids import derived_id

CollectionMethod = Literal["credit", "gateway"]


@dataclass(frozen=True, slots=True)
class PaidItem:
    """What a prepaid invoice is of, and had been paid with: an order's item for a resource."""

    order_id: str
    item_id: str
    resource_id: str


@dataclass(frozen=True, slots=True)
class Balance:
    """What was paid and credited of an invoice and what is being collected for it, in smallest
    units. `credit_notes` counts those that it has.

    `order_id` and `item_id` created its resource: what is given back goes by them. `paid_item`
    is set for a prepaid invoice.
    """

    invoice_id: str
    number: str
    account_id: str
    currency: str
    gross: int
    vat: int
    paid: int
    reserved: int
    credited: int
    credit_notes: int
    order_id: str
    item_id: str
    paid_item: PaidItem | None = None

    @property
    def outstanding(self) -> int:
        return max(0, self.gross - self.paid - self.credited)

    @property
    def collectable(self) -> int:
        """What is outstanding and not being collected already."""
        return max(0, self.outstanding - self.reserved)

    @property
    def creditable(self) -> int:
        """What a further credit note may take off: an invoice is credited at most in full."""
        return max(0, self.gross) - self.credited


@dataclass(frozen=True, slots=True)
class Collection:
    """Money that is being collected for an invoice, reserved there until it is decided."""

    payment_id: str
    invoice_id: str
    account_id: str
    amount: int
    method: CollectionMethod
    automatic: bool
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Payment:
    """Money that came for an invoice, in smallest units of `currency`, or of the invoice's own.

    `recorded_by` and `note` are set where Sales recorded it by hand.
    """

    payment_id: str
    invoice_id: str
    account_id: str
    amount: int
    currency: str | None
    method: str
    at: datetime
    recorded_by: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """A payment of an invoice: `amount` of it was outstanding, `overpaid` goes back as credit."""

    payment: Payment
    balance: Balance
    amount: int
    overpaid: int


def reserve(balance: Balance, asked: int | None) -> tuple[Balance, int]:
    """Reserve what is to be collected: what was asked for, as far as it can be.

    Args:
        balance: of the invoice, held.
        asked: smallest units; None for all of it.

    Returns:
        The balance after that, and the amount; 0 where there is nothing to collect.
    """
    amount = balance.collectable if asked is None else min(asked, balance.collectable)
    return replace(balance, reserved=balance.reserved + amount), amount


def free(balance: Balance, collection: Collection) -> Balance:
    """End a reservation."""
    return replace(balance, reserved=balance.reserved - collection.amount)


def settle(balance: Balance, payment: Payment, collection: Collection | None) -> Settled:
    """Count a payment towards an invoice, never more of it than is outstanding.

    What others are just collecting stays reserved for them.

    Args:
        balance: of the invoice, held.
        payment: what came.
        collection: the open one that it answers; its reservation ends.
    """
    if collection is not None:
        balance = free(balance, collection)
    amount = min(payment.amount, balance.collectable)
    after = replace(balance, paid=balance.paid + amount)
    return Settled(payment, after, amount, payment.amount - amount)


@dataclass(frozen=True, slots=True)
class CreditNote:
    """A correction of an invoice: `net + vat = amount`; `given_back` of it had been paid before."""

    credit_note_id: str
    number: str
    position: int
    balance: Balance
    amount: int
    vat: int
    given_back: int
    reason: str
    requested_by: str
    at: datetime

    @property
    def net(self) -> int:
        return self.amount - self.vat

    @property
    def refund_id(self) -> str | None:
        """Under which id what had been paid goes back, where something does."""
        return derived_id("credited", self.credit_note_id) if self.given_back else None


def credit(
    balance: Balance, credit_note_id: str, amount: int, reason: str, requested_by: str, at: datetime
) -> CreditNote:
    """Correct an invoice by a credit note that names it (domain 11.6).

    Its VAT is in proportion, so that credit notes over the whole invoice have all of its VAT. What
    it takes off more than is outstanding goes back as credit.

    Args:
        balance: of the invoice, held; `amount` is at most its `creditable`.
        credit_note_id: chosen by whoever asked.
        amount: smallest units, VAT included, above 0.
        reason: why.
        requested_by: who asked.
        at: business time.
    """
    after = replace(
        balance, credited=balance.credited + amount, credit_notes=balance.credit_notes + 1
    )
    return CreditNote(
        credit_note_id=credit_note_id,
        number=f"{balance.number}-C{after.credit_notes}",
        position=after.credit_notes,
        balance=after,
        amount=amount,
        vat=_vat_in(after) - _vat_in(balance),
        given_back=_surplus(after) - _surplus(balance),
        reason=reason,
        requested_by=requested_by,
        at=at,
    )


def _vat_in(balance: Balance) -> int:
    """The VAT in what is credited, rounded half up."""
    return (2 * balance.vat * balance.credited + balance.gross) // (2 * balance.gross)


def _surplus(balance: Balance) -> int:
    """What was paid and then credited."""
    return max(0, balance.paid + balance.credited - balance.gross)
