"""`make fuzz`: broken messages in every queue, among orders that are to go through all the same."""

import argparse
import asyncio
import json
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from aiormq.abc import AbstractChannel
from pamqp.commands import Basic
from rich.console import Console
from rich.table import Table

from services.registry import SERVICES
from shared import broker, dead_letters
from shared.database import pool
from shared.inbox import MessageKey
from shared.messages.billing import PaymentConfirmed
from shared.messages.upstream import AccountRegistered
from tests.builders import said
from tests.faults.mutations import Broken, broken, samples
from tests.faults.site import Site, open_site
from tests.servers import Servers, servers
from tests.system.shop import assert_nothing_is_wrong, catalogue, customer, order, server

_WINDOW: Final = 200
_WAITING_AT_MOST: Final = 400
"""Messages in queues before more are put there: as many as services take, and no heap."""
_CONCLUDE_S: Final = 600
_PAID_S: Final = 60
SETTINGS: Final = {
    "retry_delays_s": "[0.1,0.5,1,2,3]",
    "reference_wait_s": "2",
    "group_size": "100",
    "database_silence_s": "60",
    "mail_give_up_s": "5",
}
"""Under which what refers to nothing, and a mail that nobody takes, is given up within seconds."""
_MISSING: Final = """
    select t.number from unnest($1::text[]) as t (number)
    where not exists (
        select from {service}.dead_letter d where d.properties -> 'headers' ->> 'x-fuzz' = t.number
    )
"""
_WAITED_IN_VAIN: Final = """
    select number from dead_letter
    where concluded_at is null and reason = 'out_of_attempts'
      and source is not null and message_id is not null
    order by number
"""
_UNANSWERED: Final = """
    select count(*) from dead_letter d
    where d.number = any($2::bigint[])
      and not exists (select from inbox i where (i.source, i.id) = (d.source, d.message_id))
      and not exists (
          select from dead_letter n
          where (n.source, n.message_id) = (d.source, d.message_id) and n.number > $1
      )
"""
_LOOK_EVERY_S: Final = 0.5
_TELL_EVERY: Final = 5_000
_TOLD: Final = (
    "copies",
    "good_orders",
    "seconds",
    "alone_p50_s",
    "alone_p99_s",
    "beside_p50_s",
    "beside_p99_s",
    "slowed_by",
    "replayed",
    "dead_again",
)
"""Of its figures."""
_UNCONCLUDED: Final = """
    select t.id
    from unnest($1::date[], $2::text[], $3::text[], $4::text[]) as t (day, source, id, number)
    where not exists (
        select from {service}.inbox i where (i.day, i.source, i.id) = (t.day, t.source, t.id)
    ) and not exists (
        select from {service}.dead_letter d where (d.source, d.message_id) = (t.source, t.id)
    ) and not exists (
        select from {service}.dead_letter d where d.properties -> 'headers' ->> 'x-fuzz' = t.number
    )
"""


