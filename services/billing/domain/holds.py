"""Credit that is held for an order, all of it or nothing, before it is provisioned (domain 8)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from shared.ids import numbered_id

Outcome = Literal["held", "declined"]


@dataclass(frozen=True, slots=True)
class OrderHold:
    """What is to be held for one resource of an order, in smallest units, and the wallet's answer.

    The hold's id is the resource's.
    """

    account_id: str
    resource_id: str
    order_id: str
    item_id: str
    amount: int
    asked_at: datetime
    outcome: Outcome | None = None
    answered_at: datetime | None = None
    released_at: datetime | None = None

    @property
    def change_id(self) -> str:
        """The first change of the hold; what invoicing changes later has higher numbers."""
        return numbered_id("hold", 0, self.resource_id)

    @property
    def release_id(self) -> str:
        """The change that ends a hold of what never came to exist: the second, and the last."""
        return numbered_id("hold", 1, self.resource_id)


@dataclass(frozen=True, slots=True)
class Answered:
    """Orders after the wallet's answers.

    Attributes:
        holds: those that are different now.
        confirmed: orders all of whose holds are held.
        declined: orders of which a hold was declined, with the first such.
        released: holds that are to be freed again.
    """

    holds: Sequence[OrderHold]
    confirmed: Sequence[str]
    declined: Mapping[str, OrderHold]
    released: Sequence[OrderHold]


def answer(
    holds: Sequence[OrderHold],
    states: Mapping[str, str],
    answers: Mapping[str, tuple[Outcome, datetime]],
) -> Answered:
    """What the wallet's answers make of orders.

    Args:
        holds: all holds of the orders.
        states: the orders' states, by order.
        answers: by change; the first answer to a hold counts.
    """
    after = {hold.resource_id: _answered(hold, answers) for hold in holds}
    confirmed: list[str] = []
    declined: dict[str, OrderHold] = {}
    released: list[OrderHold] = []
    for order_id, state in sorted(states.items()):
        mine = [hold for hold in after.values() if hold.order_id == order_id]
        short = [hold for hold in mine if hold.outcome == "declined"]
        if state == "awaiting_hold" and short:
            declined[order_id] = short[0]
        elif state == "awaiting_hold" and all(hold.outcome == "held" for hold in mine):
            confirmed.append(order_id)
        if short:
            released += [
                release(hold, short[0].answered_at or hold.asked_at)
                for hold in mine
                if hold.outcome == "held" and hold.released_at is None
            ]
    after |= {hold.resource_id: hold for hold in released}
    changed = [after[hold.resource_id] for hold in holds if after[hold.resource_id] != hold]
    return Answered(changed, confirmed, declined, released)


def release(hold: OrderHold, at: datetime) -> OrderHold:
    """A hold that is freed again, never before it was answered."""
    return replace(hold, released_at=max(at, hold.answered_at or at))


def _answered(hold: OrderHold, answers: Mapping[str, tuple[Outcome, datetime]]) -> OrderHold:
    told = answers.get(hold.change_id)
    if told is None or hold.outcome is not None:
        return hold
    outcome, at = told
    return replace(hold, outcome=outcome, answered_at=at)
