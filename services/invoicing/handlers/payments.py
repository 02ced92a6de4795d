"""Payments of invoices: asked for in the portal, by automatic payment, and what became of them."""

from collections.abc import Sequence

from services.invoicing.domain.payments import Collection, Payment, Settled, free, reserve, settle
from services.invoicing.handlers.automatic import collect, collect_next, payment_id_of
from services.invoicing.handlers.captures import captures_concluded
from services.invoicing.handlers.standing import notice, tell_settled, unknown
from services.invoicing.store import payments as store
from services.invoicing.store.payments import Outcome
from shared.database import Connection
from shared.ids import derived_id
from shared.messages import Message, Refused, Said
from shared.messages.billing import (
    InvoicePaymentConfirmed,
    PaymentFailed,
    RefundToCredit,
)
from shared.messages.invoicing import InvoicePaid, InvoicePartiallyPaid
from shared.messages.upstream import InvoicePaymentRecorded, InvoicePaymentRequested


async def invoice_payment_requested(
    requests: Sequence[InvoicePaymentRequested], db: Connection
) -> list[Said]:
    """Collect for an invoice what its user wants to pay of it, and reserve that much of it."""
    await store.lock_dues(db, [one.account_id for one in requests])
    balances = await store.lock_balances(db, [one.invoice_id for one in requests])
    payment_ids = {id(one): payment_id_of(one) for one in requests}
    known = await store.find_collections(db, set(payment_ids.values()))
    said: list[Said] = []
    asked: dict[str, tuple[Collection, Message]] = {}
    for request in sorted(requests, key=lambda one: one.time):
        payment_id = payment_ids[id(request)]
        balance = balances.get(request.invoice_id)
        if balance is None or balance.account_id != request.account_id:
            said.append(unknown(request, request.invoice_id))
            continue
        if payment_id in known or payment_id in asked:
            continue
        balance, amount = reserve(balance, request.amount)
        if amount == 0:
            said.append(notice("invoice_nothing_due", balance, request))
            continue
        balances[request.invoice_id] = balance
        collection = Collection(
            payment_id=payment_id,
            invoice_id=request.invoice_id,
            account_id=request.account_id,
            amount=amount,
            method=request.method,
            automatic=False,
            asked_at=request.time,
        )
        asked[payment_id] = (collection, request)
    touched = {collection.invoice_id for collection, _ in asked.values()}
    await store.save_balances(db, [balances[invoice_id] for invoice_id in sorted(touched)])
    await store.append_collections(db, [collection for collection, _ in asked.values()])
    return said + [collect(collection, cause) for collection, cause in asked.values()]


async def invoice_payment_confirmed(
    confirmations: Sequence[InvoicePaymentConfirmed], db: Connection
) -> list[Said]:
    """Count what billing collected; go on with the account's next invoice where automatic payment
    paid one in full (domain 4)."""
    said = await _count(
        [
            (
                Payment(
                    payment_id=one.payment_id,
                    invoice_id=one.invoice_id,
                    account_id=one.account_id,
                    amount=one.amount,
                    currency=one.currency,
                    method=one.method,
                    at=one.time,
                ),
                one,
            )
            for one in confirmations
        ],
        db,
    )
    return said + await captures_concluded({one.payment_id: one for one in confirmations}, db)


async def invoice_payment_recorded(
    records: Sequence[InvoicePaymentRecorded], db: Connection
) -> list[Said]:
    """Count what was paid by other means, as Sales recorded it."""
    return await _count(
        [
            (
                Payment(
                    payment_id=derived_id("recorded", one.invoice_id, one.reference),
                    invoice_id=one.invoice_id,
                    account_id=one.account_id,
                    amount=one.amount,
                    currency=None,
                    method="recorded",
                    at=one.time,
                    recorded_by=one.recorded_by,
                    note=one.note,
                ),
                one,
            )
            for one in records
        ],
        db,
    )


