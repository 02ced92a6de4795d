"""`cloudtill migrate` and `cloudtill topology`: what must be there before workers start."""

from typing import Annotated

import typer
from aiormq.exceptions import ChannelPreconditionFailed

from services.cli.console import (
    Failure,
    Json,
    console,
    database,
    finish,
    print_json,
    rabbitmq,
    table,
)
from services.registry import SCHEMAS, SERVICES
from shared import migrations
from shared import topology as queues
from shared.database import Connection
from shared.migrations import MigrationError

topology = typer.Typer(
    help="Exchange, queues and bindings on RabbitMQ.", no_args_is_help=True, name="topology"
)


def migrate(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit 1 if needed.")
    ] = False,
    wait_s: Annotated[
        float, typer.Option("--wait", min=0, help="Seconds to wait for Postgres to start.")
    ] = 0,
) -> None:
    """Bring every service's Postgres schema up to this release. May be run again at any time."""
    finish(_migrate(check, wait_s))


async def _migrate(check: bool, wait_s: float) -> None:
    async with database(wait_s) as db:
        done = await (_pending(db) if check else migrate_schemas(db))
    for service, names in done.items():
        console.print(f"{service}: {', '.join(names) or 'up to date'}")
    if check and any(done.values()):
        raise Failure("the database lacks these; run `cloudtill migrate`")


async def migrate_schemas(db: Connection) -> dict[str, list[str]]:
    """Bring every service's schema up to this release; returns what was applied, by service."""
    try:
        return {
            service.name: await migrations.migrate(
                db, service.name, migrations.migrations_of(service.package)
            )
            for service in SCHEMAS
        }
    except MigrationError as error:
        raise Failure(str(error)) from None


async def _pending(db: Connection) -> dict[str, list[str]]:
    return {
        service.name: await migrations.pending(
            db, service.name, migrations.migrations_of(service.package)
        )
        for service in SCHEMAS
    }


@topology.command()
def apply() -> None:
    """Declare what is missing. What exists as it should stays as it is."""
    for queue in finish(declare_queues()):
        console.print(f"{queue.name}: bound to {len(queue.routing_keys)} of {queue.exchange}")


async def declare_queues() -> list[queues.Queue]:
    """Declare what is missing on RabbitMQ; returns all queues as they should be."""
    async with rabbitmq() as connection:
        try:
            return await queues.apply(connection, SERVICES.values())
        except ChannelPreconditionFailed as error:
            raise Failure(
                f"a queue exists with other arguments: {error}; drain it, delete it, apply again"
            ) from None


@topology.command()
def check(as_json: Json = False) -> None:
    """Compare the broker with what it should be; exit 1 where it differs."""
    finish(_check(as_json))


async def _check(as_json: bool) -> None:
    async with rabbitmq() as connection:
        findings = await queues.check(connection, SERVICES.values())
    rows = [
        {"queue": one.queue, "state": one.state, "messages": one.messages, "workers": one.consumers}
        for one in findings
    ]
    if as_json:
        print_json(rows)
    else:
        table("Queues", rows)
    if any(one.state != "ok" for one in findings):
        raise Failure("the broker differs; run `cloudtill topology apply`")
