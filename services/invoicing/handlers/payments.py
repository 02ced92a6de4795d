"""Payments of invoices: asked for in the portal, by automatic payment, and what became of them."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from services.invoicing.domain.payments import Balance, Collection, free, reserve, settle
from services.invoicing.domain.payments import Settled as SettledPayment
from services.invoicing.store import payments as store
from services.invoicing.store.payments import Outcome
from shared.database import Connection
from shared.ids import derived_id
from shared.messages import Message, NotYet, Refused, Said
from shared.messages.billing import PaymentCollect, PaymentConfirmed, PaymentFailed, RefundToCredit
from shared.messages.invoicing import (
    AccountOverdue,
    AccountSettled,
    InvoicePaid,
    InvoicePartiallyPaid,
    InvoicePaymentsDue,
)
from shared.messages.notifications import NotificationRequested
from shared.messages.scheduler import TickDay
from shared.messages.upstream import InvoicePaymentRequested
from shared.settings import settings
from shared.waiting import may_wait


async def invoice_payment_requested(
    requests: Sequence[InvoicePaymentRequested], db: Connection
) -> list[Said]:
    """Collect for an invoice what its user wants to pay of it, and reserve that much of it."""
    balances = await store.lock_balances(db, [one.invoice_id for one in requests])
    payment_ids = {id(one): _payment_id(one) for one in requests}
    known = await store.find_collections(db, set(payment_ids.values()))
    said: list[Said] = []
    asked: dict[str, tuple[Collection, Message]] = {}
    for request in sorted(requests, key=lambda one: one.time):
        payment_id = payment_ids[id(request)]
        balance = balances.get(request.invoice_id)
        if balance is None or balance.account_id != request.account_id:
            said.append(_unknown(request, request.invoice_id))
            continue
        if payment_id in known or payment_id in asked:
            continue
        balance, amount = reserve(balance, request.amount)
        if amount == 0:
            said.append(_notice("invoice_nothing_due", balance, request))
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
    return said + [_collect(collection, cause) for collection, cause in asked.values()]


async def payment_confirmed(
    confirmations: Sequence[PaymentConfirmed], db: Connection
) -> list[Said]:
    """Count payments towards their invoices; give back what was paid too much; go on with the
    account's next invoice where automatic payment paid one in full."""
    ours = sorted((one for one in confirmations if one.invoice_id), key=lambda one: one.time)
    if not ours:
        return []
    balances = await store.lock_balances(db, [one.invoice_id for one in ours if one.invoice_id])
    collections = await store.find_collections(db, [one.payment_id for one in ours])
    counted = await store.find_payments(db, [one.payment_id for one in ours])
    said: list[Said] = []
    paid: list[tuple[PaymentConfirmed, SettledPayment]] = []
    outcomes: dict[str, Outcome] = {}
    go_on: dict[str, Message] = {}
    for payment in ours:
        balance = balances.get(payment.invoice_id or "")
        if payment.payment_id in counted:
            continue
        if answer := _not_countable(payment, balance):
            said.append(answer)
            continue
        assert balance is not None
        collection, outcome = collections.get(payment.payment_id, (None, None))
        settled = settle(balance, payment.amount, None if outcome else collection)
        balances[balance.invoice_id] = settled.balance
        counted.add(payment.payment_id)
        paid.append((payment, settled))
        if collection is not None:
            outcomes[payment.payment_id] = "confirmed"
            if collection.automatic and payment.amount >= collection.amount:
                go_on[payment.account_id] = payment
        said += _told(payment, settled)
    await store.append_payments(db, paid)
    await store.save_balances(db, [balances[one] for one in sorted(_touched(paid))])
    await store.conclude_collections(db, outcomes)
    return said + await _tell_settled(paid, db) + await _collect_next(go_on, db)


async def _tell_settled(
    paid: Sequence[tuple[PaymentConfirmed, SettledPayment]], db: Connection
) -> list[Said]:
    """Say which accounts are not overdue any more: never earlier than it was told that they are."""
    causes = {one.account_id: one for one, settled in paid if not settled.balance.outstanding}
    settled_accounts = await store.settle_dues(db, causes)
    return [
        AccountSettled(account_id=account_id).because(
            causes[account_id], at=max(causes[account_id].time, told_at)
        )
        for account_id, told_at in sorted(settled_accounts.items())
    ]


def _touched(paid: Sequence[tuple[PaymentConfirmed, SettledPayment]]) -> set[str]:
    return {settled.balance.invoice_id for _, settled in paid}


def _not_countable(payment: PaymentConfirmed, balance: Balance | None) -> Said | None:
    if balance is None or balance.account_id != payment.account_id:
        return _unknown(payment, payment.invoice_id or "")
    if balance.currency != payment.currency:
        return Refused(
            payment, "wrong_currency", f"invoice {balance.invoice_id} is in {balance.currency}"
        )
    return None


