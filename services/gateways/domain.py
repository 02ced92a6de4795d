"""What is asked of gateways and when, and what they may answer: pure values and rules."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

from shared.messages.billing import PaymentRequested
from shared.messages.model import PaymentMethod
from shared.messages.upstream import TopUpRequested

DEFAULT_VALIDITY: Final = timedelta(hours=24)
"""How long a payment may be made where nobody said until when (domain 2.2)."""
ASKED_AFTER: Final = timedelta(hours=24)
"""How long after `pay_until` a gateway is still asked: what it took by then becomes credit."""
MAX_ATTEMPTS: Final = 10
"""Ids under which a payment is asked for, at most."""
_SHORTEST: Final = timedelta(minutes=5)
_LONGEST: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Payment:
    """Money that an account is to pay through a gateway, in smallest units."""

    payment_id: str
    account_id: str
    amount: int
    currency: str
    method: PaymentMethod | Literal["top_up"]
    gateway: str
    requested_at: datetime
    pay_until: datetime

    @property
    def is_top_up(self) -> bool:
        """Whether it is for no order and no invoice: what comes is credit."""
        return self.method == "top_up"

    @property
    def asked_by(self) -> str:
        """The type of the message that asked for it."""
        return TopUpRequested.type if self.is_top_up else PaymentRequested.type


@dataclass(frozen=True, slots=True)
class GatewayOrder:
    """A payment as its gateway knows it: `order_id` is what makes asking again ask for the same.

    A gateway that knows an id already, but does not tell its page again, is asked anew under the
    id of the next `attempt`; whichever of them is paid pays the payment.
    """

    order_id: str
    attempt: int
    payment: Payment


@dataclass(frozen=True, slots=True)
class Succeeded:
    """A gateway took this amount, in smallest units, at this business time."""

    order_id: str
    reference: str
    amount: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Failed:
    """A gateway will not take the money any more; known at this business time."""

    order_id: str
    reference: str
    reason: str
    at: datetime


Answer: TypeAlias = Succeeded | Failed

Verdict: TypeAlias = Literal["taken", "known", "unknown_order", "contradiction"]
"""What became of an answer: noted now; noted before; not about an order of ours; or the same
reference had another content before, which only a person can judge."""


def next_query(payment: Payment, now: datetime) -> datetime | None:
    """When a gateway that has not told anything by `now` is to be asked again (reading E5).

    Often at first, then rarer: after a quarter of the payment's age, between 5 minutes and an
    hour; soon after `pay_until`; for the last time a day after that. None: never again.
    """
    if now >= payment.pay_until + ASKED_AFTER:
        return None
    pause = min(max((now - payment.requested_at) / 4, _SHORTEST), _LONGEST)
    soon_after_the_end = payment.pay_until + _SHORTEST
    last = payment.pay_until + ASKED_AFTER
    return min(now + pause, soon_after_the_end if now < soon_after_the_end else last, last)
