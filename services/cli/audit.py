"""`cloudtill audit`: what must hold at every moment (domain 11), against live data.

Each check is a statement in `audit_*.sql`, whose rows are what breaks it. `since` tells, by the
clock, when the first half of it was recorded: null where both halves come in one transaction, so
that it can't be on its way, and infinity where somebody outside is waited for. `correlation_id` is
the order or run that it belongs to.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final

import typer

from services.cli.console import (
    Failure,
    Json,
    console,
    database,
    finish,
    new_table,
    print_json,
)
from services.registry import SCHEMAS
from shared.database import Connection
from shared.messages.upstream import PocGranted
from shared.sql import Statements
from shared.wire import BadMessage, parse

STATEMENTS: Final = tuple(
    Statements("services.cli", f"audit_{part}.sql")
    for part in ("money", "orders", "invoices", "usage", "poc", "notices", "portal", "shown")
)
_FOUND: Final = """
    select id, detail, correlation_id, coalesce(since > $1, false) as is_recent
    from ({statement}) as found
    order by id
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a check names."""

    id: str
    detail: str


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold, what breaks it, and how many things are still on their way."""

    name: str
    title: str
    wrong: tuple[Finding, ...]
    in_flight: int


def audit(
    settle_s: Annotated[
        float,
        typer.Option(
            "--settle",
            min=0,
            help="Seconds that a message may be on its way before what it leads to is missing; more"
            " where queues are long.",
        ),
    ] = 60,
    as_json: Json = False,
) -> None:
    """Check that no money was made or lost, across all services, while they run.

    All checks see the same instant. What belongs to an order or run with a message in an outbox, on
    the ladder of retries or among the dead letters counts as in flight, and so does what is younger
    than --settle. Exits with 1 and names the ids where something is wrong.

    Example: cloudtill audit --settle 300 --json
    """
    checks = finish(_audit(timedelta(seconds=settle_s)))
    wrong = [check for check in checks if check.wrong]
    if as_json:
        print_json(
            {
                "ok": not wrong,
                "checks": [
                    {
                        "name": check.name,
                        "title": check.title,
                        "in_flight": check.in_flight,
                        "wrong": [{"id": one.id, "detail": one.detail} for one in check.wrong],
                    }
                    for check in checks
                ],
            }
        )
    else:
        print_checks(checks)
    if wrong:
        ids = sum(len(check.wrong) for check in wrong)
        raise Failure(f"{len(wrong)} of {len(checks)} checks failed; ids that are wrong: {ids}")


def print_checks(checks: Sequence[Check]) -> None:
    """Print a table of checks, and what each found."""
    shown = new_table("Audit")
    for column in ("", "domain", "what must hold", "in flight", "wrong"):
        shown.add_column(column, justify="right" if column in ("in flight", "wrong") else "left")
    for check in checks:
        mark = "[red]wrong[/]" if check.wrong else "[green]ok[/]"
        section, _, title = check.title.partition(" ")
        counts = str(check.in_flight or "-"), str(len(check.wrong) or "-")
        shown.add_row(mark, section, title, *counts)
    console.print(shown)
    for check in checks:
        for one in check.wrong:
            console.print(f"{check.name}: {one.id}: {one.detail}", style="red", markup=False)


async def _audit(settle: timedelta) -> list[Check]:
    async with database() as db:
        return await checked(db, settle)


async def checked(db: Connection, settle: timedelta) -> list[Check]:
    """Every check, all at the same instant, ordered by the rule that it belongs to.

    Each is one pass over what it compares, so that the whole grows in step with the tables.

    Args:
        db: a connection that sees all schemas.
        settle: how long a message may be on its way.
    """
    async with db.transaction(isolation="repeatable_read", readonly=True):
        await db.execute("set local jit = off; set local work_mem = '64MB'")
        settled: datetime = await db.fetchval("select clock_timestamp() - $1::interval", settle)
        underway = await _underway(db)
        checks = [
            await _checked(db, statements, name, settled, underway)
            for statements in STATEMENTS
            for name in statements
        ]
    return sorted(checks, key=lambda check: check.title.partition(" ")[0])


async def _checked(
    db: Connection, statements: Statements, name: str, settled: datetime, underway: set[str]
) -> Check:
    wrong: list[Finding] = []
    in_flight = 0
    for row in await db.fetch(_FOUND.format(statement=statements[name]), settled):
        if row["is_recent"] or row["correlation_id"] in underway:
            in_flight += 1
        else:
            wrong.append(Finding(row["id"], row["detail"]))
    return Check(name, statements.purpose(name), tuple(wrong), in_flight)


async def _underway(db: Connection) -> set[str]:
    """The orders and runs of what is still to be said, or to be decided by an operator.

    What has no correlation id begins a chain that is named after its own id.
    """
    underway: set[str] = set()
    for service in SCHEMAS:
        said = f"select coalesce(correlation_id, message_id) from {service.name}.outbox"  # noqa: S608
        underway.update(row[0] for row in await db.fetch(said))
        waiting = f"select body from {service.name}.dead_letter where concluded_at is null"  # noqa: S608
        async for row in db.cursor(waiting):
            underway.update(_chain(row["body"]))
    return underway


def _chain(body: bytes) -> Iterator[str]:
    """What the chain of a dead letter is named after, as far as it can be read."""
    with suppress(ValueError, RecursionError, BadMessage):
        event = json.loads(body)
        if isinstance(event, dict):
            yield str(event.get("correlationid") or event.get("id"))
            if event.get("type") == PocGranted.type:  # a grant begins no chain that others name
                yield parse(body).envelope.derived_id("grant")
