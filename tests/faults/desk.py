"""Support at their desk: what could not be handled, and accounts that a month's run left out."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Final

from services.registry import SERVICES
from shared.messages import Message
from shared.messages.dead_letters import (
    DeadLetterConcluded,
    DeadLetterDiscardRequested,
    DeadLetterNotWaiting,
    DeadLetterRecorded,
    DeadLetterReplayRequested,
)
from shared.messages.invoicing import InvoiceRunAccountQuarantined, InvoiceRunAccountRequested
from tests.builders import NOON, said
from tests.faults.load import Load
from tests.faults.months import end_of
from tests.faults.products import price
from tests.faults.site import Site
from tests.faults.upstream import UNKNOWN

_WITHIN_S: Final = 120
_AT: Final = NOON + timedelta(days=3)


async def judge_dead_letters(site: Site, load: Load) -> None:
    """Something that nobody can read comes to each service. It becomes a dead letter; Support have
    it replayed, which helps nothing, and then discard what that left."""
    known = len(site.house.ear.heard)
    await asyncio.gather(
        *(site.upstream.spoil(service, f"{load.name}-spoiled") for service in SERVICES)
    )
    letters = await _recorded(site, known)
    known = len(site.house.ear.heard)
    await site.publish([said(_replay(letter), at=_AT) for letter in letters])
    again = await _recorded(site, known)
    known = len(site.house.ear.heard)
    asked = [said(_discard(letter), at=_AT) for letter in [*again, *again, *letters]]
    await site.publish(asked)
    for letter in letters:
        await site.house.ear.wait_for(DeadLetterNotWaiting, partial(_is_about, letter), _WITHIN_S)
    await discard_what_nobody_can_read(site)


async def discard_what_nobody_can_read(site: Site) -> None:
    """Discard every copy: what can't be read has no name by which a second copy is known, and a
    worker that dies before it acknowledges leaves one."""
    while unread := _unread(site):
        await site.publish([said(_discard(letter), at=_AT) for letter in unread])
        await site.conclude(_WITHIN_S)


def _unread(site: Site) -> list[DeadLetterRecorded]:
    concluded = {(one.service, one.number) for one in site.house.heard(DeadLetterConcluded)}
    return [
        one
        for one in site.house.heard(DeadLetterRecorded)
        if one.letter_type == UNKNOWN and (one.service, one.number) not in concluded
    ]


def _is_about(letter: DeadLetterRecorded, told: DeadLetterNotWaiting) -> bool:
    return (told.service, told.number) == (letter.service, letter.number)


async def _recorded(site: Site, known: int) -> list[DeadLetterRecorded]:
    """A dead letter of each service, told after so much was heard."""

    before: defaultdict[str, set[int]] = defaultdict(set)
    for one in site.house.ear.heard[:known]:
        if isinstance(one, DeadLetterRecorded):
            before[one.service].add(one.number)
    return [
        await site.house.ear.wait_for(
            DeadLetterRecorded, partial(_is_new, service, before[service]), _WITHIN_S
        )
        for service in SERVICES
    ]


def _is_new(service: str, before: set[int], told: DeadLetterRecorded) -> bool:
    return told.service == service and told.number not in before


def _replay(letter: DeadLetterRecorded) -> DeadLetterReplayRequested:
    return DeadLetterReplayRequested(
        service=letter.service, numbers=(letter.number,), requested_by="support", reason="once more"
    )


def _discard(letter: DeadLetterRecorded) -> DeadLetterDiscardRequested:
    return DeadLetterDiscardRequested(
        service=letter.service, numbers=(letter.number,), requested_by="support", reason="nonsense"
    )


def prices_that_were_missing(load: Load, heard: Sequence[Message]) -> list[Message]:
    """The prices for want of which accounts are in quarantine."""
    left_out = _quarantined(load, heard)
    return [price(one.account_id, "raw", per="unit") for one in left_out]


def runs_again(load: Load, heard: Sequence[Message]) -> list[Message]:
    """The month's run for accounts in quarantine, each alone."""
    return [
        said(
            InvoiceRunAccountRequested(
                period=one.period,
                account_id=one.account_id,
                requested_by="support",
                reason="its price is published",
            ),
            at=end_of(load) + timedelta(hours=2),
        )
        for one in _quarantined(load, heard)
    ]


def _quarantined(load: Load, heard: Sequence[Message]) -> list[InvoiceRunAccountQuarantined]:
    return [
        one
        for one in heard
        if isinstance(one, InvoiceRunAccountQuarantined) and load.is_ours(one.account_id)
    ]
