"""vDatabase: managed databases, provisioned by a driver of the product team's own."""

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from services.provisioning.drivers import Answer, Failed, Request, Succeeded

MEMORY: Final = "memory_gb"
"""The component that says how large a database is."""


class VDatabase(BaseModel):
    """Makes databases in one region, up to a size.

    A driver is a pure function from a request to an answer: asked again it answers the same, and it
    neither waits nor talks to anybody. One that has to ask a system of its own answers `Pending`
    with the message that asks it, as `services/provisioning/drivers/message.py` does.

    Attributes:
        region: where databases are; part of their address.
        largest_gb: memory of the largest that can be had.
        takes_s: how long making or changing one takes, in business time.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    region: str
    largest_gb: Annotated[int, Field(gt=0)] = 64
    takes_s: Annotated[int, Field(ge=0)] = 90

    def ask(self, request: Request) -> Answer:
        """Do what is requested, or say why not; what fails is given back to whoever paid."""
        memory = sum((c.quantity for c in request.components if c.sku == MEMORY), Decimal(0))
        if request.action in ("create", "resize") and memory > self.largest_gb:
            return Failed("larger_than_any", request.asked_at)
        at = request.asked_at + timedelta(seconds=self.takes_s)
        return Succeeded(at, {"host": f"{request.resource_id}.{self.region}.vdb.example.com"})
