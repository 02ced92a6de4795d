"""`cloudtill audit`: what must hold at every moment (domain 11), against live data."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

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
from shared.sql import Statements

sql = Statements("services.cli", "audit.sql")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a check names."""

    id: str
    detail: str


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold, what breaks it, and what is still on its way."""

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
            help="Seconds that a message may be on its way before what it leads to is missing.",
        ),
    ] = 60,
    as_json: Json = False,
) -> None:
    """Check that no money was made or lost, across all services, while they run.

    All checks see the same instant. What a message in an outbox, on the ladder of retries or among
    the dead letters will still settle counts as in flight, and so does what is younger than
    --settle. Exits with 1 and names the ids where something is wrong.
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
        raise Failure(f"{len(wrong)} of {len(checks)} checks found {ids} things that are wrong")


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
    """Every check, all at the same instant.

    Args:
        db: a connection that sees all schemas.
        settle: how long a message may be on its way.
    """
    async with db.transaction(isolation="repeatable_read", readonly=True):
        now = await db.fetchval("select now()")
        underway = await _underway(db)
        return [await _checked(db, name, now - settle, underway) for name in sql]


async def _underway(db: Connection) -> set[str]:
    """The correlation ids of what is still to be said or handled."""
    said = " union ".join(
        f"select correlation_id from {service.name}.outbox"  # noqa: S608 - our own names
        f" union select convert_from(body, 'UTF8')::jsonb ->> 'correlationid'"
        f" from {service.name}.dead_letter where concluded_at is null and message_id is not null"
        for service in SCHEMAS
    )
    return {row["correlation_id"] for row in await db.fetch(said) if row["correlation_id"]}


async def _checked(db: Connection, name: str, settled: datetime, underway: set[str]) -> Check:
    wrong: list[Finding] = []
    in_flight = 0
    for row in await db.fetch(sql[name]):
        recent = (row["since"] or datetime.min.replace(tzinfo=UTC)) > settled
        if recent or row["correlation_id"] in underway:
            in_flight += 1
        else:
            wrong.append(Finding(row["id"], row["detail"]))
    return Check(name, sql.purpose(name), tuple(wrong), in_flight)
