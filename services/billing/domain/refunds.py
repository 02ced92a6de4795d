"""What is given back for an item, into which wallet (domain 2.5, 6)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from shared.ids import derived_id
from shared.messages.model import WalletKind

RefundReason = Literal["provisioning_failed", "deleted", "resized", "poc_stopped"]
ItemOutcome = Literal["done", "failed"]
MoneyLeft = Mapping[tuple[str, WalletKind], int]
"""What is left of the money that went in for resources, from each wallet (smallest units)."""


@dataclass(frozen=True, slots=True)
class Refund:
    """Money to be given back for an item, at most once. `item_amount` is what the item cost.

    A deletion that its team did only after it counted as failed gives back what is unused, too.
    """

    account_id: str
    order_id: str
    item_id: str
    item_amount: int
    outcome: ItemOutcome
    payment_id: str | None
    wallet: WalletKind
    amount: int
    reason: RefundReason
    at: datetime

    @property
    def refund_id(self) -> str:
        """Derived from the item: it is given back once."""
        return derived_id("refund", self.order_id, self.item_id)


@dataclass(frozen=True, slots=True)
class CreditNote:
    """What a credit note of a prepaid invoice gives back of what was paid for an item, in smallest
    units."""

    account_id: str
    credit_note_id: str
    order_id: str
    item_id: str
    given_back: int
    correlation_id: str | None
    at: datetime

    def is_like(self, other: "CreditNote") -> bool:
        """Whether another asks for the same: as much, of the same item."""
        return self._content == other._content

    @property
    def _content(self) -> tuple[str, str, str, int]:
        return self.account_id, self.order_id, self.item_id, self.given_back


def creditable(item_amount: int, credited: int, left: MoneyLeft, resource_id: str) -> int:
    """What a further credit note may give back of what was paid for an item: no more than its
    invoice was over, nor than is left of the money that went in for its resource (domain 6).

    Args:
        item_amount: what the item cost, in smallest units; below 0 where it gave something back.
        credited: what earlier credit notes gave back of it.
        left: of the money that went in, also for other items.
        resource_id: the item's.
    """
    return at_most(max(0, item_amount) - credited, left, resource_id, "credit")


def at_most(amount: int, left: MoneyLeft, resource_id: str, wallet: WalletKind) -> int:
    """As much of an amount as is left of the money that went in for a resource (domain 6)."""
    return max(0, min(amount, left.get((resource_id, wallet), 0)))


def wallet_for(payment_method: str | None) -> WalletKind:
    """Credit, whatever method had paid; only what the POC wallet paid goes back there (F)."""
    return "poc" if payment_method == "poc" else "credit"
