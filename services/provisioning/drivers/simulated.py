"""A product team within the project: for demos, tests and load."""

from datetime import timedelta
from hashlib import blake2b
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from services.provisioning.drivers.driver import Answer, Failed, Pending, Request, Succeeded
from shared.messages import Message
from shared.messages.model import Id
from shared.messages.product_teams import ProductFailed, ProductSucceeded

_HASHES: Final = 2**64
_REASON: Final = "simulated_failure"


class SimulatedDriver(BaseModel):
    """Succeeds or fails by a hash of the request's id, so that the same request always ends alike.

    Attributes:
        fail_rate: the share of requests that fail.
        fail_skus: a request with one of these components always fails.
        delay_ms: how long it takes, in business time and, where above 0, in real time too.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    fail_rate: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.0
    fail_skus: Annotated[list[Id], Field(max_length=200)] = []
    delay_ms: Annotated[int, Field(ge=0, le=3_600_000)] = 0

    def ask(self, request: Request) -> Answer:
        """Answer at once, or have the answer said after the delay. There is always an answer."""
        delay = timedelta(milliseconds=self.delay_ms)
        at = request.asked_at + delay
        fails = self._fails(request)
        if not delay:
            return Failed(_REASON, at) if fails else Succeeded(at)
        answer: Message = (
            ProductFailed(request_id=request.request_id, reason=_REASON)
            if fails
            else ProductSucceeded(request_id=request.request_id, at=at, details=None)
        )
        return Pending((answer,), time_limit=None, after=delay)

    def _fails(self, request: Request) -> bool:
        if not {component.sku for component in request.components}.isdisjoint(self.fail_skus):
            return True
        digest = blake2b(request.request_id.encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") < self.fail_rate * _HASHES