def _told(payment: PaymentConfirmed, settled: SettledPayment) -> list[Said]:
    balance = settled.balance
    said: list[Said] = []
    if settled.amount:
        event = InvoicePartiallyPaid if balance.outstanding else InvoicePaid
        said.append(
            event(
                invoice_id=balance.invoice_id,
                account_id=balance.account_id,
                payment_id=payment.payment_id,
                amount=settled.amount,
                outstanding=balance.outstanding,
            ).because(payment)
        )
        template = "invoice_partially_paid" if balance.outstanding else "invoice_paid"
        said.append(_notice(template, balance, payment, amount=settled.amount))
    if settled.overpaid:
        said.append(
            RefundToCredit(
                refund_id=derived_id("overpaid", payment.payment_id),
                account_id=balance.account_id,
                wallet="credit",
                amount=settled.overpaid,
                payment_id=payment.payment_id,
                order_id=balance.order_id,
                item_id=balance.item_id,
                reason="overpaid",
            ).because(payment)
        )
    return said


async def payment_failed(failures: Sequence[PaymentFailed], db: Connection) -> list[Said]:
    """End the reservations of payments that did not come about."""
    ours = [one for one in failures if one.invoice_id]
    if not ours:
        return []
    balances = await store.lock_balances(db, [one.invoice_id for one in ours if one.invoice_id])
    collections = await store.find_collections(db, [one.payment_id for one in ours])
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
            said.append(_notice("invoice_payment_failed", balance, failure, reason=failure.reason))
    await store.save_balances(db, [balances[invoice_id] for invoice_id in sorted(touched)])
    await store.conclude_collections(db, outcomes)
    return said


async def tick_day(ticks: Sequence[TickDay], db: Connection) -> list[Said]:
    """See to the open invoices of all accounts, range by range (domain 4)."""
    ranges = await store.cut_open_accounts(db)
    return [
        InvoicePaymentsDue(first_account=first_account, next_account=next_account).because(
            tick, key=first_account
        )
        for tick in ticks
        for first_account, next_account in ranges
    ]


async def invoice_payments_due(
    messages: Sequence[InvoicePaymentsDue], db: Connection
) -> list[Said]:
    """Begin the automatic payment of a range of accounts, once a day, and remind of what is
    overdue. The other ranges of the group are passed on."""
    zone = ZoneInfo(settings().billing_time_zone)
    first, *others = sorted(messages, key=lambda one: (one.time, one.first_account))
    said: list[Said] = [
        InvoicePaymentsDue(**one.model_dump()).because(one, key="passed on") for one in others
    ]
    account_ids = await store.begin_day(
        db,
        first.first_account,
        first.next_account,
        first.time,
        first.time.astimezone(zone).date(),
    )
    said += await _collect_next(dict.fromkeys(account_ids, first), db)
    late = await store.find_overdue(db, account_ids, first.time)
    await store.save_overdue(db, [overdue.account_id for overdue in late], first.time)
    for overdue in late:
        said.append(
            AccountOverdue(account_id=overdue.account_id, since=overdue.due_since).because(
                first, key=overdue.account_id
            )
        )
        said.append(
            NotificationRequested(
                account_id=overdue.account_id,
                template="invoices_overdue",
                facts={
                    "invoices": overdue.invoices,
                    "outstanding": overdue.outstanding,
                    "currency": overdue.currency,
                    "due_since": overdue.due_since.isoformat(),
                    "numbers": list(overdue.numbers),
                },
            ).because(first, key=f"overdue {overdue.account_id}")
        )
    return said


async def _collect_next(causes: dict[str, Message], db: Connection) -> list[Said]:
    """Collect from credit for each account's next invoice, as far as the credit reaches: older
    invoices first, and of equally old ones the smaller (domain 4)."""
    if not causes:
        return []
    latest = max(cause.time for cause in causes.values())
    due = await store.find_next_to_pay(db, causes, latest)
    balances = await store.lock_balances(db, due.values())
    wanted: list[Collection] = []
    for account_id, invoice_id in due.items():
        balances[invoice_id], amount = reserve(balances[invoice_id], None)
        if amount:
            wanted.append(_automatic(balances[invoice_id], amount, causes[account_id]))
    begun = await store.append_collections(db, wanted)
    await store.save_balances(db, [balances[one.invoice_id] for one in begun])
    return [_collect(one, causes[one.account_id]) for one in begun]


def _automatic(balance: Balance, amount: int, cause: Message) -> Collection:
    return Collection(
        payment_id=_payment_id(cause, balance.invoice_id),
        invoice_id=balance.invoice_id,
        account_id=balance.account_id,
        amount=amount,
        method="credit",
        automatic=True,
        asked_at=cause.time,
    )


def _payment_id(cause: Message, *of: str) -> str:
    return derived_id("payment", cause.envelope.source, cause.envelope.id, *of)


def _collect(collection: Collection, cause: Message) -> PaymentCollect:
    return PaymentCollect(
        payment_id=collection.payment_id,
        invoice_id=collection.invoice_id,
        account_id=collection.account_id,
        amount=collection.amount,
        method=collection.method,
        as_far_as_possible=collection.automatic,
    ).because(cause, key=collection.payment_id)


def _notice(
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


def _unknown(message: Message, invoice_id: str) -> NotYet | Refused:
    """An invoice that its account does not have; it may only be on its way."""
    if may_wait(message):
        return NotYet(message, "unknown_invoice")
    return Refused(message, "unknown_invoice", f"the account has no invoice {invoice_id}")
