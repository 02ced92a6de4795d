"""`cloudtill top`: a live view of queues, rates, lags and failures."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from time import monotonic
from typing import Annotated

import typer
from aio_pika.abc import AbstractConnection
from rich.live import Live
from rich.table import Table

from services.cli.console import Json, console, database, finish, new_table, print_json, rabbitmq
from services.cli.console import schema as schema_of
from services.registry import SERVICES
from shared import topology
from shared.database import Connection
from shared.inbox import sql
from shared.outbox import OWN_QUEUE


@dataclass(frozen=True, slots=True)
class Sight:
    """One service as it is now. Rates are messages in a second, None where it was not seen before.

    `waiting` is what no worker has taken yet, `put_off` what will be tried again, `late_s` how long
    the oldest thing to say is overdue.
    """

    service: str
    workers: int | None
    waiting: int | None
    handled_per_s: float | None
    said_per_s: float | None
    to_say: int
    late_s: float
    put_off: int
    dead_letters: int


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen, and the counters to compare the next look with."""

    at_s: float
    sights: tuple[Sight, ...]
    counted: dict[str, tuple[int, int]]


def top(
    once: Annotated[bool, typer.Option("--once", help="Look once, and print that.")] = False,
    every_s: Annotated[
        float, typer.Option("--every", min=0.5, help="Seconds between two looks.")
    ] = 2,
    as_json: Json = False,
) -> None:
    """Show each service's queue, rates, lags and failures, live until Ctrl-C.

    waiting: not yet taken by a worker. put off: tried again later, because of what has not come yet
    or of an error. late: how long the oldest message is overdue to be said.

    Example: cloudtill top --once --json
    """
    if once or as_json:
        look = finish(_once(every_s))
        if as_json:
            print_json([asdict(one) for one in look.sights])
        else:
            console.print(_table(look.sights))
        return
    try:
        finish(_live(every_s))
    except KeyboardInterrupt:
        return


async def _once(every_s: float) -> Look:
    """Two looks, for the rates between them."""
    async with database() as db, rabbitmq() as broker:
        first = await look_at(db, broker)
        await asyncio.sleep(every_s)
        return await look_at(db, broker, first)


async def _live(every_s: float) -> None:
    async with database() as db, rabbitmq() as broker:
        look: Look | None = None
        with Live(console=console, auto_refresh=False, screen=console.is_terminal) as live:
            while True:
                look = await look_at(db, broker, look)
                live.update(_table(look.sights), refresh=True)
                await asyncio.sleep(every_s)


async def look_at(db: Connection, broker: AbstractConnection, before: Look | None = None) -> Look:
    """Look at every service with a queue.

    Args:
        db: a connection that may become each service.
        broker: a connection that sees the queues.
        before: an earlier look, for rates.
    """
    queues = {one.queue: one for one in await topology.check(broker, SERVICES.values())}
    at_s = monotonic()
    passed_s = at_s - before.at_s if before else 0
    sights: list[Sight] = []
    counted: dict[str, tuple[int, int]] = {}
    for name in SERVICES:
        async with schema_of(db, name):
            row = await db.fetchrow(sql.look, OWN_QUEUE)
        assert row is not None
        counted[name] = now = (row["handled"], row["said"])
        then = before.counted.get(name) if before else None
        sights.append(
            Sight(
                service=name,
                workers=queues[name].consumers,
                waiting=queues[name].messages,
                handled_per_s=_rate(now[0], then and then[0], passed_s),
                said_per_s=_rate(now[1], then and then[1], passed_s),
                to_say=row["to_say"],
                late_s=round(max(row["late_s"], 0), 1),
                put_off=row["put_off"],
                dead_letters=row["dead_letters"],
            )
        )
    return Look(at_s, tuple(sights), counted)


def _rate(now: int, then: int | None, passed_s: float) -> float | None:
    if then is None or passed_s <= 0:
        return None
    return round(max(now - then, 0) / passed_s, 1)


def _table(sights: Sequence[Sight]) -> Table:
    shown = new_table("Services")
    shown.add_column("service")
    columns = ("workers", "waiting", "handled/s", "said/s", "to say", "late s", "put off", "dead")
    for column in columns:
        shown.add_column(column, justify="right")
    for one in sights:
        style = "red" if one.workers in (0, None) or one.dead_letters else None
        cells = (
            one.workers,
            one.waiting,
            one.handled_per_s,
            one.said_per_s,
            one.to_say,
            one.late_s,
            one.put_off,
            one.dead_letters,
        )
        shown.add_row(one.service, *("-" if v is None else f"{v:,}" for v in cells), style=style)
    return shown
