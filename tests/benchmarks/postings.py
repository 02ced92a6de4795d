"""Wallet postings: what our rules cost, against row-locked postings one by one.

Ours is the worker's whole transaction for groups of top-ups as they come off the queue: parsed,
inbox, ledger with all its guarantees, outbox, commit. The yardstick knows no messages: ten
connections post one after the other, each `select for update`, insert, update, commit.
"""

import asyncio
import time
import uuid
from collections.abc import Iterator
from itertools import count
from typing import Any

import asyncpg
import uvloop

from services.wallet.app import SERVICE
from shared.broker import Delivery
from shared.database import connect, pool
from shared.handling import Handling
from shared.messages.upstream import AccountRegistered, TopUpReceived
from shared.migrations import migrate, migrations_of
from shared.settings import Settings
from tests.benchmarks.timing import Timing
from tests.builders import said

OURS = "cloudtill wallet"
LOCKED = "row-locked one by one, ten connections"
SPREAD, HOT = 1_000, 2
GOALS = {SPREAD: {LOCKED: 5.0}, HOT: {LOCKED: 10.0}}

_CONNECTIONS = 10
_LOCKED_SCHEMA = """
    create schema locked;
    create table locked.account (account_id text primary key, balance bigint not null);
    create table locked.posting (
        top_up_id text primary key,
        account_id text not null references locked.account,
        amount bigint not null,
        balance_after bigint not null
    );
    insert into locked.account select 'acc-' || n, 0 from generate_series(0, 999) n"""


def measure(database_url: str, accounts: int, postings: int) -> list[Timing]:
    """Post as many top-ups in both ways, spread over `accounts`."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return [
            runner.run(_ours(database_url, accounts, postings)),
            runner.run(_row_locked(database_url, accounts, postings // 4)),
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


async def _ours(database_url: str, accounts: int, postings: int) -> Timing:
    settings = Settings()
    deliveries = [
        _delivered(
            TopUpReceived(
                top_up_id=uuid.uuid4().hex,
                account_id=f"acc-{n % accounts}",
                amount=1_000,
                gateway="bank",
                gateway_reference="r",
            )
        )
        for n in range(postings)
    ]
    async with pool(database_url, SERVICE.name) as connections:
        handling = Handling(SERVICE, connections, connections, settings, asyncio.Event())
        started = time.perf_counter()
        said_so_far = 0
        for group in _groups(deliveries, settings.group_size):
            said_so_far += len(await handling.conclude(group))
        seconds = time.perf_counter() - started
    if said_so_far != postings:
        raise RuntimeError(f"{said_so_far} of {postings} were posted")
    return Timing(OURS, postings, seconds)


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


async def _row_locked(database_url: str, accounts: int, postings: int) -> Timing:
    connections: Any = await asyncpg.create_pool(
        database_url, min_size=_CONNECTIONS, max_size=_CONNECTIONS
    )
    numbers = count()

    async def post_on_and_on() -> None:
        async with connections.acquire() as db:
            while (number := next(numbers)) < postings:
                await _post(db, f"acc-{number % accounts}")

    async with connections:
        started = time.perf_counter()
        await asyncio.gather(*(post_on_and_on() for _ in range(_CONNECTIONS)))
        seconds = time.perf_counter() - started
    return Timing(LOCKED, postings, seconds)


async def _post(db: Any, account: str) -> None:
    async with db.transaction():
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
