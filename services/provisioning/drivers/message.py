"""A product team of its own, asked and answering by messages (contract.md, "Product teams")."""

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from services.provisioning.drivers.driver import Answer, Pending, Request
from shared.messages.product_teams import ProductRequested


class MessageDriver(BaseModel):
    """Says `product.requested.<product>` and waits for the answer.

    Where no team's queue is bound, the request stays in the outbox and is tried again with growing
    pauses; the time limit ends the wait for the customer all the same.

    Attributes:
        time_limit_s: after how many seconds of business time no answer counts as failed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    time_limit_s: Annotated[int, Field(ge=1, le=30 * 86_400)] = 900

    def ask(self, request: Request) -> Answer:
        """Ask the team."""
        asked = ProductRequested(
            request_id=request.request_id,
            product=request.product,
            action=request.action,
            resource_id=request.resource_id,
            account_id=request.account_id,
            components=request.components,
        )
        return Pending((asked,), time_limit=timedelta(seconds=self.time_limit_s))
