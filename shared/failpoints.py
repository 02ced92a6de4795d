"""Where a test lets a worker die: `CLOUDTILL_DIE_AT=committed:3` kills it at the third passing.

The steps of a worker's path, in their order: `received`, `remembered`, `handled`, `said`,
`committed`, `acknowledged`, in its relay `published`, `deleted`, and once it has asked a payment
gateway, `asked`.
"""

import os
import signal
from itertools import count
from typing import Final

_STEP, _, _TIMES = os.environ.get("CLOUDTILL_DIE_AT", "").partition(":")
_DYING_AT: Final = int(_TIMES or 1)
_passings = count(1)


def passing(step: str) -> None:
    """Say that the worker has come to a step; it may be its last."""
    if step == _STEP and next(_passings) == _DYING_AT:
        os.kill(os.getpid(), signal.SIGKILL)
