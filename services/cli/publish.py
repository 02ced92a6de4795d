"""`cloudtill publish` and `cloudtill tick`: messages as upstream services would publish them."""

import json
import uuid
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from aio_pika.exceptions import DeliveryError, PublishError
from pydantic import ValidationError

from services.cli.console import Failure, console, finish, rabbitmq, settings
from shared import broker
from shared.broker import confirming_channel
from shared.envelope import Envelope
from shared.messages import MESSAGE_TYPES, Message
from shared.messages.scheduler import TickDay, TickMinute, TickMonth
from shared.outbox import Parcel
from shared.periods import BillingMonth

_PLAIN = {"integer", "boolean", "null"}
Time = Annotated[
    str | None,
    typer.Option("--time", help="Business time, RFC 3339 with offset; else now."),
]


class Tick(StrEnum):
    """What may tick."""

    minute = "minute"
    day = "day"
    month = "month"


def publish(
    type_: Annotated[str, typer.Argument(metavar="TYPE", help="Such as top_up.received.")],
    fields: Annotated[
        list[str] | None, typer.Argument(metavar="[FIELD=VALUE]...", help="The message's data.")
    ] = None,
    data: Annotated[str | None, typer.Option(help="All of the data as JSON.")] = None,
    file: Annotated[Path | None, typer.Option(help="A file with the data as JSON.")] = None,
    time: Time = None,
    id_: Annotated[
        str | None, typer.Option("--id", help="The message's id; else a new one.")
    ] = None,
    source: Annotated[str | None, typer.Option(help="Who says it; else the usual source.")] = None,
) -> None:
    """Publish one message and wait until RabbitMQ has it.

    The same --id and source again is a duplicate, and has no second effect.

    Example: cloudtill publish top_up.received top_up_id=t1 account_id=acc-1 amount=500000
    gateway=bank gateway_reference=r1
    """
    message_type = MESSAGE_TYPES.get(type_)
    if message_type is None:
        raise Failure(f"no message is called {type_}; there are {', '.join(MESSAGE_TYPES)}", code=2)
    message = _message(message_type, _data(message_type, fields or [], data, file))
    finish(send([stamped(message, instant(time), id_ or uuid.uuid4().hex, source)]))
    console.print(f"published {message.type} {message.envelope.id}")


def tick(
    what: Annotated[Tick, typer.Argument(help="minute, day or month.")],
    period: Annotated[
        str | None, typer.Option(help="For month: the billing month, such as 2026-11.")
    ] = None,
    time: Time = None,
) -> None:
    """Publish a tick by hand. A tick that was published before changes nothing."""
    at = instant(time)
    message: Message
    match what:
        case Tick.minute:
            message = TickMinute()
        case Tick.day:
            message = TickDay()
        case Tick.month:
            message = TickMonth(period=_period(period, at))
    name = f"{message.type}:{period or at.isoformat()}:{uuid.uuid4().hex[:8]}"
    finish(send([stamped(message, at, name, "/cloudtill/operator")]))
    console.print(f"published {message.type} {message.envelope.id}")


def _period(period: str | None, at: datetime) -> str:
    if period is None:
        raise Failure("tick month needs --period, such as --period 2026-11", code=2)
    try:
        month = BillingMonth.parse(period)
    except ValueError as error:
        raise Failure(str(error), code=2) from None
    end = month.end(ZoneInfo(settings().billing_time_zone))
    if at < end:
        raise Failure(
            f"{month} is not over before {end.isoformat()}; --time says when it is", code=2
        )
    return str(month)


def instant(text: str | None) -> datetime:
    """A business time as it was typed; now where it was not."""
    if text is None:
        return datetime.now(UTC)
    with suppress(ValueError):
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            return at
    raise Failure(f"--time: {text!r} is not like 2026-11-24T09:00:00+07:00", code=2)


def stamped(message: Message, at: datetime, id_: str, source: str | None = None) -> Message:
    """A message in an envelope, as its source would publish it."""
    return message.within(
        Envelope(
            id=id_,
            source=source or message.source,
            type=message.type,
            time=at,
            subject=getattr(message, "account_id", None),
            correlation_id=getattr(message, "order_id", None),
        )
    )


async def send(messages: list[Message]) -> None:
    """Publish messages, each confirmed.

    Raises:
        Failure: if no queue takes one of them.
    """
    async with rabbitmq() as connection:
        channel = await confirming_channel(connection, lambda: None)
        for message in messages:
            try:
                await broker.publish(channel, Parcel.of(message), settings().publish_timeout_s)
            except PublishError:
                raise Failure(
                    f"no queue takes {message.type}; run `cloudtill topology apply` first"
                ) from None
            except DeliveryError as error:
                raise Failure(f"RabbitMQ refused {message.type}: {error}") from None


def _data(
    message_type: type[Message], fields: list[str], data: str | None, file: Path | None
) -> dict[str, Any]:
    if sum((bool(fields), data is not None, file is not None)) > 1:
        raise Failure("give the data once: as FIELD=VALUE, as --data, or as --file", code=2)
    if file is not None:
        try:
            data = file.read_text()
        except OSError as error:
            raise Failure(f"--file: {error}", code=2) from None
    if data is not None:
        try:
            parsed = json.loads(data)
        except ValueError as error:
            raise Failure(f"the data are not JSON: {error}", code=2) from None
        if not isinstance(parsed, dict):
            raise Failure("the data are not a JSON object", code=2)
        return parsed
    schema = message_type.model_json_schema()["properties"]
    return dict(_field(schema, text) for text in fields)


def _field(schema: dict[str, Any], text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise Failure(f"{text!r} is not FIELD=VALUE", code=2)
    if name not in schema:
        raise Failure(f"there is no field {name}; there are {', '.join(schema)}", code=2)
    kinds = {one.get("type") for one in (schema[name], *schema[name].get("anyOf", ()))}
    if not kinds & {"array", "object"} and ("string" in kinds or not kinds & _PLAIN):
        return name, value
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _message(message_type: type[Message], data: dict[str, Any]) -> Message:
    try:
        return message_type.model_validate_json(json.dumps(data))
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'data'}: {fault['msg']}"
            for fault in error.errors()[:5]
        )
        raise Failure(f"{message_type.type}: {faults}", code=2) from None
