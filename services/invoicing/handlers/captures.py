"""A month's invoice is paid by the hold of its resource, and what that lacks by available credit
(domain 8)."""

from collections.abc import Mapping
from datetime import datetime

from services.invoicing.domain import holds as domain
from services.invoicing.domain.holds import Hold
from services.invoicing.domain.payments import Collection, reserve
from services.invoicing.handlers.holds import set_after_capture
from services.invoicing.store import holds as store
from services.invoicing.store import payments
from services.invoicing.store.runs import Range
from shared.database import Connection
from shared.ids import derived_id
from shared.messages import Message, Said
from shared.messages.billing import InvoicePaymentConfirmed, PaymentCollect, PaymentFailed


async def collect_from_holds(one: Range, cause: Message, db: Connection) -> list[Said]:
    """Begin to pay the invoices that a range of a month's run has issued, in its transaction."""
    due = await store.find_invoices_to_pay(db, one.tick_at, one.first_account, one.next_account)
    return list((await _collect(due, dict.fromkeys(due, cause), one.tick_at, db)).values())


async def _collect(
    due: Mapping[str, str], causes: Mapping[str, Message], at: datetime, db: Connection
) -> dict[str, Said]:
    """Collect for an invoice of each of these resources, out of its hold first, once; what is said,
    by resource. What postpaid users use is due later, and not collected."""
    if not due:
        return {}
    holds = await store.lock_holds(db, due)
    types = await store.find_user_types(db, [(hold.account_id, at) for hold in holds.values()])
    paying = {
        resource_id: hold
        for resource_id, hold in holds.items()
        if hold.payment_id is None and types[hold.account_id, at] == "prepaid"
    }
    balances = await payments.lock_balances(db, [due[resource_id] for resource_id in paying])
    payment_ids = {key: derived_id("payment", "hold", due[key]) for key in paying}
    known = await payments.find_collections(db, payment_ids.values())
    after: dict[str, Hold] = {}
    begun: dict[str, Collection] = {}
    for resource_id, hold in paying.items():
        invoice_id = due[resource_id]
        balances[invoice_id], amount = reserve(balances[invoice_id], None)
        if amount == 0 or payment_ids[resource_id] in known:
            continue
        after[resource_id] = domain.capture(hold, payment_ids[resource_id], at)
        begun[resource_id] = Collection(
            payment_id=payment_ids[resource_id],
            invoice_id=invoice_id,
            account_id=hold.account_id,
            amount=amount,
            method="credit",
            automatic=False,
            asked_at=at,
        )
    await payments.append_collections(db, list(begun.values()))
    await payments.save_balances(db, [balances[one.invoice_id] for one in begun.values()])
    await store.save_holds(db, list(after.values()))
    return {
        resource_id: PaymentCollect(
            payment_id=one.payment_id,
            invoice_id=one.invoice_id,
            account_id=one.account_id,
            amount=one.amount,
            method=one.method,
            as_far_as_possible=True,
            hold_id=resource_id,
            change_id=after[resource_id].change_id,
        ).because(causes[resource_id], key=one.payment_id, at=after[resource_id].asked_at)
        for resource_id, one in begun.items()
    }


async def captures_concluded(
    answers: Mapping[str, InvoicePaymentConfirmed | PaymentFailed], db: Connection
) -> list[Said]:
    """Set holds that paid an invoice anew. Where one paid all of it, the next month's, if its run
    had missed months to close, is paid before that.

    Args:
        answers: what became of payments, by their ids; most are not made from holds.
        db: a transaction.
    """
    holds = await store.lock_holds_of_payments(db, answers) if answers else {}
    if not holds:
        return []
    causes = {key: answers[hold.payment_id or ""] for key, hold in holds.items()}
    asked = await payments.find_collections(db, answers)
    after = {key: domain.captured(hold, _paid(causes[key])) for key, hold in holds.items()}
    await store.save_holds(db, list(after.values()))
    said: list[Said] = []
    left = dict(after)
    for issued_at in sorted({collection.asked_at for collection, _ in asked.values()}):
        paid_in_full = [
            key
            for key, hold in holds.items()
            if (collection := asked[hold.payment_id or ""][0]).asked_at == issued_at
            and _paid(causes[key]) >= collection.amount
        ]
        due = await store.find_invoices_to_pay(db, issued_at, resource_ids=paid_in_full)
        collected = await _collect(due, causes, issued_at, db)
        said += collected.values()
        left = {key: hold for key, hold in left.items() if key not in collected}
    return said + await set_after_capture({key: causes[key] for key in left}, left, db)


def _paid(answer: InvoicePaymentConfirmed | PaymentFailed) -> int:
    return answer.amount if isinstance(answer, InvoicePaymentConfirmed) else 0
