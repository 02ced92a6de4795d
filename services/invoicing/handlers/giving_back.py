"""Invoices that come out below 0: what they owe goes back as credit."""

from services.invoicing.store import invoices
from services.invoicing.store.invoices import Numbers
from shared.database import Connection
from shared.messages import Message, Said
from shared.messages.billing import RefundToCredit


async def give_back(numbers: Numbers, cause: Message, db: Connection) -> list[Said]:
    """Give back as credit what corrections took off more than there was to pay."""
    return [
        RefundToCredit(
            refund_id=owed.invoice_id,
            account_id=owed.account_id,
            wallet="credit",
            amount=owed.amount,
            order_id=owed.order_id,
            item_id=owed.item_id,
            reason="invoice_correction",
        ).because(cause, key=owed.invoice_id)
        for owed in await invoices.find_owed_to_customers(db, numbers)
    ]
