"""What messages tell of wallets."""

from collections.abc import Iterator
from typing import Final

from services.portal.domain.facts import Fact
from shared.messages import Message
from shared.messages.wallet import (
    WalletCredited,
    WalletDebited,
    WalletDeclined,
    WalletHeld,
    WalletReleased,
)

MOVING: Final = (WalletCredited, WalletDebited, WalletHeld, WalletReleased)
_KINDS: Final = {
    WalletCredited: "credited",
    WalletDebited: "debited",
    WalletHeld: "held",
    WalletReleased: "released",
    WalletDeclined: "declined",
}


def of_wallet(message: Message) -> Iterator[Fact]:
    """A wallet after what moved it."""
    if isinstance(message, MOVING):
        yield (
            (message.account_id, message.wallet),
            {
                "account_id": message.account_id,
                "wallet": message.wallet,
                "position": message.position or 0,
                "at": message.time,
                "balance": message.balance,
                "held": message.held,
                "available": message.available,
            },
        )


def of_entry(message: Message) -> Iterator[Fact]:
    """A line of the credit history, also of what was declined."""
    if isinstance(message, (*MOVING, WalletDeclined)):
        event_id = message.envelope.id
        yield (
            (message.account_id, event_id),
            {
                "account_id": message.account_id,
                "event_id": event_id,
                "wallet": message.wallet,
                "kind": _KINDS[type(message)],
                "amount": message.amount,
                "balance": message.balance,
                "held": message.held,
                "available": message.available,
                "reason": message.reason,
                "reference": message.reference,
                "position": message.position,
                "at": message.time,
            },
        )
