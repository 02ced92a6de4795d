"""Two workers of a service at the same instant, the second of whom waits for the first."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from shared.database import Connection, connect, pool
from shared.messages import Said

Handled: TypeAlias = Callable[[Connection], Awaitable[list[Said]]]
"""A group, handled in the transaction of a connection."""

_WITHIN_S: Final = 60


async def one_after_the_other(
    database_url: str, service: str, first: Handled, second: Handled
) -> list[Said]:
    """The second begins once the first has handled its group, which is committed only when the
    second waits for it."""
    async with (
        asyncio.timeout(_WITHIN_S),
        pool(database_url, service, size=2) as connections,
        connections.acquire() as one,
        connections.acquire() as other,
    ):
        holding = one.transaction()
        await holding.start()
        told = await first(one)
        waiting = asyncio.create_task(_committed(other, second))
        await until_somebody_waits(database_url)
        await holding.commit()
        return [*told, *await waiting]


async def _committed(db: Connection, handled: Handled) -> list[Said]:
    async with db.transaction():
        return await handled(db)


async def until_somebody_waits(database_url: str) -> None:
    """Wait until a transaction in this database waits for a lock. Only the operator sees that."""
    db = await connect(database_url)
    try:
        async with asyncio.timeout(_WITHIN_S):
            while not await db.fetchval(
                "select exists (select from pg_stat_activity"
                " where wait_event_type = 'Lock' and datname = current_database())"
            ):
                await asyncio.sleep(0.01)
    finally:
        await db.close()
