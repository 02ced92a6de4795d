"""Why an order is not accepted: a value with a stable code, never an exception."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rejection:
    """A broken rule.

    `reason` is a stable code for programs, `message` a sentence for people. Where `may_come` is
    set, what the order refers to is unknown, and may only be on its way.
    """

    reason: str
    message: str
    may_come: bool = False
