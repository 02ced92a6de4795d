"""Wallet postings: what our rules cost, against row-locked postings one by one.

Ours is the worker's whole transaction for groups of top-ups as they come off the queue: parsed,
inbox, ledger with all its guarantees, outbox, commit. The yardsticks know no messages: each posting
is a transaction of `select for update`, insert, update. Everybody has two processes, as many as the
cores that this is promised for; but for the one that posts one after the other.
"""

import asyncio
import multiprocessing
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from typing import Any, Final, TypeAlias

import asyncpg
import uvloop

from services.wallet.app import SERVICE
from shared.broker import Delivery
from shared.database import connect, pool
from shared.handling import Handling
from shared.lifetime import collect_seldom
from shared.messages.upstream import AccountRegistered, TopUpReceived
from shared.migrations import migrate, migrations_of
from shared.settings import Settings
from tests.benchmarks.processes import Meter
from tests.benchmarks.timing import Timing
from tests.builders import said

OURS: Final = "cloudtill wallet, two workers"
LOCKED: Final = "row-locked one by one, ten connections"
WITH_RULES: Final = "row-locked with idempotency and outbox, ten connections"
SEQUENTIAL: Final = "row-locked one by one, one connection"
SPREAD, HOT = 1_000, 2
GOALS: Final = {
    SPREAD: {LOCKED: 5.0, WITH_RULES: 5.0, SEQUENTIAL: 5.0},
    HOT: {LOCKED: 10.0, WITH_RULES: 10.0, SEQUENTIAL: 10.0},
}

_CONNECTIONS: Final = 5
"""Of each of two processes."""
_LIMIT_S: Final = 600
_LOCKED_SCHEMA: Final = """
    create schema locked;
    create table locked.account (account_id text primary key, balance bigint not null);
    create table locked.posting (
        top_up_id text primary key,
        account_id text not null references locked.account,
        amount bigint not null,
        balance_after bigint not null
    );
    create table locked.inbox (message_id text primary key);
    create table locked.outbox (row_id bigserial primary key, body text not null);
    insert into locked.account select 'acc-' || n, 0 from generate_series(0, 999) n"""

Work: TypeAlias = Callable[[], Awaitable[None]]
Contender: TypeAlias = Callable[[str, int, int], AbstractAsyncContextManager[Work]]
"""Prepares to make postings on some accounts (URL, accounts, postings); then the work begins."""


