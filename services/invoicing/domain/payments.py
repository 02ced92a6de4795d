"""What is collected and paid of invoices (domain 3.4, 4)."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

CollectionMethod = Literal["credit", "gateway"]


@dataclass(frozen=True, slots=True)
class Balance:
    """What was paid of an invoice and what is being collected for it, in smallest units.

    `order_id` and `item_id` created its resource: what is given back goes by them.
    """

    invoice_id: str
    number: str
    account_id: str
    currency: str
    gross: int
    paid: int
    reserved: int
    order_id: str
    item_id: str

    @property
    def outstanding(self) -> int:
        return max(0, self.gross - self.paid)

    @property
    def collectable(self) -> int:
        """What is outstanding and not being collected already."""
        return self.outstanding - self.reserved


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
