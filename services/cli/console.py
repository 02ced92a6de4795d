"""How the commands talk: tables for people, JSON for scripts, one line for an error."""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo

import asyncpg
import typer
from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import AMQPError
from aiormq.exceptions import ChannelNotFoundEntity
from pydantic import ValidationError
from pydantic_settings.exceptions import SettingsError
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared import broker
from shared.database import Connection, connect, role_of
from shared.settings import Settings
from shared.settings import settings as from_environment

_PIPE_WIDTH = 200
_NOT_MIGRATED = (
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.InvalidSchemaNameError,
    asyncpg.InvalidParameterValueError,  # a service's role that does not exist yet
)
console = Console(highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)
errors = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)

T = TypeVar("T")
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


class Failure(Exception):
    """What a command could not do, in one line that says what to do about it."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


def settings() -> Settings:
    """The settings in the environment.

    Raises:
        Failure: with code 2, naming the variable that makes no sense.
    """
    try:
        return from_environment()
    except SettingsError as error:
        raise Failure(_one_line(error), code=2) from None
    except ValidationError as error:
        fault = error.errors()[0]
        variable = f"CLOUDTILL_{str(fault['loc'][0]).upper()}"
        raise Failure(f"{variable}: {fault['msg']}", code=2) from None


def finish(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's coroutine; what is wrong with the servers becomes one line."""
    try:
        return asyncio.run(work)
    except _NOT_MIGRATED as error:
        raise Failure(f"{_one_line(error)}; run `cloudtill migrate` first") from None
    except ChannelNotFoundEntity as error:
        raise Failure(f"{_one_line(error)}; run `cloudtill topology apply` first") from None
    except AMQPError as error:
        raise Failure(f"RabbitMQ: {error!r}; is CLOUDTILL_AMQP_URL right?") from None
    except (OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError) as error:
        raise Failure(f"no answer from a server: {_one_line(error)}") from None
    except asyncpg.PostgresError as error:
        raise Failure(f"Postgres: {_one_line(error)}") from None
    except UnicodeEncodeError:
        raise Failure("an argument is not text in UTF-8", code=2) from None


@asynccontextmanager
async def database(wait_s: float = 0) -> AsyncIterator[Connection]:
    """A connection to Postgres as the operator; JSON in rows is read already."""
    url = settings().database_url.get_secret_value()
    try:
        db = await connect(url, wait_s=wait_s)
        await db.set_type_codec(
            "jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads
        )
    except (OSError, asyncpg.PostgresError, ValueError) as error:
        raise Failure(
            f"can't reach Postgres at {_without_password(url)}: {_one_line(error)};"
            " is CLOUDTILL_DATABASE_URL right?"
        ) from None
    try:
        yield db
    finally:
        await db.close()


@asynccontextmanager
async def schema(db: Connection, service: str) -> AsyncIterator[None]:
    """A transaction in the schema of a service, under its role."""
    async with db.transaction():
        await db.execute(f"set local role {role_of(service)}; set local search_path to {service}")
        yield


@asynccontextmanager
async def rabbitmq() -> AsyncIterator[AbstractConnection]:
    """A connection to RabbitMQ as the operator."""
    url = settings().amqp_url.get_secret_value()
    opened = broker.connected(url, "cloudtill command")
    try:
        connection = await opened.__aenter__()
    except broker.TROUBLE as error:
        raise Failure(
            f"can't reach RabbitMQ at {_without_password(url)}: {_one_line(error)};"
            " is CLOUDTILL_AMQP_URL right?"
        ) from None
    try:
        yield connection
    finally:
        await opened.__aexit__(None, None, None)


def _without_password(url: str) -> str:
    return re.sub(r"://[^@/]*@", "://***@", url)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def print_json(value: object) -> None:
    """Print a value as JSON: decimals as strings, times with their offset."""
    typer.echo(json.dumps(value, default=_jsonable, ensure_ascii=False, indent=2))


def _jsonable(value: object) -> object:
    if isinstance(value, asyncpg.Record):
        return dict(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)


def table(title: str, rows: Sequence[Mapping[str, Any]], empty: str = "none") -> None:
    """Print rows under a title; the columns are the rows' keys."""
    if not rows:
        console.print(Text(f"{title}: {empty}", style="dim"))
        return
    shown = new_table(title)
    for column in rows[0]:
        numeric = any(isinstance(row[column], int | Decimal) for row in rows)
        shown.add_column(
            column.replace("_", " "), justify="right" if numeric else "left", overflow="fold"
        )
    for row in rows:
        shown.add_row(*(Text(readable(value)) for value in row.values()))
    console.print(shown)


def new_table(title: str) -> Table:
    """An empty table in the style of this program."""
    return Table(
        title=title, title_justify="left", title_style="bold", header_style="dim", box=SIMPLE_HEAD
    )


def _local(at: datetime) -> str:
    """An instant as clocks of the billing time zone show it."""
    local = at.astimezone(ZoneInfo(settings().billing_time_zone))
    return f"{local:%Y-%m-%d %H:%M} {local:%z}".removesuffix("00")


def readable(value: object) -> str:
    """A value as people write it."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case datetime():
            return _local(value)
        case Decimal():
            return f"{value:f}"
        case {"sku": sku, "quantity": quantity}:
            return f"{readable(sku)} x {readable(quantity)}"
        case Mapping():
            return ", ".join(f"{name} {readable(one)}" for name, one in value.items()) or "-"
        case list() | tuple():
            return ", ".join(map(readable, value)) or "-"
        case _:
            return str(value)
