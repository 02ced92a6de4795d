"""How what customers do comes to us: in any order, and some of it twice."""

import random
from collections.abc import Iterable, Sequence
from typing import Final

from shared.messages import Message

_TWICE: Final = 0.3
_FAR: Final = 50


def shuffled(messages: Iterable[Message], chance: random.Random) -> list[Message]:
    """Messages in any order, some of them twice."""
    every = list(messages)
    every += [message for message in every if chance.random() < _TWICE]
    chance.shuffle(every)
    return every


def interleaved(
    waves: Sequence[Sequence[Message]], chance: random.Random, far: int = _FAR
) -> list[Message]:
    """Messages of waves that go on side by side, some of them twice, and each up to `far` places
    from where it belongs: what refers to another may come before it, but not minutes before."""
    length = sum(map(len, waves))
    placed = [
        (number * length / len(wave) + chance.uniform(-far, far), message)
        for wave in waves
        for number, message in enumerate(wave)
    ]
    placed += [
        (place + chance.uniform(0, far), message)
        for place, message in placed
        if chance.random() < _TWICE
    ]
    return [message for _, message in sorted(placed, key=lambda one: one[0])]
