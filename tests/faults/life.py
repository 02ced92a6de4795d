"""What becomes of a load: months pass, invoices are paid, and at last everybody was told."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from shared.messages import Message
from shared.messages.billing import PaymentRequested
from shared.messages.gateways import PaymentLinkReady
from shared.messages.scheduler import TickMinute
from shared.messages.upstream import NotificationRecipientConfirmed, TopUpRequested
from tests.builders import NOON, said
from tests.faults import desk, months, programs
from tests.faults.load import Load
from tests.faults.mixing import shuffled
from tests.faults.portal import copied_to
from tests.faults.site import Site

CONCLUDE_S: Final = 300
"""The longest time in which nothing at all may be handled."""
_ANSWERED: Final = NOON + timedelta(days=1, hours=2)


async def live_on(site: Site, load: Load) -> None:
    """Let months pass after the orders: ends, recoveries, invoices, payments, reminders; see to
    what goes wrong on the way."""
    await site.conclude(CONCLUDE_S)
    heard = site.house.ear.heard
    await desk.judge_dead_letters(site, load)
    await _call_back(site, load)
    await _wave(site, [*months.provisioned(load, heard), *_agreed(site, load)])
    for wave in months.passing_time(load):
        await _wave(site, wave)
    await _wave(site, desk.prices_that_were_missing(load, heard))
    await _wave(site, desk.runs_again(load, heard))
    await _wave(site, months.payments(load, heard))
    await _answer(site, months.asked_of_gateways(load, heard))
    await _wave(site, months.overdue(load))
    await _wave(site, months.refused(load, heard))
    await _wave(site, months.settling(load, heard))
    await desk.discard_what_nobody_can_read(site)
    await programs.assert_all_were_told(site, load)
    await assert_all_was_mailed(site)


async def wind_up(site: Site, load: Load) -> None:
    """Conclude every order without the months after it: product teams answer, and what nobody paid
    lapses."""
    await site.conclude(CONCLUDE_S)
    lapsed = said(TickMinute(), at=NOON + timedelta(days=8))
    await _wave(site, [*months.provisioned(load, site.house.ear.heard), lapsed])


async def _wave(site: Site, messages: Sequence[Message]) -> None:
    await site.publish(shuffled(messages, site.chance))
    await site.conclude(CONCLUDE_S)


async def _call_back(site: Site, load: Load) -> None:
    """The gateway tells of the top-ups for which it was asked: half of them were paid."""
    asked = {
        one.top_up_id: one
        for one in site.house.ear.heard
        if isinstance(one, TopUpRequested) and load.is_ours(one.account_id)
    }
    known = {one.payment_id for one in site.house.heard(PaymentLinkReady)}
    assert asked.keys() <= known, f"no page for {asked.keys() - known}"
    paid = [
        (top_up_id, one.amount if number % 2 else None, max(_ANSWERED, one.time))
        for number, (top_up_id, one) in enumerate(sorted(asked.items()))
    ]
    await asyncio.gather(*(site.outside.call_back(*one) for one in paid))


async def _answer(site: Site, asked: Sequence[PaymentRequested]) -> None:
    """The gateway tells of the payments that it was asked for: half of them are not made."""
    await asyncio.gather(
        *(
            site.outside.call_back(
                one.payment_id, one.amount if number % 2 else None, one.time + timedelta(hours=1)
            )
            for number, one in enumerate(asked)
        )
    )
    await site.conclude(CONCLUDE_S)


def _agreed(site: Site, load: Load) -> list[Message]:
    """Who was asked by mail whether they want copies says yes."""
    tokens = site.outside.tokens_for(copied_to(f"{load.name}-").partition("@")[0])
    return [said(NotificationRecipientConfirmed(token=one), at=_ANSWERED) for one in tokens]


async def assert_all_was_mailed(site: Site) -> None:
    """Each notice that ended as sent was taken by the mail server, and no other."""
    async with site.database() as db:
        sent = await db.fetch(
            "select notice_id from notifications.notice_outcome where outcome = 'sent'"
        )
    taken = {one.partition("@")[0].lstrip("<") for one in site.outside.mails}
    unsent = {row["notice_id"].replace(":", ".") for row in sent} - taken
    assert not unsent, f"{len(unsent)} notices that were sent never came: {sorted(unsent)[:5]}"
