"""Automatic payment of invoices from credit, day by day, and reminders (domain 4)."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from services.invoicing.domain.payments import Balance, Collection, reserve
from services.invoicing.handlers import holds
from services.invoicing.handlers.reports import look_again
from services.invoicing.handlers.standing import tell_settled
from services.invoicing.store import payments as store
from shared.database import Connection
from shared.ids import derived_id
from shared.messages import Message, Said
from shared.messages.billing import PaymentCollect
from shared.messages.invoicing import AccountOverdue, InvoicePaymentsDue
from shared.messages.notifications import NotificationRequested
from shared.messages.scheduler import TickDay
from shared.settings import settings


async def tick_day(ticks: Sequence[TickDay], db: Connection) -> list[Said]:
    """See to the open invoices of all accounts, range by range (domain 4), to accounts that are
    overdue without one, to reports that wait for their resource, and to holds (domain 8)."""
    settled = await _settle_unnoticed(ticks, db)
    ranges = await store.cut_open_accounts(db)
    return [*settled, *await look_again(ticks, db), *await holds.due(ticks, db)] + [
        InvoicePaymentsDue(first_account=first_account, next_account=next_account).because(
            tick, key=first_account
        )
        for tick in ticks
        for first_account, next_account in ranges
    ]


async def _settle_unnoticed(ticks: Sequence[TickDay], db: Connection) -> list[Said]:
    """Say of accounts that are overdue and have paid what was due that they are so no more. The
    last payment has said it already, unless something went wrong (domain 11.5)."""
    last = max(ticks, key=lambda tick: tick.time)
    overdue = await store.lock_dues(db, await store.find_settled(db))
    return await tell_settled(dict.fromkeys(overdue, last), db)


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
    said += await collect_next(dict.fromkeys(account_ids, first), db)
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


async def collect_next(causes: dict[str, Message], db: Connection) -> list[Said]:
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
    return [collect(one, causes[one.account_id]) for one in begun]


def _automatic(balance: Balance, amount: int, cause: Message) -> Collection:
    return Collection(
        payment_id=payment_id_of(cause, balance.invoice_id),
        invoice_id=balance.invoice_id,
        account_id=balance.account_id,
        amount=amount,
        method="credit",
        automatic=True,
        asked_at=cause.time,
    )


def payment_id_of(cause: Message, *of: str) -> str:
    return derived_id("payment", cause.envelope.source, cause.envelope.id, *of)


def collect(collection: Collection, cause: Message) -> PaymentCollect:
    return PaymentCollect(
        payment_id=collection.payment_id,
        invoice_id=collection.invoice_id,
        account_id=collection.account_id,
        amount=collection.amount,
        method=collection.method,
        as_far_as_possible=collection.automatic,
    ).because(cause, key=collection.payment_id)
