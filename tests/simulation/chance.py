"""All chance of a world, and what it lets go wrong."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

T = TypeVar("T")

STATEMENT_FAULTS: Final = (
    "statement lost on its way",
    "answer of a statement lost",
    "deadlock",
    "serialization failure",
    "partition dropped by another worker",
)
PUBLISH_FAULTS: Final = (
    "publish refused",
    "confirmation lost",
    "publish swallowed",
    "publish delivered twice",
    "connection lost before a publish",
    "connection lost after a publish",
    "channel closed because of a publish",
)
MISCHIEF: Final = (
    "worker killed",
    "worker stopped in order",
    "channel closed",
    "consumer cancelled",
    "connection to the broker lost",
    "broker out of reach",
    "database out of reach",
    "queue full",
    "binding missing",
)


@dataclass(frozen=True, slots=True)
class Odds:
    """How likely each fault is in one world: some are absent, so that others come to bear."""

    statement: float
    publish: float
    mischief_every_s: float
    kinds: tuple[str, ...]


class Chance:
    """Random, but the same for the same seed; counts the faults that it causes."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)
        self.faults: Counter[str] = Counter()
        self.quiet = False
        self.odds = self._odds()

    def _odds(self) -> Odds:
        draw = self.random
        every = (*STATEMENT_FAULTS, *PUBLISH_FAULTS, *MISCHIEF)
        kinds = tuple(kind for kind in every if draw.random() < 0.6)
        return Odds(
            statement=draw.choice((0, 0.003, 0.02)),
            publish=draw.choice((0, 0.05, 0.2)),
            mischief_every_s=draw.choice((0.2, 1, 4)),
            kinds=kinds,
        )

    def delay_s(self) -> float:
        """How long something is on its way: mostly a moment, at times long."""
        drawn = self.random.random()
        return 0.0005 + drawn * 0.002 if drawn < 0.98 else (drawn - 0.98) * 10

    def statement_fault(self, name: str) -> str | None:
        """What happens to a statement, mostly nothing."""
        if self.quiet or self.random.random() >= self.odds.statement:
            return None
        kind = self.random.choice(STATEMENT_FAULTS)
        if kind == "partition dropped by another worker" and name != "remember":
            return None
        return self._of_this_world(kind)

    def publish_fault(self) -> str | None:
        """What happens to one message that is published, mostly nothing."""
        if self.quiet or self.random.random() >= self.odds.publish:
            return None
        return self._of_this_world(self.random.choice(PUBLISH_FAULTS))

    def mischief(self) -> str | None:
        """What happens to a worker, the broker or the database now."""
        return None if self.quiet else self._of_this_world(self.random.choice(MISCHIEF))

    def one_of(self, choices: Sequence[T]) -> T:
        return self.random.choice(choices)

    def _of_this_world(self, kind: str) -> str | None:
        if kind not in self.odds.kinds:
            return None
        self.faults[kind] += 1
        return kind
