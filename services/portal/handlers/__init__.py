"""The portal's one handler: what messages tell is gathered table by table, and written.

To show something more: a table in a migration, what messages tell of it in `domain`, its statement
in `store/saving.sql`, a line in `TELLINGS`, and the type in `HEARD`.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from services.portal.domain import (
    accounts,
    answers,
    catalogue,
    events,
    invoices,
    letters,
    notifications,
    orders,
    payments,
    resources,
    runs,
    wallets,
)
from services.portal.domain.facts import Row, each, gathered, newest, told_by
from services.portal.domain.webhooks import PUBLIC, is_public, outgoing
from services.portal.settings import settings
from services.portal.store import saving, webhooks
from shared.database import Connection
from shared.messages import Message, Said
from shared.messages import billing as b
from shared.messages import catalogue as c
from shared.messages import dead_letters as d
from shared.messages import invoicing as i
from shared.messages import notifications as n
from shared.messages import upstream as u
from shared.service import Handlers

TELLINGS: Final[Mapping[str, Callable[[Sequence[Message]], Sequence[Row]]]] = {
    "accounts": partial(gathered, telling=accounts.of_account),
    "billing_details": lambda told: each(told_by(told, accounts.of_billing_details)),
    "pocs": lambda told: each(told_by(told, accounts.of_poc)),
    "products": partial(
        newest, telling=catalogue.of_product, version=lambda row: row["published_at"]
    ),
    "prices": partial(newest, telling=catalogue.of_price, version=lambda row: row["published_at"]),
    "orders": partial(gathered, telling=orders.of_order),
    "items": partial(gathered, telling=orders.of_item),
    "payments": partial(gathered, telling=payments.of_payment),
    "resources": partial(newest, telling=resources.of_resource, version=lambda row: row["version"]),
    "auto_renewals": partial(
        newest,
        telling=resources.of_auto_renewal,
        version=lambda row: (row["set_at"], row["months"] is None),
    ),
    "wallets": partial(
        newest, telling=wallets.of_wallet, version=lambda row: (row["position"], row["at"])
    ),
    "entries": lambda told: each(told_by(told, wallets.of_entry)),
    "invoices": lambda told: each(told_by(told, invoices.of_invoice)),
    "invoice_payments": lambda told: each(told_by(told, invoices.of_invoice_payment)),
    "credit_notes": lambda told: each(told_by(told, invoices.of_credit_note)),
    "notices": lambda told: each(told_by(told, answers.of_notice)),
    "notice_preferences": partial(gathered, telling=notifications.of_preferences),
    "notice_recipients": partial(gathered, telling=notifications.of_recipient),
    "notice_ends": lambda told: each(told_by(told, notifications.of_end)),
    "quotes": lambda told: each(told_by(told, answers.of_quote)),
    "usage_reports": partial(
        newest, telling=answers.of_usage_report, version=lambda row: row["until"]
    ),
    "letters": partial(gathered, telling=letters.of_letter),
    "runs": partial(gathered, telling=runs.of_run),
    "ranges": lambda told: each(told_by(told, runs.of_range)),
    "quarantines": partial(
        newest, telling=runs.of_quarantine, version=lambda row: (row["at"], row["resolved"])
    ),
}
"""What messages tell, by the table of `saving.TABLES`."""


async def heard(messages: Sequence[Any], db: Connection) -> list[Said]:
    """Write down what messages tell, each table once, and each event of an account."""
    for table in saving.TABLES:
        await saving.save_rows(db, table, TELLINGS[table](messages))
    happened = each(told_by(messages, events.of_event))
    await saving.append_events(db, happened)
    await _pass_on(happened, db)
    return []


async def _pass_on(happened: Sequence[Row], db: Connection) -> None:
    """Have public events sent to the accounts' own systems, by errands and not here."""
    public = [event for event in happened if is_public(event)]
    if not public:
        return
    listening = await webhooks.find_listening(db, {event["account_id"] for event in public})
    if sent := [outgoing(event) for event in public if event["account_id"] in listening]:
        await webhooks.append_deliveries(db, sent, settings().webhook_give_up_s)


HEARD: Final[tuple[type[Message], ...]] = (
    *PUBLIC,
    u.AccountRegistered,
    u.AccountChanged,
    u.AccountSwitchRequested,
    c.ProductPublished,
    c.PricePublished,
    c.DiscountGranted,
    u.PocGranted,
    u.OrderPlaced,
    u.TopUpRequested,
    u.TopUpReceived,
    u.InvoicePaymentRequested,
    u.InvoicePaymentRecorded,
    u.InvoiceCreditRequested,
    u.NotificationPreferencesSet,
    u.ResourceAutoRenewSet,
    u.GatewayPaymentSucceeded,
    u.GatewayPaymentFailed,
    b.AccountSwitchRefused,
    b.QuoteGiven,
    i.InvoicesIssued,
    i.UsageReportGiven,
    n.NotificationRequested,
    n.NotificationSent,
    n.NotificationFailed,
    n.NotificationRecipientAsked,
    n.NotificationRecipientAgreed,
    d.DeadLetterRecorded,
    d.DeadLetterConcluded,
    d.DeadLetterNotWaiting,
    i.InvoiceRunBegan,
    i.InvoiceRunProgressed,
    i.InvoiceRunAccountQuarantined,
    i.InvoiceRunAccountResolved,
    i.InvoiceRunCompleted,
)

HANDLERS: Handlers = dict.fromkeys(HEARD, heard)