def main() -> int:
    """Publish broken messages, see what becomes of each, print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--orders", type=int, default=300, help="good ones among them")
    parser.add_argument("--out", type=Path, default=Path(".local/fuzz.json"))
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    logs = Path(tempfile.mkdtemp(prefix="fuzz-", dir=options.out.parent)).absolute()
    print(f"seed {options.seed}; what workers log is in {logs}")
    with servers(ours_alone=True) as running:
        figures = asyncio.run(fuzz(running, logs, options.seed, options.messages, options.orders))
    shutil.rmtree(logs)
    Console().print(table_of(figures))
    options.out.write_text(json.dumps(figures, indent=2))
    return 0


async def fuzz(
    running: Servers, logs: Path, seed: int, messages: int, orders: int
) -> dict[str, Any]:
    """Publish broken messages among good orders; returns figures.

    Raises:
        AssertionError: if a worker ends, a good order does not go through, a broken message is
            nowhere, or the books are wrong.
    """
    chance = random.Random(seed)
    async with open_site(running, logs, seed) as site, at_work(site):
        await site.publish([*catalogue(), *customer("good", credit=10**12)])
        await site.conclude(_CONCLUDE_S)
        alone = await _paced(site, "alone", orders)
        began = time.monotonic()
        over = asyncio.Event()
        amid = asyncio.create_task(_paced(site, "amid", orders, over))
        sent = await _put_broken(site, chance, messages)
        over.set()
        beside = await amid
        await site.conclude(_CONCLUDE_S)
        seconds = time.monotonic() - began
        ends = await _ends_of(site, sent)
        in_flight = await assert_nothing_is_wrong(site.house)
        replayed = await _mended(site)
        in_flight += await assert_nothing_is_wrong(site.house)
    assert not site.failures, site.failures[:5]
    return {
        "seed": seed,
        "messages": messages,
        "copies": len(sent),
        "good_orders": len(alone) + len(beside),
        "seconds": round(seconds, 1),
        "ends": ends,
        "alone_p50_s": round(statistics.median(alone), 3),
        "alone_p99_s": round(_p99(alone), 3),
        "beside_p50_s": round(statistics.median(beside), 3),
        "beside_p99_s": round(_p99(beside), 3),
        "slowed_by": round(statistics.median(beside) / statistics.median(alone), 2),
        "in_flight": in_flight,
        **replayed,
    }


def _p99(seconds: Sequence[float]) -> float:
    return sorted(seconds)[len(seconds) * 99 // 100]


@asynccontextmanager
async def at_work(site: Site, **settings: str) -> AsyncIterator[None]:
    """One worker of each service, none of which may end."""
    async with site.staffed({name: (name,) for name in SERVICES}, **SETTINGS | settings):
        yield
    if site.figures.workers_started != len(SERVICES):
        site.failures.append(f"{site.figures.workers_started} workers were started")


async def _paced(
    site: Site, name: str, orders: int, until: asyncio.Event | None = None
) -> list[float]:
    """Publish good orders one after the other; the seconds until each is paid.

    Args:
        orders: at least so many.
        until: go on beyond them until this is set.
    """
    took: list[float] = []
    for number in count():
        if number >= orders and (until is None or until.is_set()):
            break
        order_id = f"{name}-{number}"
        placed = order(order_id, [server(order_id, "image")], account_id="good")
        began = time.monotonic()
        await site.publish([placed])
        await site.house.ear.wait_for(PaymentConfirmed, _is_for(order_id), _PAID_S)
        took.append(time.monotonic() - began)
    return took


def _is_for(order_id: str) -> Any:
    return lambda confirmed: confirmed.order_id == order_id


async def _mended(site: Site) -> dict[str, int]:
    """What was missing comes, and what waited for it in vain is replayed.

    Returns:
        How many dead letters were replayed, and how many of them are dead letters once more.
    """
    mended = [
        said(AccountRegistered(account_id=f"fuzz-{one}", email="a@example.com", name="fuzz"))
        for one in ("account", *range(1_000))
    ]
    await site.publish(mended)
    await site.conclude(_CONCLUDE_S)
    replayed, again = 0, 0
    for service in SERVICES:
        async with (
            pool(site.house.database_url, service, size=1) as connections,
            connections.acquire() as db,
        ):
            last = await db.fetchval("select coalesce(max(number), 0) from dead_letter")
            numbers = [row["number"] for row in await db.fetch(_WAITED_IN_VAIN)]
            for start in range(0, len(numbers), _WINDOW):
                async with db.transaction():
                    some = numbers[start : start + _WINDOW]
                    replayed += len(await dead_letters.replay(db, service, some))
            async with asyncio.timeout(_CONCLUDE_S):
                while await db.fetchval(_UNANSWERED, last, numbers):
                    await asyncio.sleep(_LOOK_EVERY_S)
            again += await db.fetchval("select count(*) from dead_letter where number > $1", last)
    return {"replayed": replayed, "dead_again": again}


async def _put_broken(
    site: Site, chance: random.Random, messages: int
) -> list[tuple[str, int, Broken]]:
    """Put broken messages straight into queues; returns each with its queue and number."""
    sent: list[tuple[str, int, Broken]] = []
    with ProcessPoolExecutor(1, get_context("spawn")) as apart:
        async with broker.connected(site.house.amqp_url, "fuzz") as connection:
            opened = await connection.channel(publisher_confirms=True)
            channel = await opened.get_underlay_channel()
            for start in range(0, messages, _WINDOW):
                numbers = range(start, min(start + _WINDOW, messages))
                # By a process of its own: one of a few megabytes takes seconds, and neither
                # heartbeats nor the proxies may wait for that.
                drawn = apart.submit(_drawn, chance.random(), numbers)
                window = await asyncio.wrap_future(drawn)
                # Else how late others are would tell how long we had sent.
                await site.caught_up(_WAITING_AT_MOST)
                await asyncio.gather(*(_put(channel, queue, one) for queue, _, one in window))
                # Only what is needed to look for it later: a hundred thousand of them are a lot.
                sent += [
                    (queue, number, Broken(b"", None, None, {}, one.expected))
                    for queue, number, one in window
                ]
                if numbers.stop % _TELL_EVERY == 0 or numbers.stop == messages:
                    print(f"{numbers.stop:>7,} of {messages:,} broken messages sent", flush=True)
    return sent


_named: Final[set[tuple[str, str]]] = set()
"""What was drawn in this process."""


def _drawn(seed: float, numbers: range) -> list[tuple[str, int, Broken]]:
    events, chance = samples(), random.Random(seed)
    drawn = [(number, broken(events, chance, number, _named)) for number in numbers]
    return [(queue, number, one) for number, one in drawn for queue in _queues_for(one, chance)]


def _queues_for(one: Broken, chance: random.Random) -> list[str]:
    """Mostly one where its type is handled, sometimes one where it is not; all that handle it,
    where it can be read: services that were told different things could not agree."""
    kind = one.expected.type if one.expected else one.type
    at_home: list[str] = [
        name
        for name, service in SERVICES.items()
        if any(message.type == kind for message in service.handlers)
    ]
    if one.expected and at_home:
        return at_home
    anywhere = list(SERVICES)
    return [chance.choice(at_home if at_home and chance.random() < 0.8 else anywhere)]


async def _put(channel: AbstractChannel, queue: str, one: Broken) -> None:
    await channel.basic_publish(
        one.body,
        exchange="",
        routing_key=queue,
        properties=Basic.Properties(
            message_type=one.type,
            message_id=one.message_id,
            headers=dict(one.headers),
            delivery_mode=2,
        ),
    )


async def _ends_of(site: Site, sent: Sequence[tuple[str, int, Broken]]) -> dict[str, int]:
    """How the broken messages ended, counted by reason.

    Raises:
        AssertionError: if one of them is nowhere.
    """
    ends: Counter[str] = Counter()
    async with site.database() as db:
        for service in SERVICES:
            here = [(number, one) for queue, number, one in sent if queue == service]
            unread = [str(number) for number, one in here if one.expected is None]
            read = {str(number): one.expected for number, one in here if one.expected is not None}
            keys = [MessageKey.of(message) for message in read.values()]
            lost = await db.fetch(_MISSING.format(service=service), unread)
            lost += await db.fetch(
                _UNCONCLUDED.format(service=service),
                [key.day for key in keys],
                [key.source for key in keys],
                [key.id for key in keys],
                list(read),
            )
            assert not lost, f"{service} lost {len(lost)}: {[row[0] for row in lost[:5]]}"
            letters = await db.fetch(
                f"select reason, count(*) from {service}.dead_letter group by 1"
            )
            put_away = {row["reason"]: row["count"] for row in letters}
            ends.update(put_away)
            ends["handled"] += len(here) - sum(put_away.values())
    return dict(ends.most_common())


def table_of(figures: dict[str, Any]) -> Table:
    """The figures, for people."""
    table = Table(title=f"{figures['messages']:,} broken messages, seed {figures['seed']}")
    table.add_column("what")
    table.add_column("figure", justify="right")
    for reason, messages in figures["ends"].items():
        table.add_row(reason, f"{messages:,}")
    table.add_section()
    for name in _TOLD:
        table.add_row(name.replace("_", " "), str(figures[name]))
    return table


if __name__ == "__main__":
    sys.exit(main())
