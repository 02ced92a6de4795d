"""What a gateway's plug-in is: it knows one gateway's API, and nothing of orders and wallets."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol, TypeAlias

import httpx

from services.gateways.domain import Answer, GatewayOrder, Verdict


@dataclass(frozen=True, slots=True)
class Page:
    """Where the payment can be made.

    Attributes:
        url: of the page.
        answers: what the gateway can say at once, without anybody's opening the page.
        after: how much later, in real time, the answers are told.
    """

    url: str
    answers: tuple[Answer, ...] = ()
    after: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The gateway has an order of this id, and does not tell its page again."""


@dataclass(frozen=True, slots=True)
class Declined:
    """The gateway will never take such an order; known at this business time."""

    reason: str
    at: datetime


Created: TypeAlias = Page | Duplicate | Declined

CallbackVerdict: TypeAlias = Verdict | Literal["forged", "try_again"]


@dataclass(frozen=True, slots=True)
class Reply:
    """How a callback is answered, in the words of the gateway's API."""

    status: int
    content: Mapping[str, object] = field(default_factory=dict)


class GatewayUnavailable(Exception):
    """The gateway did not answer, or not what its API says: to be asked again."""


class ForgedCallback(Exception):
    """A callback whose signature is not the gateway's."""


class MalformedCallback(Exception):
    """A callback that can't be read."""


class Gateway(Protocol):
    """How payments are made through one gateway. Its instances hold settings, no state."""

    def order_id(self, payment_id: str, attempt: int, at: datetime) -> str:
        """The id under which the gateway is asked: of these three always the same."""
        ...

    async def create(
        self, order: GatewayOrder, callback_url: str | None, http: httpx.AsyncClient
    ) -> Created:
        """Ask for a page where the order can be paid.

        Raises:
            GatewayUnavailable: to be asked again.
            httpx.HTTPError: to be asked again.
        """
        ...

    async def query(self, order: GatewayOrder, http: httpx.AsyncClient) -> Answer | None:
        """Ask what became of an order; None while that is open.

        Raises:
            GatewayUnavailable: to be asked again.
            httpx.HTTPError: to be asked again.
        """
        ...

    def parse_callback(self, body: bytes) -> Answer:
        """What the gateway tells by itself.

        Raises:
            ForgedCallback: if the gateway did not sign it.
            MalformedCallback: if it can't be read.
        """
        ...

    def answer(self, verdict: CallbackVerdict) -> Reply:
        """How the gateway wants to hear what became of its callback."""
        ...


GatewayFactory: TypeAlias = Callable[[], Gateway]
"""Makes a gateway from the environment; raises ValueError where its settings are wrong."""
