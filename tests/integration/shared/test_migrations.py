"""Migrations: forward only, once each, and never changed after they were applied."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest

from shared.database import Connection, connect
from shared.migrations import Migration, MigrationError, migrate, migrations_of, pending
from tests.servers import Servers

FIRST = Migration("0001_first.sql", "create table one (id int primary key);")
SECOND = Migration("0002_second.sql", "create table two (id int references one);")


@pytest.fixture
async def empty_url(running_servers: Servers) -> AsyncIterator[str]:
    """A database with nothing in it."""
    name = f"empty_{uuid.uuid4().hex[:12]}"
    admin = await connect(running_servers.database_url, wait_s=10)
    await admin.execute(f"create database {name}")
    yield urlsplit(running_servers.database_url)._replace(path=f"/{name}").geturl()
    await admin.execute(f"drop database {name} with (force)")
    await admin.close()


@pytest.fixture
async def db(empty_url: str) -> AsyncIterator[Connection]:
    opened = await connect(empty_url)
    yield opened
    await opened.close()


async def test_migrations_are_applied_in_order_and_once(db: Connection) -> None:
    assert await pending(db, "wallet", [FIRST, SECOND]) == [FIRST.name, SECOND.name]
    assert await migrate(db, "wallet", [FIRST]) == [FIRST.name]
    assert await pending(db, "wallet", [FIRST, SECOND]) == [SECOND.name]
    assert await migrate(db, "wallet", [FIRST, SECOND]) == [SECOND.name]
    assert await migrate(db, "wallet", [FIRST, SECOND]) == []
    assert await pending(db, "wallet", [FIRST, SECOND]) == []


async def test_a_migration_that_was_changed_after_it_was_applied_is_refused(
    db: Connection,
) -> None:
    await migrate(db, "wallet", [FIRST])
    changed = Migration(FIRST.name, FIRST.sql + " -- better")
    with pytest.raises(MigrationError, match=r"0001_first\.sql was changed"):
        await migrate(db, "wallet", [changed, SECOND])
    assert await db.fetchval("select to_regclass('wallet.two')") is None


async def test_a_migration_that_fails_leaves_nothing_behind_and_may_be_mended(
    db: Connection,
) -> None:
    broken = Migration("0002_broken.sql", "create table two (id int); select no_such_column;")
    with pytest.raises(asyncpg.UndefinedColumnError):
        await migrate(db, "wallet", [FIRST, broken])
    assert await pending(db, "wallet", [FIRST, broken]) == [broken.name]
    assert await migrate(db, "wallet", [FIRST, SECOND]) == [SECOND.name]


async def test_two_at_once_apply_each_migration_once(empty_url: str) -> None:
    async def one() -> list[str]:
        db = await connect(empty_url)
        try:
            return await migrate(db, "wallet", [FIRST, SECOND])
        finally:
            await db.close()

    applied = await asyncio.gather(*(one() for _ in range(4)))
    assert sorted(name for names in applied for name in names) == [FIRST.name, SECOND.name]


async def test_each_service_works_in_its_own_schema_under_its_own_role(db: Connection) -> None:
    for service in ("wallet", "billing"):
        await migrate(db, service, migrations_of(f"services.{service}"))
    await db.execute("set role cloudtill_billing")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await db.fetch("select * from wallet.wallet")
    assert await db.fetch("select * from billing.outbox") == []
