"""What drivers are asked, and how it ends (contract.md, "Product teams")."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from services.provisioning.domain.resources import Resource
from shared.ids import derived_id
from shared.messages.items import PricedItem
from shared.messages.model import Action

Outcome = Literal["succeeded", "failed", "not_possible", "timed_out", "taken_back"]


@dataclass(frozen=True, slots=True)
class Order:
    """Where a request comes from: an item of a confirmed order, and what paid for it."""

    order_id: str
    item: PricedItem
    payment_id: str | None

    @property
    def key(self) -> tuple[str, str]:
        """What is done once: (order_id, item_id)."""
        return self.order_id, self.item.item_id

    @property
    def request_id(self) -> str:
        """The id under which a driver is asked for it."""
        return derived_id("request", *self.key)


@dataclass(frozen=True, slots=True)
class Asked:
    """Something that a driver was asked to do, and the outcome once there is one.

    Attributes:
        order: None where it follows up on what happened to the resource.
        correlation_id: of the message that made us ask; a team's answer may lack it.
        deadline: when, in business time, no answer counts as failed; None: an answer is certain.
        details: what the team said of it.
    """

    request_id: str
    resource_id: str
    account_id: str
    action: Action
    order: Order | None
    correlation_id: str | None
    driver: str
    asked_at: datetime
    deadline: datetime | None = None
    outcome: Outcome | None = None
    concluded_at: datetime | None = None
    details: str | None = None

    def concluded(self, outcome: Outcome, at: datetime, details: str | None = None) -> "Asked":
        """This with its outcome. The first stays (contract.md)."""
        return replace(self, outcome=outcome, concluded_at=at, details=details)

    def answered_at(self, at: datetime, told_at: datetime) -> datetime:
        """When it was done, by a team's word: not before it was asked, nor after it was told."""
        return max(self.asked_at, min(at, told_at))


def new_resource(order: Order, account_id: str) -> Resource:
    """The resource of a `create`, while it is asked for. Its id is the item's (contract.md)."""
    item = order.item
    return Resource(
        resource_id=item.resource_id,
        account_id=account_id,
        product=item.product,
        name=item.name,
        user_type=item.user_type,
        state="new",
        components=item.components,
        open_request=order.request_id,
        poc=item.poc,
    )
