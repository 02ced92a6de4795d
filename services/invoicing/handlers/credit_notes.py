"""Credit notes: an issued invoice is never changed, a correction names it (domain 11.6)."""

from collections.abc import Mapping, Sequence

from services.invoicing.domain.payments import Balance, CreditNote, credit
from services.invoicing.handlers.standing import notice, tell_settled, unknown
from services.invoicing.store import payments as store
from services.invoicing.store.payments import ResourceRefund
from shared.database import Connection
from shared.messages import Message, Refused, Said
from shared.messages.billing import RefundToCredit
from shared.messages.invoicing import InvoiceCredited
from shared.messages.upstream import InvoiceCreditRequested


async def invoice_credit_requested(
    requests: Sequence[InvoiceCreditRequested], db: Connection
) -> list[Said]:
    """Issue credit notes, together at most the whole invoice; give back what was paid of it.

    Of a prepaid invoice no more than is left of the money that went in for its resource, where
    billing gave some back (domain 6).
    """
    overdue = await store.lock_dues(db, [one.account_id for one in requests])
    balances = await store.lock_balances(db, [one.invoice_id for one in requests])
    left = await store.find_money_left(db, balances.values())
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
        elif request.amount > (creditable := _creditable(balance, left)):
            detail = f"only {creditable} of {balance.number} can be credited"
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
            if balance.paid_item:
                left[balance.paid_item.resource_id] -= note.amount
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


def _creditable(balance: Balance, left: Mapping[str, int]) -> int:
    if balance.paid_item is None:
        return balance.creditable
    return max(0, min(balance.creditable, left[balance.paid_item.resource_id]))


async def refund_to_credit(refunds: Sequence[RefundToCredit], db: Connection) -> list[Said]:
    """Keep what billing gave back of what prepaid invoices had been paid with (domain 6).

    What was not provisioned has no invoice, nor has what a POC wallet paid.
    """
    await store.append_resource_refunds(
        db,
        [
            ResourceRefund(one.account_id, one.refund_id, one.resource_id, one.amount, one.time)
            for one in refunds
            if one.resource_id and one.wallet == "credit" and one.reason != "provisioning_failed"
        ],
    )
    return []


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
            order_id=balance.paid_item.order_id if balance.paid_item else None,
            item_id=balance.paid_item.item_id if balance.paid_item else None,
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
