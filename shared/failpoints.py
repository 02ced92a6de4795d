"""Where a test lets a worker die: `CLOUDTILL_DIE_AT=committed:3` kills it at the third passing.

The steps of a worker's path, in their order: `received`, `remembered`, `handled`, `said`,
`committed`, `acknowledged`, in its relay `published`, `deleted`, once it has asked a payment
gateway, `asked`, and once a mail server has taken a notice, or a receiver a webhook, `sent`.
`committed:order.placed` is the first passing with a message of that type. There may be several,
with commas between them: the worker dies at the first that it comes to, and says at which.
"""

import os
import signal
from collections import Counter
from collections.abc import Iterable
from typing import Final

DEATH: Final = "dies at "
"""Precedes, on a line of its own on standard error, where a worker dies."""

_DYING_AT: Final = frozenset(filter(None, os.environ.get("CLOUDTILL_DIE_AT", "").split(",")))
_passings: Final[Counter[str]] = Counter()


def passing(step: str, types: Iterable[str] = ()) -> None:
    """Say that the worker has come to a step; it may be its last.

    Args:
        step: its name.
        types: of the messages with which it has come there; looked at only where it may die.
    """
    if not _DYING_AT:
        return
    _passings[step] += 1
    names = {step} if _passings[step] == 1 else set()
    names.add(f"{step}:{_passings[step]}")
    names.update(f"{step}:{one}" for one in types)
    if deadly := sorted(names & _DYING_AT):
        os.write(2, f"{DEATH}{deadly[0]}\n".encode())
        os.kill(os.getpid(), signal.SIGKILL)