async def _count(came: Sequence[tuple[Payment, Message]], db: Connection) -> list[Said]:
    """Count payments towards their invoices, each once, and give back what was paid too much."""
    if not came:
        return []
    payment_ids = [payment.payment_id for payment, _ in came]
    overdue = await store.lock_dues(db, [payment.account_id for payment, _ in came])
    balances = await store.lock_balances(db, [payment.invoice_id for payment, _ in came])
    collections = await store.find_collections(db, payment_ids)
    counted = await store.find_payments(db, payment_ids)
    said: list[Said] = []
    paid: list[tuple[Settled, Message]] = []
    for payment, cause in sorted(came, key=lambda one: one[0].at):
        if payment.payment_id in counted:
            continue
        balance = balances.get(payment.invoice_id)
        if balance is None or balance.account_id != payment.account_id:
            said.append(unknown(cause, payment.invoice_id))
            continue
        if payment.currency not in (None, balance.currency):
            detail = f"invoice {balance.invoice_id} is in {balance.currency}"
            said.append(Refused(cause, "wrong_currency", detail))
            continue
        settled = settle(balance, payment, _open(payment, collections))
        balances[payment.invoice_id] = settled.balance
        counted.add(payment.payment_id)
        paid.append((settled, cause))
        said += _told(settled, cause)
    await store.append_payments(db, [settled for settled, _ in paid])
    touched = sorted({settled.payment.invoice_id for settled, _ in paid})
    await store.save_balances(db, [balances[invoice_id] for invoice_id in touched])
    said += await _conclude(paid, collections, db)
    settled_by = {
        settled.payment.account_id: cause
        for settled, cause in paid
        if not settled.balance.outstanding and settled.payment.account_id in overdue
    }
    return said + await tell_settled(settled_by, db)


def _open(
    payment: Payment, collections: dict[str, tuple[Collection, Outcome | None]]
) -> Collection | None:
    """The reservation that a payment ends, if it has one."""
    collection, outcome = collections.get(payment.payment_id, (None, None))
    if collection is None or outcome or collection.invoice_id != payment.invoice_id:
        return None
    return collection


async def _conclude(
    paid: Sequence[tuple[Settled, Message]],
    collections: dict[str, tuple[Collection, Outcome | None]],
    db: Connection,
) -> list[Said]:
    """End collections that payments answered; where automatic payment got all that it asked for,
    it goes on with the account's next invoice."""
    outcomes: dict[str, Outcome] = {}
    go_on: dict[str, Message] = {}
    for settled, cause in paid:
        payment = settled.payment
        collection, _ = collections.get(payment.payment_id, (None, None))
        if collection is None:
            continue
        outcomes[payment.payment_id] = "confirmed"
        if collection.automatic and payment.amount >= collection.amount:
            go_on[payment.account_id] = cause
    await store.conclude_collections(db, outcomes)
    return await collect_next(go_on, db)


def _told(settled: Settled, cause: Message) -> list[Said]:
    balance = settled.balance
    said: list[Said] = []
    if settled.amount:
        event = InvoicePartiallyPaid if balance.outstanding else InvoicePaid
        said.append(
            event(
                invoice_id=balance.invoice_id,
                account_id=balance.account_id,
                payment_id=settled.payment.payment_id,
                amount=settled.amount,
                outstanding=balance.outstanding,
            ).because(cause)
        )
        template = "invoice_partially_paid" if balance.outstanding else "invoice_paid"
        said.append(notice(template, balance, cause, amount=settled.amount))
    if settled.overpaid:
        said.append(
            RefundToCredit(
                refund_id=derived_id("overpaid", settled.payment.payment_id),
                account_id=balance.account_id,
                wallet="credit",
                amount=settled.overpaid,
                payment_id=settled.payment.payment_id,
                order_id=balance.order_id,
                item_id=balance.item_id,
                reason="overpaid",
            ).because(cause)
        )
    return said


async def payment_failed(failures: Sequence[PaymentFailed], db: Connection) -> list[Said]:
    """End the reservations of payments that did not come about."""
    ours = [one for one in failures if one.invoice_id]
    if not ours:
        return []
    await store.lock_dues(db, [one.account_id for one in ours])
    collections = await store.find_collections(db, [one.payment_id for one in ours])
    balances = await store.lock_balances(db, [one.invoice_id for one, _ in collections.values()])
    said: list[Said] = []
    outcomes: dict[str, Outcome] = {}
    touched: set[str] = set()
    for failure in ours:
        collection, outcome = collections.get(failure.payment_id, (None, None))
        if collection is None or outcome or failure.payment_id in outcomes:
            continue
        balance = free(balances[collection.invoice_id], collection)
        balances[collection.invoice_id] = balance
        touched.add(collection.invoice_id)
        outcomes[failure.payment_id] = "failed"
        if not collection.automatic:
            said.append(notice("invoice_payment_failed", balance, failure, reason=failure.reason))
    await store.save_balances(db, [balances[invoice_id] for invoice_id in sorted(touched)])
    await store.conclude_collections(db, outcomes)
    return said + await captures_concluded({one.payment_id: one for one in ours}, db)
