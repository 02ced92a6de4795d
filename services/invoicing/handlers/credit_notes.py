"""Credit notes: an issued invoice is never changed, a correction names it (domain 11.6)."""

from collections.abc import Sequence

from services.invoicing.domain.payments import CreditNote, credit
from services.invoicing.handlers.standing import notice, tell_settled, unknown
from services.invoicing.store import payments as store
from shared.database import Connection
from shared.messages import Message, Refused, Said
from shared.messages.billing import RefundToCredit
from shared.messages.invoicing import InvoiceCredited
from shared.messages.upstream import InvoiceCreditRequested


async def invoice_credit_requested(
    requests: Sequence[InvoiceCreditRequested], db: Connection
) -> list[Said]:
    """Issue credit notes, together at most the whole invoice; give back what was paid of it."""
    overdue = await store.lock_dues(db, [one.account_id for one in requests])
    balances = await store.lock_balances(db, [one.invoice_id for one in requests])
    known = await store.find_credit_notes(db, [one.credit_note_id for one in requests])
    said: list[Said] = []
    issued: list[tuple[CreditNote, Message]] = []
    for request in sorted(requests, key=lambda one: (one.time, one.credit_note_id)):
        balance = balances.get(request.invoice_id)
        content = (request.invoice_id, request.amount)
        if balance is None or balance.account_id != request.account_id:
            said.append(unknown(request, request.invoice_id))
        elif (earlier := known.get(request.credit_note_id)) is not None:
            if earlier != content:
                detail = f"credit note {request.credit_note_id} had another content"
                said.append(Refused(request, "id_reused", detail))
        elif request.amount > balance.creditable:
            detail = f"only {balance.creditable} of {balance.number} can be credited"
            said.append(Refused(request, "exceeds_invoice", detail))
        else:
            note = credit(
                balance,
                request.credit_note_id,
                request.amount,
                request.reason,
                request.requested_by,
                request.time,
            )
            balances[request.invoice_id] = note.balance
            known[request.credit_note_id] = content
            issued.append((note, request))
            said += _told(note, request)
    await store.append_credit_notes(db, [note for note, _ in issued])
    touched = sorted({note.balance.invoice_id for note, _ in issued})
    await store.save_balances(db, [balances[invoice_id] for invoice_id in touched])
    settled_by = {
        note.balance.account_id: cause
        for note, cause in issued
        if not note.balance.outstanding and note.balance.account_id in overdue
    }
    return said + await tell_settled(settled_by, db)


def _told(note: CreditNote, cause: Message) -> list[Said]:
    balance = note.balance
    said: list[Said] = [
        InvoiceCredited(
            credit_note_id=note.credit_note_id,
            number=note.number,
            invoice_id=balance.invoice_id,
            account_id=balance.account_id,
            amount=note.amount,
            net=note.net,
            vat=note.vat,
            given_back=note.given_back,
            outstanding=balance.outstanding,
            currency=balance.currency,
            reason=note.reason,
            order_id=balance.paid_order_id,
            item_id=balance.paid_item_id,
        ).because(cause),
        notice("invoice_credited", balance, cause, amount=note.amount, credit_note=note.number),
    ]
    if note.refund_id:
        said.append(
            RefundToCredit(
                refund_id=note.refund_id,
                account_id=balance.account_id,
                wallet="credit",
                amount=note.given_back,
                order_id=balance.order_id,
                item_id=balance.item_id,
                reason="invoice_credited",
            ).because(cause)
        )
    return said
