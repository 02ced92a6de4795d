"""What is due because time has passed."""

from collections.abc import Sequence
from typing import Final

from services.billing.handlers import payments
from services.billing.store import payments as store
from shared.database import Connection
from shared.messages import Said
from shared.messages.scheduler import TickMinute

_AT_MOST: Final = 2_000
"""Payments that one tick cancels; the next minute goes on."""


async def tick_minute(ticks: Sequence[TickMinute], db: Connection) -> list[Said]:
    """Cancel what nobody paid in time (domain 2.2)."""
    tick = max(ticks, key=lambda tick: tick.time)
    overdue = await store.find_overdue_payments(db, tick.time, _AT_MOST)
    if not overdue:
        return []
    held = await store.lock_payments(db, overdue)
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
