"""A gateway within the project, for demos and tests: no money, and a page only where it asks."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal, Self, TypeAlias

import httpx
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import SettingsConfigDict

from services.gateways.adapters.gateway import (
    CallbackVerdict,
    Created,
    ForgedCallback,
    GatewayUnavailable,
    MalformedCallback,
    Page,
    Reply,
)
from services.gateways.adapters.signing import Key, is_signed, signature
from services.gateways.domain import Answer, Failed, GatewayOrder, Succeeded
from shared.environment import EnvironmentSettings
from shared.ids import derived_id
from shared.messages.model import CurrencyCode, Id, PositiveAmount, Time

_STATUS: Final[dict[CallbackVerdict, int]] = {
    "taken": 200,
    "known": 200,
    "forged": 403,
    "unknown_order": 404,
    "contradiction": 409,
    "try_again": 503,
}


Decision: TypeAlias = Literal["pay", "fail", "cancel"]


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


class Asked(BaseModel):
    """What a page is about: all of it stands in its address, signed, so that nothing is kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    order_id: Id
    amount: PositiveAmount
    currency: CurrencyCode
    pay_until: Time
    callback_url: str

    @classmethod
    def of(cls, order: GatewayOrder, callback_url: str) -> Self:
        """Of an order that is to be paid."""
        return cls(
            order_id=order.order_id,
            amount=order.payment.amount,
            currency=order.payment.currency,
            pay_until=order.payment.pay_until,
            callback_url=callback_url,
        )

    def signed(self, key: SecretStr) -> str:
        """As it stands in an address."""
        data = urlsafe_b64encode(self.model_dump_json().encode()).decode().rstrip("=")
        return f"{data}.{signature(key, data)}"

    @classmethod
    def read(cls, text: str, key: SecretStr) -> Self | None:
        """From an address; None where we did not make it."""
        data, _, mac = text.partition(".")
        if not is_signed(key, data, mac):
            return None
        return cls.model_validate_json(urlsafe_b64decode(data + "=" * (-len(data) % 4)))

    def answered(self, decision: Decision, at: datetime) -> SimulatedCallback:
        """What becomes of it. However often it is decided alike, it is told under one reference."""
        return SimulatedCallback(
            order_id=self.order_id,
            reference=derived_id("simulated", self.order_id, "page"),
            at=at,
            amount=self.amount if decision == "pay" else None,
            reason="cancelled" if decision == "cancel" else "declined",
        )


class _Signed(BaseModel):
    data: str
    mac: str


class SimulatedGateway(EnvironmentSettings):
    """Pays by itself, refuses, waits, or asks, by `CLOUDTILL_SIMULATED_GATEWAY_*`.

    Attributes:
        outcome: `waits` leaves the payment open until somebody calls the webhook, or for ever;
            `asks` has a page (`simulated_page.py`) where whoever pays decides.
        delay_ms: how long paying or refusing takes, in business time and in real time.
        payments: how many times it pays, each with a reference of its own: a user who pays in two
            windows.
        key: signs callbacks and addresses of pages; without one, none is believed.
        back: where the page leads once it is decided, such as the portal.
    """

    model_config = SettingsConfigDict(
        env_prefix="CLOUDTILL_SIMULATED_GATEWAY_",
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
    )

    outcome: Literal["waits", "pays", "fails", "asks"] = "waits"
    delay_ms: Annotated[int, Field(ge=0, le=3_600_000)] = 0
    payments: Annotated[int, Field(ge=1, le=10)] = 1
    key: Key | None = None
    back: str | None = None

    @model_validator(mode="after")
    def _asks_with_a_key(self) -> Self:
        if self.outcome == "asks" and self.key is None:
            raise ValueError("a gateway that asks signs what it is told with its key")
        return self

    def order_id(self, payment_id: str, attempt: int, at: datetime) -> str:  # noqa: ARG002
        """The payment's own id: no order is ever asked for anew."""
        return payment_id

    async def create(
        self,
        order: GatewayOrder,
        callback_url: str | None,
        http: httpx.AsyncClient,  # noqa: ARG002
    ) -> Created:
        """A page, which nobody serves unless it asks, and what is paid without it.

        Raises:
            GatewayUnavailable: if it asks, and its callbacks have no address.
        """
        delay = timedelta(milliseconds=self.delay_ms)
        if self.outcome == "asks":
            if callback_url is None:
                raise GatewayUnavailable("a page that asks needs CLOUDTILL_GATEWAYS_URL")
            asked = Asked.of(order, callback_url).signed(self.signing_key)
            return Page(callback_url.removesuffix("/callback") + f"/pay/{asked}")
        url = f"https://gateway.invalid/pay/{order.order_id}"
        return Page(url, self._answers(order, order.payment.requested_at + delay), delay)

    @property
    def signing_key(self) -> SecretStr:
        """The key of a gateway that asks."""
        assert self.key is not None
        return self.key

    def _answers(self, order: GatewayOrder, at: datetime) -> tuple[Answer, ...]:
        references = [
            derived_id("simulated", order.order_id, str(number))
            for number in range(1, self.payments + 1)
        ]
        match self.outcome:
            case "waits" | "asks":
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
