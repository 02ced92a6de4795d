"""What all messages have in common: frozen data, strict fields, and the envelope they travel in."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
)

from shared.envelope import Envelope
from shared.money import CURRENCIES, MAX_AMOUNT

_DECIMAL = re.compile(r"[0-9]{1,15}(\.[0-9]{1,12})?")
_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def _decimal_text(value: object) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        return Decimal(value)
    raise ValueError("a decimal string of at most 15 digits, and 12 after the point, is expected")


def _utc(value: datetime) -> datetime:
    try:
        value = value.astimezone(UTC)
    except OverflowError:
        value = _LAST
    if not _FIRST <= value < _LAST:
        raise ValueError("a time between the years 2000 and 2100 is expected")
    return value


def _known_currency(code: str) -> str:
    if code not in CURRENCIES:
        raise ValueError(f"unknown currency {code!r}; known are {', '.join(CURRENCIES)}")
    return code


def _plain(value: Decimal) -> str:
    return f"{value:f}"


Id = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
Text = Annotated[str, StringConstraints(max_length=2_000, pattern=r"^[^\x00]*$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]
Amount = Annotated[int, Field(strict=True, ge=0, le=MAX_AMOUNT)]
"""Smallest units, 0 or more."""
PositiveAmount = Annotated[int, Field(strict=True, gt=0, le=MAX_AMOUNT)]
SignedAmount = Annotated[int, Field(strict=True, ge=-MAX_AMOUNT, le=MAX_AMOUNT)]
Count = Annotated[int, Field(strict=True, ge=0, le=10**9)]
PositiveCount = Annotated[int, Field(strict=True, gt=0, le=10**9)]
PlainDecimal = Annotated[
    Decimal, BeforeValidator(_decimal_text), PlainSerializer(_plain, return_type=str)
]
"""A decimal string on the wire, 0 or more; never a JSON number, so never a float."""
Quantity = Annotated[PlainDecimal, Field(gt=0, le=10**12)]
Rate = Annotated[PlainDecimal, Field(ge=0, le=1)]
"""A share of 1: `0.1` is ten per cent."""
Time = Annotated[AwareDatetime, AfterValidator(_utc)]
BoundedTime = Annotated[AwareDatetime, Field(ge=_FIRST, lt=_LAST)]
"""An instant as `Time`, with the offset it came with: checked without Python."""
QuantityText = Annotated[
    str,
    StringConstraints(
        pattern=r"^(0{0,11}[1-9][0-9]{0,11}(\.[0-9]{1,12})?|0{1,12}\.0{0,11}[1-9][0-9]{0,11})$"
    ),
]
"""A `Quantity` that stays text, checked without Python."""
CurrencyCode = Annotated[str, AfterValidator(_known_currency)]
UserType = Literal["prepaid", "postpaid"]
WalletKind = Literal["credit", "poc"]
Action = Literal[
    "create", "resize", "renew", "recover", "delete", "stop", "start", "reboot", "stop_poc"
]
PocState = Literal["running", "ended"]
"""Of a proof of concept: `running` is paid from the POC wallet, `ended` not paid by other means yet
(domain 9)."""
PaymentMethod = Literal["credit", "gateway", "top_up_and_pay", "poc", "on_behalf"]
Period = Annotated[str, StringConstraints(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$")]
"""A billing month: `2026-11`."""


class Model(BaseModel):
    """A frozen value inside a message. Unknown fields are ignored (contract.md)."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
    )


MESSAGE_TYPES: dict[str, type["Message"]] = {}
"""Every message type of the contract, by its name on the wire."""


class Message(Model):
    """A message's data; once it is stamped or parsed, its envelope too.

    The envelope lies where pydantic keeps private attributes, so that it is compared and copied
    with the rest, but is not declared as one: pydantic would prepare it in Python for each message.
    """

    type: ClassVar[str]
    source: ClassVar[str]
    must_arrive: ClassVar[bool] = True
    """Whether it is kept until a queue takes it. What only tells, and nobody hears, may go."""
    max_bytes: ClassVar[int] = 256 * 1024

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if "type" in cls.__dict__:
            if cls.type in MESSAGE_TYPES:
                raise TypeError(f"two messages are called {cls.type}")
            MESSAGE_TYPES[cls.type] = cls

    @property
    def envelope(self) -> Envelope:
        envelope: Envelope | None = (self.__pydantic_private__ or {}).get("envelope")
        if envelope is None:
            raise ValueError(f"{self.type} has no envelope yet: say why it is said, with because()")
        return envelope

    @property
    def time(self) -> datetime:
        """Business time, in UTC."""
        return self.envelope.time

    @property
    def routing_key(self) -> str:
        return self.type

    @classmethod
    def bound_to(cls, _service: str) -> str:
        """The routing key by which a service hears this type; some have its name behind it."""
        return cls.type

    def within(self, envelope: Envelope) -> Self:
        """This message in this envelope. A message is stamped once."""
        if "envelope" in (self.__pydantic_private__ or {}):
            raise ValueError(f"{self.type} has an envelope already")
        self.rewrap(envelope)
        return self

    def rewrap(self, envelope: Envelope) -> None:
        """Change what the envelope says to those who watch; what handling depends on stays."""
        private = (self.__pydantic_private__ or {}) | {"envelope": envelope}
        object.__setattr__(self, "__pydantic_private__", private)

    def because(self, cause: "Message", key: str = "", *, at: datetime | None = None) -> Self:
        """Stamp this message as caused by another.

        Args:
            cause: the message whose handling says this one.
            key: tells apart several of this type with the same cause.
            at: business time where it is not the cause's.
        """
        return self.within(
            cause.envelope.caused(
                source=self.source,
                type=self.type,
                key=key,
                at=at,
                subject=getattr(self, "account_id", None),
            )
        )

    def encode(self) -> bytes:
        """The whole event as JSON in UTF-8."""
        data = self.__pydantic_serializer__.to_json(self, exclude_none=True, by_alias=True)
        return self.envelope.around(data)


@dataclass(frozen=True, slots=True)
class Later:
    """A message that is to be published only after a while (real time, not business time)."""

    message: Message
    delay: timedelta


@dataclass(frozen=True, slots=True)
class NotYet:
    """The answer of a handler that can't handle a message before something else has come.

    The message is put back on the ladder of retries; the rest of its group goes on. A handler
    that says so must not have written anything for it.
    """

    cause: Message
    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The answer of a handler to a message that only a person can judge: it becomes a dead letter.

    `reason` is a stable code. A handler that says so must not have written anything for it.
    """

    cause: Message
    reason: str
    detail: str


Said = Message | Later | NotYet | Refused
"""What a handler may answer."""
