"""What happens to the wallet in a test: messages as gateways, billing and invoicing say them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from services.wallet.app import SERVICE
from shared.database import Connection
from shared.messages import Message, NotYet, Refused, Said
from shared.messages.billing import RefundToCredit
from shared.messages.upstream import AccountRegistered, PocGranted, TopUpReceived
from shared.messages.wallet import WalletCharge, WalletHold, WalletRelease
from tests.builders import NOON, said

M = TypeVar("M", bound=Message)


async def handle(db: Connection, *messages: Message) -> list[Said]:
    """Have the wallet handle a group of messages, as its worker does."""
    answers: list[Said] = []
    for handler in dict.fromkeys(SERVICE.handlers.values()):
        if mine := [one for one in messages if SERVICE.handlers[type(one)] is handler]:
            answers += await handler(mine, db)
    return answers


def of_type(answers: Sequence[Said], message_type: type[M]) -> list[M]:
    """Those of the answers that are of one type."""
    return [one for one in answers if isinstance(one, message_type)]


def waits(answers: Sequence[Said]) -> list[str]:
    """Why messages are put off."""
    return [one.reason for one in answers if isinstance(one, NotYet)]


def refusals(answers: Sequence[Said]) -> list[str]:
    """Why messages are put away."""
    return [one.reason for one in answers if isinstance(one, Refused)]


def registered(account: str = "acc-1", currency: str = "VND") -> AccountRegistered:
    """A new customer."""
    return said(
        AccountRegistered(account_id=account, email="a@example.com", name="An", currency=currency)
    )


def topped_up(id: str, amount: int, account: str = "acc-1") -> TopUpReceived:
    """Money from a bank."""
    return said(
        TopUpReceived(
            top_up_id=id,
            account_id=account,
            amount=amount,
            gateway="bank",
            gateway_reference=f"ref-{id}",
        )
    )


def granted(
    amount: int,
    id: str | None = None,
    account: str = "acc-1",
    ends_at: datetime = NOON + timedelta(days=30),
) -> PocGranted:
    """A proof of concept, granted by Sales."""
    grant = PocGranted(account_id=account, amount=amount, ends_at=ends_at, granted_by="Lan")
    return said(grant, id=id)


def charged(id: str, amount: int, account: str = "acc-1", **more: Any) -> WalletCharge:
    """Billing takes money."""
    at = more.pop("at", NOON)
    fields = {"wallet": "credit", "reason": "order", **more}
    return said(WalletCharge(charge_id=id, account_id=account, amount=amount, **fields), at=at)


def refunded(
    id: str, amount: int, account: str = "acc-1", wallet: str = "credit"
) -> RefundToCredit:
    """Billing gives money back."""
    return said(
        RefundToCredit.model_validate(
            {
                "refund_id": id,
                "account_id": account,
                "wallet": wallet,
                "amount": amount,
                "order_id": "ord-1",
                "item_id": "item-1",
                "reason": "provisioning_failed",
            }
        )
    )


def held(
    hold: str, change: str, amount: int, account: str = "acc-1", at: datetime = NOON
) -> WalletHold:
    """Invoicing has credit held."""
    return said(
        WalletHold(
            hold_id=hold, change_id=change, account_id=account, amount=amount, reason="usage"
        ),
        at=at,
    )


def released(hold: str, change: str, account: str = "acc-1", at: datetime = NOON) -> WalletRelease:
    """Invoicing frees what it has had held."""
    return said(
        WalletRelease(hold_id=hold, change_id=change, account_id=account, reason="deleted"), at=at
    )
