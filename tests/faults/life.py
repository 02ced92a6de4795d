"""What follows after orders were placed: months pass, and customers pay their invoices."""

from collections.abc import Sequence
from typing import Final

from shared.messages import Message
from tests.faults.load import Load, shuffled
from tests.faults.site import Site

CONCLUDE_S: Final = 300
"""The longest time in which nothing at all may be handled."""


async def live_on(site: Site, load: Load) -> None:
    """Let months pass after the orders: ends, recoveries, invoices, payments, reminders."""
    await site.conclude(CONCLUDE_S)
    await _wave(site, load.provisioned(site.house.ear.heard))
    waves = load.passing_time()
    for wave in waves:
        await _wave(site, wave)
    heard = site.house.ear.heard
    await _wave(site, load.payments(heard))
    await _wave(site, load.answers(heard))
    await _wave(site, load.overdue())
    await _wave(site, load.settling(heard))


async def _wave(site: Site, messages: Sequence[Message]) -> None:
    await site.publish(shuffled(messages, site.chance))
    await site.conclude(CONCLUDE_S)
