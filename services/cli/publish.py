"""`cloudtill publish` and `cloudtill tick`: messages as upstream services would publish them."""

import json
import uuid
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

import typer
from aio_pika.exceptions import DeliveryError, PublishError
from pydantic import ValidationError

from services.billing import store as billing
from services.cli.console import (
    Failure,
    console,
    database,
    finish,
    rabbitmq,
    schema,
    settings,
)
from services.cli.message import named
from services.invoicing import store as invoicing
from shared import publishing
from shared.database import Connection
from shared.envelope import Envelope
from shared.messages import Message
from shared.messages.invoicing import InvoiceRunAccountRequested
from shared.messages.scheduler import TickDay, TickMinute, TickMonth
from shared.outbox import Parcel
from shared.periods import BillingMonth
from shared.publishing import confirming_channel
from shared.wire import BadMessage, parse

_PLAIN = {"integer", "boolean", "null"}
_OPERATOR: Final = "/cloudtill/operator"
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

    The same --id and source again is a duplicate, and has no second effect. `cloudtill message
    TYPE` tells which fields a type has; a VALUE of a nested field is JSON.

    \b
    Examples:
      cloudtill publish account.registered account_id=acc-1 email=an@example.com name=An
      cloudtill publish top_up.received top_up_id=t-1 account_id=acc-1 amount=500000 \\
          gateway=bank gateway_reference=r-1
      cloudtill publish order.placed --file order.json --time 2026-11-24T09:00:00+07:00
    """
    message_type = named(type_)
    message = stamped(
        _message(message_type, _data(message_type, fields or [], data, file)),
        instant(time),
        uuid.uuid4().hex if id_ is None else id_,
        source,
    )
    try:
        parse(message.encode())
    except BadMessage as fault:
        raise Failure(f"{message.type}: {fault.detail}", code=2) from None
    finish(send([message]))
    console.print(f"published {message.type} {message.envelope.id}", markup=False)


def tick(
    what: Annotated[Tick, typer.Argument(help="minute, day or month.")],
    period: Annotated[
        str | None, typer.Option(help="For month: the billing month, such as 2026-11.")
    ] = None,
    time: Time = None,
    account: Annotated[
        str | None,
        typer.Option(
            help="For month: run it again for this account alone, such as one in quarantine."
        ),
    ] = None,
) -> None:
    """Publish a tick by hand. A tick that was published before changes nothing.

    \b
    Examples:
      cloudtill tick minute
      cloudtill tick day --time 2026-11-24T00:05:00+07:00
      cloudtill tick month --period 2026-10
      cloudtill tick month --period 2026-10 --account acc-1
    """
    if what is not Tick.month and (period or account):
        raise Failure("--period and --account are for tick month", code=2)
    at = instant(time)
    if account is not None:
        _run_again(_period(period, at), account, at)
        return
    message: Message
    match what:
        case Tick.minute:
            message = TickMinute()
        case Tick.day:
            message = TickDay()
        case Tick.month:
            message = TickMonth(period=_period(period, at))
    name = f"{message.type}:{period or at.isoformat()}:{uuid.uuid4().hex[:8]}"
    _say(stamped(message, at, name, _OPERATOR))


def _run_again(period: str, account: str, at: datetime) -> None:
    """Let invoicing run a month once more for one account."""
    message = finish(_rerun(period, account))
    if message is None:
        raise Failure(f"{period} was never run; `cloudtill tick month --period {period}` runs it")
    _say(stamped(message, at, f"rerun:{period}:{uuid.uuid4().hex[:8]}", _OPERATOR))


async def _rerun(period: str, account: str) -> Message | None:
    async with database() as db:
        async with schema(db, "billing"):
            if await billing.accounts.show_account(db, account) is None:
                raise Failure(f"there is no account {account}")
        async with schema(db, "invoicing"):
            return await rerun_of(db, period, account)


async def rerun_of(db: Connection, period: str, account: str) -> InvoiceRunAccountRequested | None:
    """The command that runs a month again for one account, such as one in quarantine.

    Published, it makes a further range of the month's run. None if the month was never run.
    """
    if await invoicing.show_run(db, period) is None:
        return None
    return InvoiceRunAccountRequested(
        period=period, account_id=account, requested_by="operator", reason="cloudtill tick month"
    )


def _say(message: Message) -> None:
    finish(send([message]))
    console.print(f"published {message.type} {message.envelope.id}", markup=False)


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
            source=message.source if source is None else source,
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
                await publishing.publish(channel, Parcel.of(message), settings().publish_timeout_s)
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


def _plain(fault: str) -> str:
    return fault.removeprefix("Value error, ")


def _message(message_type: type[Message], data: dict[str, Any]) -> Message:
    try:
        return message_type.model_validate_json(json.dumps(data))
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'data'}: {_plain(fault['msg'])}"
            for fault in error.errors()[:5]
        )
        raise Failure(f"{message_type.type}: {faults}", code=2) from None
