"""A worker dies at every step of its path, for every type of message: one after the other, while
customers do everything that there is to do."""

import asyncio
import random
import time
from itertools import count
from typing import Final

from services.registry import SERVICES
from shared.failpoints import DEATH
from shared.lifetime import beside
from shared.messages import MESSAGE_TYPES
from tests.faults import programs
from tests.faults.creations import changes, creations
from tests.faults.life import CONCLUDE_S, live_on
from tests.faults.load import Load
from tests.faults.mixing import shuffled
from tests.faults.nursery import Worker
from tests.faults.site import Site

HANDLING: Final = ("received", "remembered", "handled", "said", "committed", "acknowledged")
"""Steps with messages of a type that the service handles."""
RELAYING: Final = ("published", "deleted")
"""Steps with messages of a type that the service says."""
_ORDERS: Final = 30
_ROUNDS_AT_MOST: Final = 12
_ERRANDS: Final = {"gateways": "asked", "notifications": "sent", "portal": "sent"}
"""What is done outside of transactions, and the step once it is done."""
_BY_PROGRAMS: Final = frozenset({"order.placed", "top_up.requested"})
"""What the portal says for programs here. What it says for people takes the same path."""
_NOT_SAID: Final = {"invoicing": {"wallet.release"}}
"""What is said by another service: invoicing sets a hold to nothing instead."""
_LIMITS: Final = {
    "services.billing.handlers.ticks._REMINDERS_AT_ONCE": 5,
    "services.provisioning.handlers._DUE_AT_ONCE": 3,
}
"""So that a few customers are already more than one transaction takes."""


def cases_of(service: str) -> list[str]:
    """Every step and type at which a worker of a service may die."""
    handled = sorted({one.type for one in SERVICES[service].handlers})
    also = {one.type for one in SERVICES[service].also_says}
    told = sorted(
        name
        for name, message in MESSAGE_TYPES.items()
        if (message.source == f"/cloudtill/{service}" and name not in _NOT_SAID.get(service, ()))
        or (name in also and (service != "portal" or name in _BY_PROGRAMS))
    )
    cases = [f"{step}:{name}" for name in handled for step in HANDLING]
    cases += [f"{step}:{name}" for name in told for step in RELAYING]
    return cases + ([_ERRANDS[service]] if service in _ERRANDS else [])


def sampled(cases: list[str], share: int | None, chance: random.Random) -> list[str]:
    """All cases, or a few."""
    return cases if share is None else chance.sample(cases, min(share, len(cases)))


async def die_at_every_step(site: Site, seed: int, at_most: int | None) -> int:
    """Let workers die at each case, or at some of each service, until all were reached.

    Args:
        site: without workers.
        seed: draws the customers, and the cases where not all are chosen.
        at_most: cases of each service; None: all; 0: none.

    Returns:
        How many cases were reached.

    Raises:
        AssertionError: if a case is never reached, or the books are wrong at the end.
    """
    if at_most == 0:
        return 0
    chance = random.Random(seed)
    left = {service: set(sampled(cases_of(service), at_most, chance)) for service in SERVICES}
    total = sum(map(len, left.values()))
    placed: set[str] = set()
    async with beside(*(_die(site, service, left[service]) for service in SERVICES)):
        for number in count(1):
            began = time.monotonic()
            load = Load(f"steps{number}", _ORDERS, chance, months_later=number - 1)
            await _live(site, load)
            placed |= load.placed
            took_s = time.monotonic() - began
            todo = sum(map(len, left.values()))
            print(f"steps left after {number} rounds: {todo}; {took_s:.0f} s", flush=True)
            if not any(left.values()) or number == _ROUNDS_AT_MOST:
                break
    await site.dismiss()
    unreached = sorted(f"{service} {case}" for service in left for case in left[service])
    assert not unreached, f"never reached: {unreached}"
    await site.assert_all_is_well(placed)
    return total


async def _live(site: Site, load: Load) -> None:
    await site.publish(shuffled(load.opening(), site.chance))
    await site.conclude(CONCLUDE_S)
    await programs.at_work(await programs.employed(site, load), load)
    for wave in (creations(load), changes(load)):
        await site.publish(shuffled(wave, site.chance))
        await site.conclude(CONCLUDE_S)
    await live_on(site, load)


async def _die(site: Site, service: str, left: set[str]) -> None:
    """Keep one worker of a service, that dies at whichever case it comes to first."""
    while True:
        settings = {
            "die_at": ",".join(sorted(left)),
            "suspect_tries": "1000",  # it is not the messages' fault
            "group_size": "8",
            "reference_wait_s": "60",
        }
        worker = await site.start(f"{service}-dying", (service,), settings, _LIMITS)
        code = await asyncio.shield(worker.ended)
        died_at = _last_death(worker)
        assert (code, died_at in left) == (-9, True), f"ended by itself, {worker.last_words}"
        left.discard(died_at)
        site.figures.faults["worker died at a step"] += 1


def _last_death(worker: Worker) -> str:
    lines = reversed(worker.logged)
    return next((line.removeprefix(DEATH) for line in lines if line.startswith(DEATH)), "")
