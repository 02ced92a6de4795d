"""Migrations: forward only, once each, and never changed after they were applied."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest

from services.registry import SCHEMAS
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


async def test_a_key_that_was_made_ready_beside_the_workers_is_what_the_migration_takes(
    db: Connection,
) -> None:
    """The way of CONTRIBUTING for a large table: what takes long is done before, outside of it."""
    await migrate(db, "wallet", [FIRST])
    await db.execute("insert into wallet.one select generate_series(1, 10)")
    by_account = Migration(
        "0002_by_account.sql",
        "alter table one add column account_id text; create function fill_account() returns trigger"
        " language plpgsql as 'begin new.account_id := new.id; return new; end';"
        "create trigger one_of_earlier_release before insert on one"
        " for each row when (new.account_id is null) execute function fill_account();",
    )
    key = "create unique index {}if not exists one_by_account on one (account_id, id);"
    led = Migration(
        "0003_led_by_account.sql",
        key.format("")
        + "alter table one drop constraint one_pkey, add primary key using index one_by_account;",
    )
    await migrate(db, "wallet", [FIRST, by_account])
    await db.execute("set search_path to wallet")
    await db.execute("update one set account_id = id where account_id is null")
    await db.execute(key.format("concurrently "))
    made = await db.fetchval("select 'one_by_account'::regclass::oid")
    assert await migrate(db, "wallet", [FIRST, by_account, led]) == [led.name]
    assert await db.fetchval("select 'one_by_account'::regclass::oid") == made
    await db.execute("set role cloudtill_wallet; insert into one (id) values (11)")
    assert await db.fetchval("select account_id from one where id = 11") == "11"


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


async def test_workers_read_and_write_and_can_not_change_what_guards_them(db: Connection) -> None:
    await migrate(db, "wallet", migrations_of("services.wallet"))
    await db.execute("set role cloudtill_wallet; set search_path = wallet")
    await db.execute("delete from outbox; insert into inbox_day values ('2026-11-01')")
    for forbidden in (
        "alter table transfer disable trigger all",
        "alter table wallet drop constraint wallet_check",
        "drop table outbox",
        "truncate outbox",
        "create table mine ()",
        "create trigger mine before insert on outbox execute function refuse_change()",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await db.execute(forbidden)


async def test_what_is_only_added_to_is_not_truncated_either(database_url: str) -> None:
    db = await connect(database_url)
    try:
        tables = await db.fetch(
            """
            select c.oid::regclass::text as name,
                   bool_or(tgtype & 8 > 0) as refuses_deletes,
                   bool_or(tgtype & 32 > 0) as refuses_truncation,
                   has_table_privilege('cloudtill_' || nspname, c.oid, 'truncate') as may_truncate
            from pg_class c
            join pg_namespace n on n.oid = relnamespace
            left join pg_trigger t on tgrelid = c.oid
                and tgfoid in (select oid from pg_proc where proname = 'refuse_change')
            where nspname = any($1) and relkind in ('r', 'p') and relname <> 'migration'
            group by c.oid, nspname""",
            [service.name for service in SCHEMAS],
        )
    finally:
        await db.close()
    assert [one["name"] for one in tables if one["may_truncate"]] == []
    only_added_to = [one for one in tables if one["refuses_deletes"]]
    assert len(only_added_to) > 10
    assert [one["name"] for one in only_added_to if not one["refuses_truncation"]] == []


async def test_what_workers_owned_before_is_taken_from_them(db: Connection) -> None:
    await migrate(db, "wallet", [FIRST])
    await db.execute("""
        alter schema wallet owner to cloudtill_wallet;
        alter table wallet.one owner to cloudtill_wallet""")
    await migrate(db, "wallet", [FIRST, SECOND])
    owners = await db.fetch("select distinct tableowner from pg_tables where schemaname = 'wallet'")
    assert "cloudtill_wallet" not in [row["tableowner"] for row in owners]
    await db.execute("set role cloudtill_wallet")
    assert await db.fetch("select * from wallet.one join wallet.two using (id)") == []
