"""World after world from one seed, until enough steps were made or something went wrong."""

import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import count

from tests.simulation.witness import Violation
from tests.simulation.world import World


@dataclass(frozen=True, slots=True)
class Finding:
    """What went wrong, and the seed of the one world in which it goes wrong again.

    Attributes:
        step: how many steps that world had made.
        events: the last before it, each with its step and its virtual time in seconds.
    """

    seed: str
    step: int
    invariant: str
    detail: str
    events: tuple[tuple[object, ...], ...]


@dataclass(slots=True)
class Report:
    """What was lived through."""

    worlds: int = 0
    steps: int = 0
    messages: int = 0
    effects: int = 0
    virtual_s: float = 0
    real_s: float = 0
    faults: Counter[str] = field(default_factory=Counter)
    digest: int = 0
    """Of all that happened, in its order: the same for the same seed, wherever it runs."""
    finding: Finding | None = None


def simulate(
    seed: str, *, steps: int = 1, worlds: int | None = None, bug: str | None = None
) -> Report:
    """Live through worlds until one goes wrong.

    Args:
        seed: a name for a sequence of worlds: `7`; or for one of them: `7.13`.
        steps: when so many were made, no further world begins.
        worlds: how many there are at most, or as many as it takes.
        bug: one of `tests.simulation.bugs`, to be planted.
    """
    report = Report()
    started = time.perf_counter()
    for number in count():
        alone = "." in seed
        _live(seed if alone else f"{seed}.{number}", bug, report)
        enough = report.steps >= steps if worlds is None else report.worlds >= worlds
        if alone or enough or report.finding:
            break
    report.real_s = time.perf_counter() - started
    return report


def _live(seed: str, bug: str | None, report: Report) -> None:
    world = World(seed, bug)
    try:
        world.run()
    except Violation as violation:
        report.finding = Finding(
            seed,
            violation.step,
            violation.invariant,
            violation.detail,
            tuple(world.witness.events),
        )
    report.worlds += 1
    report.steps += world.loop.steps
    report.virtual_s += world.loop.now
    report.messages += world.messages
    report.effects += sum(world.witness.effects.values())
    report.faults += world.chance.faults
    report.digest = hash((report.digest, world.loop.steps, world.witness.digest))
