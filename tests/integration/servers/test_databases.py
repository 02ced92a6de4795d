"""Databases that tests use one after the other: the next finds nothing of the one before it."""

from urllib.parse import urlsplit

import asyncpg
import pytest

from shared.database import connect, pool
from tests.databases import Databases

A_DAY = "select open_inbox_day('2026-11-02')"


def name_in(url: str) -> str:
    return urlsplit(url).path


async def test_rows_sequences_and_partitions_are_gone_and_the_database_is_used_again(
    databases: Databases,
) -> None:
    letter = (
        "insert into dead_letter (reason, detail, body, properties)"
        " values ('r', 'd', '', '{}') returning number"
    )
    async with databases.lent() as first:
        async with pool(first, "wallet", size=1) as connections:
            number = await connections.fetchval(letter)
            await connections.fetchval(A_DAY)
            await connections.execute("insert into inbox values ('2026-11-02', 's', 'i')")
    async with databases.lent() as second:
        assert name_in(second) == name_in(first)
        async with pool(second, "wallet", size=1) as connections:
            assert await connections.fetchval("select count(*) from inbox") == 0
            assert await connections.fetchval("select count(*) from dead_letter") == 0
            assert await connections.fetchval(letter) == number
            await connections.fetchval(A_DAY)  # it is made anew


@pytest.mark.parametrize(
    "change",
    [
        "create table wallet.another (id int)",
        "alter table wallet.wallet add column another int",
        "alter table wallet.wallet disable trigger all",
        "grant update on wallet.migration to cloudtill_wallet",
        "create index on wallet.wallet (balance)",
        "delete from wallet.migration",
        "create function wallet.another() returns int language sql as 'select 1'",
        "alter table wallet.outbox rename to elsewhere",
    ],
)
async def test_a_database_that_was_changed_beyond_its_rows_is_not_used_again(
    databases: Databases, change: str
) -> None:
    async with databases.lent() as changed:
        db = await connect(changed)
        await db.execute(change)
        await db.close()
    async with databases.lent() as next_one:
        assert name_in(next_one) != name_in(changed)
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await connect(changed)


async def test_who_is_still_connected_is_let_go(databases: Databases) -> None:
    async with databases.lent() as first:
        forgotten = await connect(first)
        await forgotten.execute("begin; lock table wallet.wallet")
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await forgotten.execute("select 1")
    async with databases.lent() as second:
        assert name_in(second) == name_in(first)
