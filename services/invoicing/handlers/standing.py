"""What is told of an invoice and its account after something was paid or credited."""

from collections.abc import Mapping

from services.invoicing.domain.payments import Balance
from services.invoicing.store import payments as store
from shared.database import Connection
from shared.messages import Message, NotYet, Refused, Said
from shared.messages.invoicing import AccountSettled
from shared.messages.notifications import NotificationRequested
from shared.waiting import may_wait


async def tell_settled(causes: Mapping[str, Message], db: Connection) -> list[Said]:
    """Say which of these accounts, held and told to be overdue, are so no more: never earlier than
    it was told that they are."""
    settled = await store.settle_dues(db, causes)
    return [
        AccountSettled(account_id=account_id).because(
            causes[account_id], key=account_id, at=max(causes[account_id].time, told_at)
        )
        for account_id, told_at in sorted(settled.items())
    ]


def notice(
    template: str, balance: Balance, cause: Message, **facts: int | str
) -> NotificationRequested:
    return NotificationRequested(
        account_id=balance.account_id,
        template=template,
        facts={
            "invoice_id": balance.invoice_id,
            "number": balance.number,
            "currency": balance.currency,
            "gross": balance.gross,
            "paid": balance.paid,
            "outstanding": balance.outstanding,
            **facts,
        },
    ).because(cause, key=f"{template} {balance.invoice_id}")


def unknown(message: Message, invoice_id: str) -> NotYet | Refused:
    """An invoice that its account does not have; it may only be on its way."""
    if may_wait(message):
        return NotYet(message, "unknown_invoice")
    return Refused(message, "unknown_invoice", f"the account has no invoice {invoice_id}")
