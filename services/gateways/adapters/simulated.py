"""A gateway within the project, for demos and tests: no money, no page, no network."""

import json
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

import httpx
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import SettingsConfigDict

from services.gateways.adapters.gateway import (
    CallbackVerdict,
    Created,
    ForgedCallback,
    MalformedCallback,
    Page,
    Reply,
)
from services.gateways.adapters.signing import Key, is_signed, signature
from services.gateways.domain import Answer, Failed, GatewayOrder, Succeeded
from shared.environment import EnvironmentSettings
from shared.ids import derived_id
from shared.messages.model import Id, PositiveAmount, Time

_STATUS: Final[dict[CallbackVerdict, int]] = {
    "taken": 200,
    "known": 200,
    "forged": 403,
    "unknown_order": 404,
    "contradiction": 409,
    "try_again": 503,
}


class SimulatedCallback(BaseModel):
    """What the simulated gateway tells; `amount` where it took money, `reason` where it did not."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    order_id: Id
    reference: Id
    at: Time
    amount: PositiveAmount | None = None
    reason: Id = "declined"

    def signed(self, key: SecretStr) -> bytes:
        """As it is sent to the webhook."""
        data = self.model_dump_json()
        return json.dumps({"data": data, "mac": signature(key, data)}).encode()


class _Signed(BaseModel):
    data: str
    mac: str


class SimulatedGateway(EnvironmentSettings):
    """Pays by itself, refuses, or waits for a callback, by `CLOUDTILL_SIMULATED_GATEWAY_*`.

    Attributes:
        outcome: `waits` leaves the payment open until somebody calls the webhook, or for ever.
        delay_ms: how long paying or refusing takes, in business time and in real time.
        payments: how many times it pays, each with a reference of its own: a user who pays in two
            windows.
        key: signs callbacks; without one, none is believed.
    """

    model_config = SettingsConfigDict(
        env_prefix="CLOUDTILL_SIMULATED_GATEWAY_",
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
    )

    outcome: Literal["waits", "pays", "fails"] = "waits"
    delay_ms: Annotated[int, Field(ge=0, le=3_600_000)] = 0
    payments: Annotated[int, Field(ge=1, le=10)] = 1
    key: Key | None = None

    def order_id(self, payment_id: str, attempt: int, at: datetime) -> str:  # noqa: ARG002
        """The payment's own id: no order is ever asked for anew."""
        return payment_id

    async def create(
        self,
        order: GatewayOrder,
        callback_url: str | None,  # noqa: ARG002
        http: httpx.AsyncClient,  # noqa: ARG002
    ) -> Created:
        """A page that nobody serves, and what is paid without it."""
        delay = timedelta(milliseconds=self.delay_ms)
        url = f"https://gateway.invalid/pay/{order.order_id}"
        return Page(url, self._answers(order, order.payment.requested_at + delay), delay)

    def _answers(self, order: GatewayOrder, at: datetime) -> tuple[Answer, ...]:
        references = [
            derived_id("simulated", order.order_id, str(number))
            for number in range(1, self.payments + 1)
        ]
        match self.outcome:
            case "waits":
                return ()
            case "fails":
                return (Failed(order.order_id, references[0], "simulated_failure", at),)
            case "pays":
                amount = order.payment.amount
                return tuple(Succeeded(order.order_id, one, amount, at) for one in references)

    async def query(
        self,
        order: GatewayOrder,  # noqa: ARG002
        http: httpx.AsyncClient,  # noqa: ARG002
    ) -> Answer | None:
        """Nothing that was not told already."""
        return None

    def parse_callback(self, body: bytes) -> Answer:
        """What somebody with the key says was paid."""
        try:
            signed = _Signed.model_validate_json(body)
            if self.key is None or not is_signed(self.key, signed.data, signed.mac):
                raise ForgedCallback
            told = SimulatedCallback.model_validate_json(signed.data)
        except ValidationError as error:
            raise MalformedCallback(str(error)) from error
        if told.amount is None:
            return Failed(told.order_id, told.reference, told.reason, told.at)
        return Succeeded(told.order_id, told.reference, told.amount, told.at)

    def answer(self, verdict: CallbackVerdict) -> Reply:
        """By the status alone."""
        return Reply(_STATUS[verdict], {"verdict": verdict})
