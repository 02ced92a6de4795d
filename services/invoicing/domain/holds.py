"""How much credit is to be held for a resource that is used first, and what its answers mean
(domain 8)."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal

from shared.ids import numbered_id
from shared.messages.model import UserType

Answer = Literal["held", "declined"]
Suspension = Literal["asked", "suspended", "ending"]


@dataclass(frozen=True, slots=True)
class Cost:
    """What a resource comes to, VAT included, in smallest units.

    Attributes:
        actual: its use so far that is on no invoice yet.
        estimate: its next days in the present configuration; 0 where it is not in use any more.
        gone: it is not in use, and all of its use is on invoices.
    """

    actual: int
    estimate: int
    gone: bool


@dataclass(frozen=True, slots=True)
class Hold:
    """The credit that is to be held for a resource, and the wallet's answer to its last change.

    Attributes:
        number: of the last change; 0 is the one with which the resource was ordered.
        asked: what the wallet was told to hold, at the business time `asked_at`.
        answer: None while it is under way.
        held: what the wallet held by its last answer.
        short_since: when credit was first short for it, while it is.
        noticed_on: the day on which its user was told so last.
        suspension: how far its resource is suspended for that.
        payment_id: the payment of an invoice that is just being made from it.
        ended: it is empty, and its resource gone and invoiced.
    """

    account_id: str
    resource_id: str
    number: int
    asked: int
    asked_at: datetime
    answer: Answer | None
    held: int
    short_since: datetime | None = None
    noticed_on: date | None = None
    suspension: Suspension | None = None
    payment_id: str | None = None
    ended: bool = False

    @property
    def change_id(self) -> str:
        """The id of the last change: the wallet counts those of the same time by their numbers."""
        return numbered_id("hold", self.number, self.resource_id)


def opened(account_id: str, resource_id: str, held: int, at: datetime) -> Hold:
    """The hold of a resource as it was ordered, or an empty one."""
    return Hold(account_id, resource_id, 0, held, at, "held", held)


def target(cost: Cost, user_type: UserType) -> int:
    """What is to be held: the actual cost and the estimate; nothing for a postpaid user."""
    return cost.actual + cost.estimate if user_type == "prepaid" else 0


def set_to(
    hold: Hold, cost: Cost, user_type: UserType, at: datetime, *, again: bool = False
) -> Hold:
    """A hold with what is known of its resource now.

    Its changes go forward: one that a late message makes has the time of the last one, and what is
    known now. While it pays an invoice it stays as it is: that it has paid sets it again.

    Args:
        hold: as it was asked for last.
        cost: what its resource comes to at `at`, or at the hold's last change where that is later.
        user_type: of its account, then.
        at: business time.
        again: ask for it though it is the same: some of it was taken, or there is more credit.
    """
    if hold.payment_id is not None:
        return hold
    amount = target(cost, user_type)
    if amount == hold.asked and hold.answer != "declined" and not again:
        return replace(hold, ended=cost.gone and amount == 0 and hold.answer == "held")
    return replace(
        hold,
        number=hold.number + 1,
        asked=amount,
        asked_at=max(at, hold.asked_at),
        answer=None,
        ended=False,
    )


def capture(hold: Hold, payment_id: str, at: datetime) -> Hold:
    """A hold that pays an invoice: a change like any other, so that none before it counts after."""
    return replace(
        hold,
        number=hold.number + 1,
        asked_at=max(at, hold.asked_at),
        answer=None,
        payment_id=payment_id,
        ended=False,
    )


def captured(hold: Hold, paid: int) -> Hold:
    """A hold after it has paid so much, or nothing."""
    return replace(hold, payment_id=None, held=max(0, hold.held - paid))


def have(hold: Hold) -> Hold:
    """The wallet holds what was asked for."""
    return replace(hold, answer="held", held=hold.asked, short_since=None, noticed_on=None)


def lack(hold: Hold, at: datetime, day: date) -> Hold:
    """There was not enough credit at `at`, on this day in the billing time zone."""
    return replace(hold, answer="declined", short_since=hold.short_since or at, noticed_on=day)


def is_too_long(short_since_day: date, day: date, days_at_most: int) -> bool:
    """Whether credit has been short for so many days that the resource is suspended."""
    return (day - short_since_day).days >= days_at_most


def with_suspension(hold: Hold, suspension: Suspension | None) -> Hold:
    """How far its resource is suspended now."""
    return replace(hold, suspension=suspension)
