"""A campaign: customers order, faults strike, and at the end every book must be right."""

import asyncio
import random
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from services.registry import SERVICES
from tests.faults import programs, steps
from tests.faults.creations import changes, creations
from tests.faults.life import CONCLUDE_S, live_on
from tests.faults.load import Load
from tests.faults.mixing import interleaved, shuffled
from tests.faults.site import Site, open_site
from tests.faults.strikes import STRIKES
from tests.servers import Servers
from tests.system.house import House

_WORKERS_OF_A_SERVICE: Final = 2
_WAITING_AT_MOST: Final = 500
"""Messages in queues, before more are published: faults are to strike until the last of them."""
_KILL: Final = "worker killed"
_SUSPECT_TRIES: Final = "1000"
"""It is not the messages' fault: some are in hand at every third death of two hundred."""
_RETRIES: Final = """
    create table public.retries (service text, count bigint);
    create function public.count_retries() returns trigger language plpgsql security definer as $$
    begin
        insert into public.retries
        select tg_table_schema, count(*) from new_rows where attempt > 0 having count(*) > 0;
        return null;
    end $$
"""
_COUNTED: Final = """
    create trigger count_retries after insert on {}.outbox
    referencing new table as new_rows for each statement execute function public.count_retries()
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """How hard a campaign is.

    Attributes:
        seed: draws everything that the machine lets us draw.
        orders: creations.
        kills: workers killed at random moments.
        rounds: how often each other kind of fault strikes.
        steps: at how many of the steps for each message type a worker dies; None: at all.
        kinds: of faults besides kills; None: all.
        pause_s: between two faults, at most.
    """

    seed: int
    orders: int
    kills: int
    rounds: int = 1
    steps: int | None = None
    kinds: Sequence[str] | None = None
    pause_s: float = 1.0


async def campaign(servers: Servers, logs: Path, plan: Plan) -> dict[str, Any]:
    """Run a campaign; returns its figures.

    Raises:
        AssertionError: if anything is lost, doubled, left, or wrong in the books.
    """
    began = time.monotonic()
    async with open_site(servers, logs, plan.seed) as site:
        await _count_retries(site)
        reached = await steps.die_at_every_step(site, plan.seed, plan.steps)
        load = Load("shop", plan.orders, random.Random(plan.seed))
        posts = {
            f"{service}-{number}": (service,)
            for service in SERVICES
            for number in range(1, _WORKERS_OF_A_SERVICE + 1)
        }
        async with site.staffed(posts, suspect_tries=_SUSPECT_TRIES):
            await _under_fire(site, load, plan)
            await site.all_recovered()
            await live_on(site, load)
            await site.assert_all_is_well(load.placed)
        assert not site.failures, site.failures[:5]
        return {
            "seed": plan.seed,
            "orders": len(load.placed),
            "steps": reached,
            **await _figures(site),
            "seconds": round(time.monotonic() - began, 1),
        }


async def _under_fire(site: Site, load: Load, plan: Plan) -> None:
    """Publish the load in pieces while faults strike, one after the other, in a drawn order."""
    await site.publish(shuffled(load.opening(), site.chance))
    await site.conclude(CONCLUDE_S)  # an order is judged by the user type that is known
    employed = await programs.employed(site, load)
    working = asyncio.create_task(programs.at_work(employed, load))
    messages = interleaved([creations(load), changes(load)], site.chance)
    kinds = [kind for kind in plan.kinds or STRIKES if kind != _KILL] * plan.rounds
    strikes = [_KILL] * plan.kills + kinds
    site.chance.shuffle(strikes)
    size = len(messages) // (len(strikes) + 1)
    publishing: list[Awaitable[None]] = []
    for number, kind in enumerate(strikes):
        piece = messages[number * size : (number + 1) * size]
        await site.caught_up(_WAITING_AT_MOST)
        publishing.append(asyncio.create_task(site.publish(piece)))
        await site.pause(0, plan.pause_s)
        site.figures.faults[kind] += 1
        await STRIKES[kind](site)
        if kind == _KILL:
            site.time_recovery(kind)
        else:
            await site.recovered(kind)
        print(f"{number + 1:>5} of {len(strikes)}  {kind}", flush=True)
    await site.publish(messages[len(strikes) * size :])
    await asyncio.gather(*publishing, working)


async def _count_retries(site: Site) -> None:
    async with site.database() as db:
        await db.execute(_RETRIES)
        for service in SERVICES:
            await db.execute(_COUNTED.format(service))


async def _figures(site: Site) -> dict[str, Any]:
    async with site.database() as db:
        retries = {
            row["service"]: int(row["sum"])
            for row in await db.fetch("select service, sum(count) from retries group by 1")
        }
        orders = {
            f"{row['action']} {row['state']} {row['reason'] or ''}".strip(): int(row["count"])
            for row in await db.fetch(
                "select action, state, reason, count(*) from billing.purchase_order"
                " group by 1, 2, 3 order by 1, 2, 3"
            )
        }
    figures = site.figures
    return {
        "orders_by_end": orders,
        "faults": dict(figures.faults),
        "workers_started": figures.workers_started,
        "connections_cut": site.to_broker.cuts + site.to_postgres.cuts,
        "messages": len(site.house.ear.heard),
        "published_again_upstream": site.upstream.published_again,
        "published_again": site.published_again,
        "duplicates_dropped": _duplicates(site.house),
        "retries": retries,
        "dead_letters": 0,
        "mails": len(site.outside.mails),
        "mails_sent_twice": site.outside.mails_sent_twice,
        "webhooks": len(site.outside.came),
        "webhooks_sent_twice": sum(site.outside.came.values()) - len(site.outside.came),
        "longest_recovery_s": {
            kind: round(max(times), 2) for kind, times in sorted(figures.recoveries_s.items())
        },
    }


def _duplicates(house: House) -> int:
    """Messages that came to a queue once more and changed nothing; what the broker delivered
    again after a death is not even counted."""
    again = 0
    handled = {kind for service in SERVICES.values() for kind in service.handlers}
    queues = {
        kind: sum(kind in service.handlers for service in SERVICES.values()) for kind in handled
    }
    for message in house.ear.heard:
        key = (message.envelope.source, message.envelope.id)
        again += (house.ear.times_heard[key] - 1) * queues.get(type(message), 0)
    return again


def table_of(figures: dict[str, Any]) -> Table:
    """The figures of a campaign, for people."""
    table = Table(title=f"Faults, seed {figures['seed']}")
    table.add_column("what")
    table.add_column("how many", justify="right")
    table.add_column("longest recovery, s", justify="right")
    recoveries = figures["longest_recovery_s"]
    for kind, times in sorted(figures["faults"].items()):
        table.add_row(kind, f"{times:,}", str(recoveries.get(kind, "")))
    table.add_section()
    for name in (
        "orders",
        "messages",
        "steps",
        "workers_started",
        "connections_cut",
        "published_again_upstream",
        "published_again",
        "mails",
        "mails_sent_twice",
        "webhooks",
        "webhooks_sent_twice",
        "duplicates_dropped",
        "dead_letters",
        "seconds",
    ):
        table.add_row(name.replace("_", " "), f"{figures[name]:,}")
    table.add_section()
    for end, orders in figures["orders_by_end"].items():
        table.add_row(end, f"{orders:,}")
    table.add_section()
    table.add_row("retries", f"{sum(figures['retries'].values()):,}")
    return table
