"""Credit notes of prepaid invoices: money that went back of what was paid for a resource."""

from collections.abc import Sequence

from services.billing.store import orders, payments
from services.billing.store.payments import CreditNote
from shared.database import Connection
from shared.messages import NotYet, Said
from shared.messages.invoicing import InvoiceCredited


async def invoice_credited(notes: Sequence[InvoiceCredited], db: Connection) -> list[Said]:
    """Keep what credit notes gave back of payments: no refund gives it back again (domain 6).

    What is credited of use, or before it was paid, is none of an order's money.
    """
    of_items = [
        (one, (one.order_id, one.item_id))
        for one in notes
        if one.order_id is not None and one.item_id is not None and one.given_back
    ]
    if not of_items:
        return []
    known = await orders.find_items(db, {key for _, key in of_items})
    await payments.append_credit_notes(
        db,
        [
            CreditNote(one.account_id, one.credit_note_id, *key, one.given_back, one.time)
            for one, key in of_items
            if key in known
        ],
    )
    return [NotYet(one, "unknown_order") for one, key in of_items if key not in known]
