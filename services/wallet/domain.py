"""What may be taken from a wallet, and what is held in it: pure rules (domain 1, 6, 8, 11.1)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

TransferKind = Literal["top_up", "refund", "charge", "grant", "expiry"]
WalletKind = Literal["credit", "poc"]
HoldDecision = Literal["held", "released", "declined", "superseded", "captured"]


class WalletKey(NamedTuple):
    """One wallet of one account."""

    account_id: str
    wallet: WalletKind


@dataclass(frozen=True, slots=True)
class Wallet:
    """A wallet as it is in the ledger, amounts in the currency's smallest unit, after so
    many transfers.

    A POC wallet spends nothing from `ends_at` on; what is in it stays (domain 9).
    """

    key: WalletKey
    currency: str
    balance: int
    held: int
    ends_at: datetime | None = None
    transfers: int = 0

    @property
    def available(self) -> int:
        return self.balance - self.held

    def has_ended(self, at: datetime) -> bool:
        return self.ends_at is not None and self.ends_at <= at


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
    """A command to take an amount, all or nothing unless `as_far_as_possible`; with a hold, out of
    that first. `change_id` is then the hold's change."""

    charge_id: str
    key: WalletKey
    amount: int
    reason: str
    at: datetime
    as_far_as_possible: bool
    hold_id: str | None = None
    change_id: str | None = None


@dataclass(frozen=True, slots=True)
class Declined:
    """A charge for which there was not enough. `shut_in` is what an ended POC wallet still has."""

    charge: Charge
    available: int
    shut_in: int = 0


def decide_charges(
    charges: Iterable[Charge],
    wallets: Mapping[WalletKey, Wallet],
    holds: Mapping[str, "Hold"] | None = None,
) -> tuple[list[Transfer], list[Declined], list["DecidedChange"]]:
    """Grant charges in their order, each as far as the available credit reaches (domain 2.2), and
    before that the hold that it names (domain 8).

    Args:
        charges: commands whose wallets are all in `wallets`.
        wallets: the locked wallets.
        holds: the locked holds that charges name, as far as they exist.

    Returns:
        What is taken; what there was not enough for; and what that left of holds.
    """
    available = {key: wallet.available for key, wallet in wallets.items()}
    held = {key: wallet.held for key, wallet in wallets.items()}
    current = dict(holds or {})
    granted: list[Transfer] = []
    declined: list[Declined] = []
    captured: list[DecidedChange] = []
    for charge in charges:
        if wallets[charge.key].has_ended(charge.at):
            declined.append(Declined(charge, 0, shut_in=available[charge.key]))
            continue
        hold = current.get(charge.hold_id or "")
        reserved = hold.amount if hold else 0
        left = available[charge.key] + reserved
        amount = min(charge.amount, left) if charge.as_far_as_possible else charge.amount
        if amount > left or amount == 0:
            declined.append(Declined(charge, available[charge.key]))
            continue
        from_hold = min(amount, reserved)
        available[charge.key] -= amount - from_hold
        if hold is not None and charge.change_id is not None:
            held[charge.key] -= from_hold
            change = HoldChange(
                charge.change_id,
                hold.hold_id,
                hold.account_id,
                reserved - from_hold,
                charge.reason,
                charge.at,
            )
            current[hold.hold_id] = hold.after(change)
            balance = wallets[charge.key].balance
            captured.append(DecidedChange(change, "captured", reserved, balance, held[charge.key]))
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
    return granted, declined, captured


@dataclass(frozen=True, slots=True)
class Hold:
    """Credit held for one purpose, and the change that made it so."""

    hold_id: str
    account_id: str
    amount: int
    change_id: str
    changed_at: datetime

    def after(self, change: "HoldChange") -> "Hold":
        """With a change's amount; what is older than either has nothing to say any more."""
        at, change_id = max((self.changed_at, self.change_id), (change.at, change.change_id))
        return Hold(self.hold_id, self.account_id, change.amount, change_id, at)


@dataclass(frozen=True, slots=True)
class HoldChange:
    """A command to set what is held under an id to `amount`, or to release it."""

    change_id: str
    hold_id: str
    account_id: str
    amount: int
    reason: str
    at: datetime
    releases: bool = False

    @property
    def key(self) -> WalletKey:
        return WalletKey(self.account_id, "credit")


@dataclass(frozen=True, slots=True)
class DecidedChange:
    """What became of a change, and the wallet after it. `freed` is what was held before it."""

    change: HoldChange
    decision: HoldDecision
    freed: int
    balance: int
    held: int


def decide_hold_changes(
    changes: Iterable[HoldChange],
    wallets: Mapping[WalletKey, Wallet],
    holds: Mapping[str, Hold],
) -> tuple[list[DecidedChange], list[Hold]]:
    """Set holds to what is wanted, all or nothing, as far as credit is available (domain 8).

    Changes count in the order of business time, and of their ids at the same time: what is older
    than the change that was applied last has nothing to say any more.

    Args:
        changes: commands whose wallets are all in `wallets`.
        wallets: the locked wallets.
        holds: the locked holds, as far as they exist.

    Returns:
        Every change with its decision, and the holds that are different now.
    """
    held = {key: wallet.held for key, wallet in wallets.items()}
    current = dict(holds)
    decided: list[DecidedChange] = []
    for change in sorted(changes, key=lambda one: (one.at, one.change_id)):
        before = current.get(change.hold_id)
        freed = before.amount if before else 0
        balance = wallets[change.key].balance
        decision: HoldDecision = "released" if change.releases else "held"
        if before and (change.at, change.change_id) < (before.changed_at, before.change_id):
            decision = "superseded"
        elif held[change.key] - freed + change.amount > balance and change.amount > freed:
            decision = "declined"
        else:
            held[change.key] += change.amount - freed
            current[change.hold_id] = Hold(
                change.hold_id, change.account_id, change.amount, change.change_id, change.at
            )
        decided.append(DecidedChange(change, decision, freed, balance, held[change.key]))
    changed = [hold for hold_id, hold in current.items() if holds.get(hold_id) != hold]
    return decided, changed


def holds_after(holds: Mapping[str, Hold], decided: Iterable[DecidedChange]) -> list[Hold]:
    """The holds that decided changes leave, each once."""
    current = dict(holds)
    for one in decided:
        current[one.change.hold_id] = current[one.change.hold_id].after(one.change)
    return [hold for hold_id, hold in current.items() if holds[hold_id] != hold]
