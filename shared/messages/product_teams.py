"""Between provisioning and the product teams."""

from typing import Any, ClassVar

from pydantic import Field

from shared.messages.items import Component
from shared.messages.model import Action, Id, Message, Text, Time


class ProductRequested(Message):
    """Ask a product's team to do something; routed to `product.requested.<product>`."""

    type: ClassVar[str] = "product.requested"
    source: ClassVar[str] = "/cloudtill/provisioning"

    request_id: Id
    product: Id
    action: Action
    resource_id: Id
    account_id: Id
    components: tuple[Component, ...]

    @property
    def routing_key(self) -> str:
        return f"{self.type}.{self.product}"


class ProductSucceeded(Message):
    """The team did it, at this time."""

    type: ClassVar[str] = "product.succeeded"
    source: ClassVar[str] = "/product-team"

    request_id: Id
    at: Time
    details: dict[str, Any] | None = Field(None, max_length=100)


class ProductFailed(Message):
    """The team could not do it."""

    type: ClassVar[str] = "product.failed"
    source: ClassVar[str] = "/product-team"

    request_id: Id
    reason: Text
