"""What a driver is: asked with a frozen request, it answers with frozen values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol, TypeAlias

from shared.messages import Message
from shared.messages.items import Component
from shared.messages.model import Action


@dataclass(frozen=True, slots=True)
class Request:
    """What a product team is asked to do, at the business time `asked_at`."""

    request_id: str
    action: Action
    product: str
    resource_id: str
    account_id: str
    components: tuple[Component, ...]
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Succeeded:
    """It was done at this business time. `details` are for people: an address, for example."""

    at: datetime
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failed:
    """It could not be done; known at this business time."""

    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Pending:
    """The answer comes as `product.succeeded` or `product.failed`.

    Attributes:
        messages: what is to be said for it, not yet in envelopes.
        time_limit: how long after `asked_at`, in business time, no answer counts as failed;
            None where an answer is certain.
        after: how much later the messages are said, in real and in business time.
    """

    messages: tuple[Message, ...]
    time_limit: timedelta | None
    after: timedelta = timedelta()


Answer: TypeAlias = Succeeded | Failed | Pending


class Driver(Protocol):
    """How a product is provisioned."""

    def ask(self, request: Request) -> Answer:
        """Do, or have done, what is requested. Called again, it answers the same."""
        ...


DriverFactory: TypeAlias = Callable[[Mapping[str, object]], Driver]
"""Makes a driver from a product's `driver_options`; raises what it likes where they are wrong."""
