"""The wallet's commands, and what it answers. Each command has an id of its own."""

from typing import ClassVar, Self

from pydantic import model_validator

from shared.messages.model import Amount, Count, Id, Message, PositiveAmount, WalletKind

_SOURCE = "/cloudtill/wallet"


class WalletCharge(Message):
    """Take this amount, or, with `as_far_as_possible`, what is available of it.

    With `hold_id` the credit held under it is taken first, and then what is available (domain 8):
    the hold is what it was less that, and `change_id` names this change of it.
    """

    type: ClassVar[str] = "wallet.charge"
    source: ClassVar[str] = "/cloudtill/billing"

    charge_id: Id
    account_id: Id
    wallet: WalletKind
    amount: PositiveAmount
    reason: Id
    as_far_as_possible: bool = False
    hold_id: Id | None = None
    change_id: Id | None = None

    @model_validator(mode="after")
    def _change_has_a_hold(self) -> Self:
        if (self.hold_id is None) != (self.change_id is None):
            raise ValueError("a charge from a hold has both hold_id and change_id")
        if self.hold_id is not None and self.wallet != "credit":
            raise ValueError("only credit is held")
        return self


class WalletHold(Message):
    """Set the credit held under this id to an amount; 0 is none."""

    type: ClassVar[str] = "wallet.hold"
    source: ClassVar[str] = "/cloudtill/invoicing"

    hold_id: Id
    change_id: Id
    account_id: Id
    amount: Amount
    reason: Id


class WalletRelease(Message):
    """Free the hold with this id."""

    type: ClassVar[str] = "wallet.release"
    source: ClassVar[str] = "/cloudtill/invoicing"

    hold_id: Id
    change_id: Id
    account_id: Id
    reason: Id


class _WalletEvent(Message):
    """The state of a wallet after a change. `reference` is the id of what changed it; where that
    is a hold, `change_id` is its command's. `position` counts what has moved the balance so far, so
    that whoever listens can tell which of two is the later one."""

    account_id: Id
    wallet: WalletKind
    amount: Amount
    balance: Amount
    held: Amount
    available: Amount
    reason: Id
    reference: Id
    change_id: Id | None = None
    position: Count | None = None


class WalletCredited(_WalletEvent):
    """Money came into a wallet."""

    type: ClassVar[str] = "wallet.credited"
    source: ClassVar[str] = _SOURCE
    must_arrive: ClassVar[bool] = False


class WalletDebited(_WalletEvent):
    """Money was taken from a wallet; `reference` is the charge."""

    type: ClassVar[str] = "wallet.debited"
    source: ClassVar[str] = _SOURCE


class WalletDeclined(_WalletEvent):
    """There was not enough; nothing was taken or held."""

    type: ClassVar[str] = "wallet.declined"
    source: ClassVar[str] = _SOURCE


class WalletHeld(_WalletEvent):
    """Credit is held; `reference` is the hold."""

    type: ClassVar[str] = "wallet.held"
    source: ClassVar[str] = _SOURCE


class WalletReleased(_WalletEvent):
    """A hold is free again."""

    type: ClassVar[str] = "wallet.released"
    source: ClassVar[str] = _SOURCE
    must_arrive: ClassVar[bool] = False
