"""What is due because time has passed."""

from collections.abc import Sequence
from typing import Final
from zoneinfo import ZoneInfo

from services.billing.domain.reminders import reminder
from services.billing.handlers import payments, poc, renewals
from services.billing.store import catalogue
from services.billing.store import payments as payments_store
from services.billing.store import poc as poc_store
from services.billing.store import renewals as renewals_store
from shared.database import Connection
from shared.messages import Said
from shared.messages.billing import RemindersDue
from shared.messages.notifications import NotificationRequested
from shared.messages.scheduler import TickDay, TickMinute
from shared.settings import settings

_PAYMENTS_AT_ONCE: Final = 2_000
"""Payments that one tick cancels; the next minute goes on."""
_REMINDERS_AT_ONCE: Final = 1_000
"""Reminders of one transaction; the rest has a message of its own."""


async def tick_minute(ticks: Sequence[TickMinute], db: Connection) -> list[Said]:
    """Cancel what nobody paid in time, and renew what is to be renewed (domain 2.2, 7)."""
    tick = max(ticks, key=lambda tick: tick.time)
    return await _cancel_overdue(tick, db) + await renewals.try_renewals(tick, db)


async def _cancel_overdue(tick: TickMinute, db: Connection) -> list[Said]:
    overdue = await payments_store.find_overdue_payments(db, tick.time, _PAYMENTS_AT_ONCE)
    if not overdue:
        return []
    held = await payments_store.lock_payments(db, overdue)
    return await payments.fail(
        [
            payments.Failure(
                payment,
                "link_expired" if payment.method == "on_behalf" else "payment_overdue",
                tick,
                payment.pay_until,
            )
            for payment in held.values()
            if payment.outcome is None and payment.gateway_open and payment.pay_until is not None
        ],
        db,
    )


async def remind(causes: Sequence[TickDay | RemindersDue], db: Connection) -> list[Said]:
    """Remind users of what ends within a week, and daily of what has ended (domain 7, 9)."""
    cause = max(causes, key=lambda cause: cause.time)
    day = cause.time.astimezone(ZoneInfo(settings().billing_time_zone)).date()
    endings = await renewals_store.take_reminders(db, cause.time, day, at_most=_REMINDERS_AT_ONCE)
    on_sale = await catalogue.find_catalogue(db, {one.product for one in endings})
    said: list[Said] = []
    for ending in endings:
        product = on_sale.find_product(ending.product, ending.ends_at)
        template, facts = reminder(ending, product, cause.time)
        notice = NotificationRequested(account_id=ending.account_id, template=template, facts=facts)
        said.append(notice.because(cause, key=ending.resource_id))
    wallets = await poc_store.take_reminders(db, cause.time, at_most=_REMINDERS_AT_ONCE)
    said += [poc.ends_soon(account_id, ends_at, cause) for account_id, ends_at in wallets]
    if _REMINDERS_AT_ONCE in (len(endings), len(wallets)):
        said.append(RemindersDue().because(cause))
    return said
