"""What may be taken from a wallet: pure rules (domain 1, 6, 11.1)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

TransferKind = Literal["top_up", "refund", "charge", "grant", "expiry"]


class WalletKey(NamedTuple):
    """One wallet of one account."""

    account_id: str
    wallet: str


@dataclass(frozen=True, slots=True)
class Wallet:
    """A wallet as it is in the ledger, amounts in the currency's smallest unit."""

    key: WalletKey
    currency: str
    balance: int
    held: int

    @property
    def available(self) -> int:
        return self.balance - self.held


@dataclass(frozen=True, slots=True)
class Transfer:
    """Money to be moved into a wallet (`credit_side` is `wallet`) or out of it."""

    kind: TransferKind
    transfer_id: str
    key: WalletKey
    debit_side: str
    credit_side: str
    amount: int
    reason: str
    at: datetime

    @property
    def delta(self) -> int:
        """What the wallet's balance changes by."""
        return self.amount if self.credit_side == "wallet" else -self.amount


@dataclass(frozen=True, slots=True)
class Charge:
    """A command to take an amount, all or nothing unless `as_far_as_possible`."""

    charge_id: str
    key: WalletKey
    amount: int
    reason: str
    at: datetime
    as_far_as_possible: bool


@dataclass(frozen=True, slots=True)
class Declined:
    """A charge for which there was not enough."""

    charge: Charge
    available: int


def decide_charges(
    charges: Iterable[Charge], wallets: Mapping[WalletKey, Wallet]
) -> tuple[list[Transfer], list[Declined]]:
    """Grant charges in their order, each as far as the available credit reaches (domain 2.2).

    Args:
        charges: commands whose wallets are all in `wallets`.
        wallets: the locked wallets.
    """
    available = {key: wallet.available for key, wallet in wallets.items()}
    granted: list[Transfer] = []
    declined: list[Declined] = []
    for charge in charges:
        left = available[charge.key]
        amount = min(charge.amount, left) if charge.as_far_as_possible else charge.amount
        if amount > left or amount == 0:
            declined.append(Declined(charge, left))
            continue
        available[charge.key] = left - amount
        granted.append(
            Transfer(
                kind="charge",
                transfer_id=charge.charge_id,
                key=charge.key,
                debit_side="wallet",
                credit_side="revenue",
                amount=amount,
                reason=charge.reason,
                at=charge.at,
            )
        )
    return granted, declined