def measure(database_url: str, accounts: int, postings: int) -> list[Timing]:
    """Post top-ups in all ways, spread over `accounts`; slower ways post fewer."""
    return [
        _timed(OURS, _ours, 2, database_url, accounts, postings),
        _timed(LOCKED, _row_locked, 2, database_url, accounts, postings // 4),
        _timed(WITH_RULES, _with_rules, 2, database_url, accounts, postings // 4),
        _timed(SEQUENTIAL, _sequential, 1, database_url, accounts, postings // 20),
    ]


async def prepare(database_url: str) -> None:
    """Make the tables of both and open their accounts."""
    db = await connect(database_url, wait_s=10)
    await migrate(db, SERVICE.name, migrations_of(SERVICE.package))
    await db.execute(_LOCKED_SCHEMA)
    await db.close()
    settings = Settings()
    async with pool(database_url, SERVICE.name) as connections:
        handling = Handling(SERVICE, connections, connections, settings, asyncio.Event())
        for group in _groups(
            [
                _delivered(
                    AccountRegistered(account_id=f"acc-{n}", email="a@example.com", name="An")
                )
                for n in range(SPREAD)
            ],
            settings.group_size,
        ):
            await handling.conclude(group)


def _timed(
    name: str,
    contender: Contender,
    processes: int,
    database_url: str,
    accounts: int,
    postings: int,
) -> Timing:
    """Let processes share the postings, all beginning at once."""
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(processes + 1)
    used: Queue[float | None] = context.Queue()
    share = (contender, database_url, accounts, postings // processes, ready, used)
    children = [context.Process(target=_post_share, args=share) for _ in range(processes)]
    for child in children:
        child.start()
    ready.wait(_LIMIT_S)
    meter = asyncio.run(Meter.of("", database_url, []))
    began = time.perf_counter()
    seconds = [used.get(timeout=_LIMIT_S) for _ in children]
    took = time.perf_counter() - began
    for child in children:
        child.join(_LIMIT_S)
    total = sum(one for one in seconds if one is not None) + sum(meter.used().values())
    if None in seconds:
        raise RuntimeError(f"{name}: a process failed")
    return Timing(name, postings, took, total)


def _post_share(
    contender: Contender,
    database_url: str,
    accounts: int,
    postings: int,
    ready: Barrier,
    used: "Queue[float | None]",
) -> None:
    """Post a share, and tell the processor time that it took; nothing where it failed."""

    async def post() -> float:
        async with contender(database_url, accounts, postings) as work:
            collect_seldom()
            await asyncio.to_thread(ready.wait, _LIMIT_S)
            began = time.process_time()
            await work()
            return time.process_time() - began

    seconds = None
    try:
        seconds = uvloop.run(post())
    finally:
        used.put(seconds)


@asynccontextmanager
async def _ours(database_url: str, accounts: int, postings: int) -> AsyncIterator[Work]:
    settings = Settings()
    deliveries = [_topped_up(f"acc-{n % accounts}") for n in range(postings)]
    async with pool(database_url, SERVICE.name) as connections:
        handling = Handling(SERVICE, connections, connections, settings, asyncio.Event())
        await handling.conclude([_topped_up("acc-0")])  # asyncpg learns the types of what it sends

        async def work() -> None:
            told = 0
            for group in _groups(deliveries, settings.group_size):
                told += len(await handling.conclude(group))
            if told != postings:
                raise RuntimeError(f"{told} of {postings} were posted")

        yield work


def _topped_up(account_id: str) -> Delivery:
    return _delivered(
        TopUpReceived(
            top_up_id=uuid.uuid4().hex,
            account_id=account_id,
            amount=1_000,
            gateway="bank",
            gateway_reference="r",
        )
    )


def _groups(deliveries: list[Delivery], size: int) -> Iterator[list[Delivery]]:
    for start in range(0, len(deliveries), size):
        yield deliveries[start : start + size]


def _delivered(message: AccountRegistered | TopUpReceived) -> Delivery:
    stamped = said(message)
    return Delivery(
        tag=0,
        body=stamped.encode(),
        type=stamped.type,
        attempt=0,
        redelivered=False,
        properties={},
    )


def _row_locked(
    database_url: str, accounts: int, postings: int
) -> AbstractAsyncContextManager[Work]:
    return _one_by_one(database_url, accounts, postings, _CONNECTIONS, rules=False)


def _with_rules(
    database_url: str, accounts: int, postings: int
) -> AbstractAsyncContextManager[Work]:
    return _one_by_one(database_url, accounts, postings, _CONNECTIONS, rules=True)


def _sequential(
    database_url: str, accounts: int, postings: int
) -> AbstractAsyncContextManager[Work]:
    return _one_by_one(database_url, accounts, postings, 1, rules=False)


@asynccontextmanager
async def _one_by_one(
    database_url: str, accounts: int, postings: int, connections: int, *, rules: bool
) -> AsyncIterator[Work]:
    """Post over so many connections, each one after the other; `rules`: after an inbox that knows
    each message once, and with an outbox that says what became of it."""
    pooled: Any = await asyncpg.create_pool(
        database_url, min_size=connections, max_size=connections
    )
    numbers = iter(range(postings))

    async def post_on_and_on() -> None:
        async with pooled.acquire() as db:
            for number in numbers:
                await _post(db, f"acc-{number % accounts}", rules=rules)

    async def work() -> None:
        await asyncio.gather(*(post_on_and_on() for _ in range(connections)))

    async with pooled:
        yield work


async def _post(db: Any, account: str, *, rules: bool) -> None:
    async with db.transaction():
        if rules and not await db.fetchval(
            "insert into locked.inbox values ($1) on conflict do nothing returning true",
            uuid.uuid4().hex,
        ):
            return
        balance = await db.fetchval(
            "select balance from locked.account where account_id = $1 for update", account
        )
        await db.execute(
            "insert into locked.posting values ($1, $2, $3, $4)",
            uuid.uuid4().hex,
            account,
            1_000,
            balance + 1_000,
        )
        await db.execute(
            "update locked.account set balance = $2 where account_id = $1",
            account,
            balance + 1_000,
        )
        if rules:
            await db.execute(
                "insert into locked.outbox (body) values ($1)",
                f'{{"account_id": "{account}", "amount": 1000, "balance": {balance + 1_000}}}',
            )
