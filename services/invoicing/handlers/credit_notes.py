"""Credit notes: an issued invoice is never changed, a correction names it (domain 11.6)."""

from collections.abc import Sequence

from services.invoicing.domain.payments import CreditNote, PaidItem, credit
from services.invoicing.handlers.standing import notice, tell_settled, unknown
from services.invoicing.store import payments as store
from shared.database import Connection
from shared.messages import Message, Refused, Said
from shared.messages.billing import RefundReserve, RefundReserved, RefundToCredit
from shared.messages.invoicing import InvoiceCredited
from shared.messages.upstream import InvoiceCreditRequested


async def credit_note_asked_for(
    asked: Sequence[InvoiceCreditRequested | RefundReserved], db: Connection
) -> list[Said]:
    """Issue credit notes, together at most the whole invoice; give back what was paid of it.

    Those of prepaid invoices are issued once billing has reserved what they give back: it alone
    knows what is left of the money that went in for a resource (domain 6).
    """
    overdue = await store.lock_dues(db, [one.account_id for one in asked])
    balances = await store.lock_balances(db, [one.invoice_id for one in asked])
    known = await store.find_credit_notes(db, [one.credit_note_id for one in asked])
    said: list[Said] = []
    issued: list[tuple[CreditNote, Message]] = []
    for one in sorted(asked, key=lambda one: (one.time, one.credit_note_id)):
        balance = balances.get(one.invoice_id)
        content = (one.invoice_id, one.amount)
        if balance is None or balance.account_id != one.account_id:
            said.append(unknown(one, one.invoice_id))
        elif (earlier := known.get(one.credit_note_id)) is not None:
            if earlier != content:
                detail = f"credit note {one.credit_note_id} had another content"
                said.append(Refused(one, "id_reused", detail))
        elif one.amount > balance.creditable:
            detail = f"only {balance.creditable} of {balance.number} can be credited"
            said.append(Refused(one, "exceeds_invoice", detail))
        elif balance.paid_item is not None and isinstance(one, InvoiceCreditRequested):
            said.append(_reserve(one, balance.paid_item))
        else:
            note = credit(
                balance, one.credit_note_id, one.amount, one.reason, one.requested_by, one.time
            )
            balances[one.invoice_id] = note.balance
            known[one.credit_note_id] = content
            issued.append((note, one))
            said += _told(note, one)
    await store.append_credit_notes(db, [note for note, _ in issued])
    touched = sorted({note.balance.invoice_id for note, _ in issued})
    await store.save_balances(db, [balances[invoice_id] for invoice_id in touched])
    settled_by = {
        note.balance.account_id: cause
        for note, cause in issued
        if not note.balance.outstanding and note.balance.account_id in overdue
    }
    return said + await tell_settled(settled_by, db)


def _reserve(request: InvoiceCreditRequested, item: PaidItem) -> RefundReserve:
    return RefundReserve(
        credit_note_id=request.credit_note_id,
        invoice_id=request.invoice_id,
        account_id=request.account_id,
        order_id=item.order_id,
        item_id=item.item_id,
        resource_id=item.resource_id,
        amount=request.amount,
        reason=request.reason,
        requested_by=request.requested_by,
    ).because(request)


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
