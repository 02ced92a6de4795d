"""How a payment goes on when somebody answers (domain 2)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from shared.messages.model import PaymentMethod, WalletKind

GATEWAY_VALIDITY: Final = timedelta(hours=24)
LINK_VALIDITY: Final = timedelta(days=3)
"""How long an order waits for a gateway, and for somebody who pays on behalf (domain 2.2)."""


@dataclass(frozen=True, slots=True)
class Payment:
    """Money asked for, in smallest units. `outcome` is None while it is open; `gateway_amount` is
    what a gateway was asked for, and `gateway_open` whether that is still expected. A new payment
    may name the hold that pays first (domain 8)."""

    payment_id: str
    account_id: str
    order_id: str | None
    invoice_id: str | None
    method: PaymentMethod
    amount: int
    currency: str
    as_far_as_possible: bool = False
    outcome: Literal["confirmed", "failed"] | None = None
    gateway_amount: int | None = None
    pay_until: datetime | None = None
    gateway_open: bool = False
    hold_id: str | None = None
    hold_change_id: str | None = None


@dataclass(frozen=True, slots=True)
class PaymentOutcome:
    """How a payment ended: confirmed where `reason` is None."""

    payment: Payment
    amount: int
    reason: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Receipt:
    """Money that came through a gateway, in smallest units, for a payment; with the top-up that
    turns it into credit, where one does."""

    account_id: str
    gateway: str
    gateway_reference: str
    payment_id: str
    amount: int
    became: Literal["payment", "credit"]
    top_up_id: str | None
    at: datetime


def pay_until(method: PaymentMethod, at: datetime) -> datetime:
    """Until when a gateway's answer counts."""
    return at + (LINK_VALIDITY if method == "on_behalf" else GATEWAY_VALIDITY)


def wallet_of(method: PaymentMethod) -> WalletKind:
    """The wallet that a method charges."""
    return "poc" if method == "poc" else "credit"
