"""The schema keeps to what Citus asks of tables that are spread by account (docs/capacity.md).

Citus itself is not among what CI can install: its rules are checked against the catalog of a real
Postgres, and the SQL that `cloudtill citus` prints is run there, with functions in the place of
Citus's own that refuse what it refuses.
"""

import re
from collections.abc import AsyncIterator

import asyncpg
import pytest

from services.cli.audit import STATEMENTS
from services.cli.citus import (
    EVERYWHERE,
    NOT_SPREAD,
    ONE_SERVER,
    SEEN_BY_AUDIT,
    Table,
    find_tables,
    statements,
)
from services.registry import SCHEMAS
from shared.database import Connection, connect, role_of
from tests.integration.test_statements import statements_of

_IN_PLACE_OF_CITUS = """
create table spread_table (name text primary key);
create function create_reference_table(name text) returns void language plpgsql as $$
begin
    perform name::regclass;
    if exists (select from pg_constraint where conrelid = name::regclass and contype = 'f') then
        raise exception 'a reference table refers to another: %', name;
    end if;
    insert into spread_table values (name);
end $$;
create function create_distributed_table(name text, by text, colocate_with text)
returns void language plpgsql as $$
begin
    if exists (
        select from pg_index x
        where x.indrelid = name::regclass and (x.indisunique or x.indisexclusion) and not exists (
            select from pg_attribute a where a.attrelid = x.indrelid and a.attname = by
                and a.attnum = any (x.indkey))
    ) then
        raise exception 'a constraint on % lacks its distribution column', name;
    end if;
    if exists (
        select from pg_constraint k
        where k.conrelid = name::regclass and k.contype = 'f' and k.confrelid <> k.conrelid
          and not exists (select from spread_table s where s.name::regclass = k.confrelid)
    ) then
        raise exception 'the table that % refers to must be distributed first', name;
    end if;
    if colocate_with <> 'none' and not exists (
        select from spread_table s where s.name = colocate_with
    ) then
        raise exception 'there is no % to lie beside', colocate_with;
    end if;
    insert into spread_table values (name);
end $$;
"""


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Connection]:
    """All services' schemas, as the owner of the database sees them."""
    connection = await connect(database_url)
    yield connection
    await connection.close()


async def _tables(db: Connection) -> dict[str, Table]:
    return {f"{table.service}.{table.name}": table for table in await find_tables(db)}


async def test_every_table_has_its_place(db: Connection) -> None:
    tables = await _tables(db)
    homeless = [name for name, table in tables.items() if table.place is None]
    assert not homeless, "account_id first in the primary key, or named in services/cli/citus.py"
    named = {
        f"{service}.{name}"
        for places in (EVERYWHERE, ONE_SERVER)
        for service, names in places.items()
        for name in names
    }
    assert named <= tables.keys()
    assert {table.service for table in tables.values() if table.place == "spread"} == {
        service.name for service in SCHEMAS
    } - NOT_SPREAD
    led = {name for name, table in tables.items() if table.key[:1] == ("account_id",)}
    assert not led & named, "led by the account, and yet not spread by it"


async def test_the_accounts_of_a_service_are_compared_alike(db: Connection) -> None:
    rows = await db.fetch(
        """
        select n.nspname, c.relname, a.attcollation::regcollation::text as collation,
               a.attnotnull, a.atttypid = 'text'::regtype as is_text
        from pg_attribute a join pg_class c on c.oid = a.attrelid
        join pg_namespace n on n.oid = c.relnamespace
        where a.attname = 'account_id' and c.relkind in ('r', 'p')"""
    )
    spread = {name for name, table in (await _tables(db)).items() if table.place == "spread"}
    kept = [row for row in rows if f"{row['nspname']}.{row['relname']}" in spread]
    assert len(kept) == len(spread)
    assert all(row["attnotnull"] and row["is_text"] for row in kept)
    for service in {row["nspname"] for row in kept}:
        assert len({row["collation"] for row in kept if row["nspname"] == service}) == 1, service


async def test_unique_keys_contain_the_account_or_say_that_they_are_of_all_accounts(
    db: Connection,
) -> None:
    rows = await db.fetch(
        """
        select n.nspname || '.' || c.relname as table, i.relname as index
        from pg_index x join pg_class c on c.oid = x.indrelid
        join pg_class i on i.oid = x.indexrelid
        join pg_namespace n on n.oid = c.relnamespace
        where (x.indisunique or x.indisexclusion) and not exists (
            select from pg_attribute a
            where a.attrelid = c.oid and a.attnum = any (x.indkey) and a.attname = 'account_id')"""
    )
    spread = {name for name, table in (await _tables(db)).items() if table.place == "spread"}
    of_all = {row["index"] for row in rows if row["table"] in spread}
    assert "payment_id_is_unique" in of_all, "the query finds what it looks for"
    assert {name for name in of_all if not name.endswith("_is_unique")} <= {
        "api_key_secret_hash_key"
    }


async def test_foreign_keys_stay_within_an_account_or_lead_to_the_catalogue(
    db: Connection,
) -> None:
    tables = await _tables(db)
    rows = await db.fetch(
        """
        select n.nspname || '.' || c.relname as from_table,
               m.nspname || '.' || f.relname as to_table, k.conname,
               exists (
                   select from unnest(k.conkey, k.confkey) as pair (mine, theirs)
                   join pg_attribute a on a.attrelid = k.conrelid and a.attnum = pair.mine
                   join pg_attribute b on b.attrelid = k.confrelid and b.attnum = pair.theirs
                   where a.attname = 'account_id' and b.attname = 'account_id') as of_an_account
        from pg_constraint k
        join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
        join pg_class f on f.oid = k.confrelid join pg_namespace m on m.oid = f.relnamespace
        where k.contype = 'f' and k.conparentid = 0 and n.nspname = any ($1::text[])""",
        [service.name for service in SCHEMAS],
    )
    assert rows
    for row in rows:
        begin, end = tables[row["from_table"]].place, tables[row["to_table"]].place
        assert begin == end or (begin, end) == ("spread", "everywhere"), row["conname"]
        assert begin != "spread" or end != "spread" or row["of_an_account"], row["conname"]


async def test_triggers_look_at_nothing_but_their_own_account(db: Connection) -> None:
    tables = await _tables(db)
    rows = await db.fetch(
        """
        select n.nspname as service, c.relname as table, t.tgname as trigger, p.prosrc as source,
               t.tgtype & 1 = 1 as each_row
        from pg_trigger t join pg_class c on c.oid = t.tgrelid
        join pg_namespace n on n.oid = c.relnamespace join pg_proc p on p.oid = t.tgfoid
        where not t.tgisinternal and t.tgparentid = 0"""
    )
    dropped = set()
    for row in rows:
        name = f"{row['service']}.{row['trigger']}"
        known = tables.get(f"{row['service']}.{row['table']}")
        if known is None or known.place != "spread" or name.endswith("_of_earlier_release"):
            continue
        read = re.findall(r"(?:from|join)\s+(\w+)", row["source"])
        looked_at = [one for one in read if f"{row['service']}.{one}" in tables]
        if looked_at and row["each_row"]:
            compared = row["source"].count("account_id = new.account_id")
            assert compared == len(looked_at), f"{name} may look at another account's rows"
        elif looked_at:
            assert "account_id" in row["source"] or looked_at == ["invoice_series"], name
            dropped.add(name)
    assert dropped == SEEN_BY_AUDIT.keys()


def test_the_audit_sees_what_triggers_can_t_refuse_on_many_servers() -> None:
    checks = {name for statements in STATEMENTS for name in statements}
    assert set(SEEN_BY_AUDIT.values()) <= checks


async def test_what_is_printed_runs_and_leaves_the_services_their_statements(
    db: Connection,
) -> None:
    await db.execute(_IN_PLACE_OF_CITUS)
    for statement in await statements(db):
        if not statement.startswith(("create extension", "set citus", "--")) and statement:
            await db.execute(statement)
    done = {row["name"] for row in await db.fetch("select name from spread_table")}
    tables = await _tables(db)
    assert done == {name for name, table in tables.items() if table.place != "one server"}
    failed: dict[str, str] = {}
    for service in SCHEMAS:
        await db.execute(f"set role {role_of(service.name)}; set search_path to {service.name}")
        for name, statement in statements_of(service):
            try:
                async with db.transaction():
                    await db.prepare(statement)
            except asyncpg.PostgresError as error:
                failed[f"{service.name} {name}"] = str(error)
        await db.execute("reset role; reset search_path")
    assert not failed


_JOIN = re.compile(
    r"\bjoin\s+(\w+)(?:\s+(?!on\b|using\b)\w+)?\s+((?:on|using)\b.*?)"
    r"(?=\b(?:(?:left|full|cross) join|join|where|group by|order by|union|limit|window|set)\b|;|$)",
    re.DOTALL,
)
_JOINED_WITH_NO_ACCOUNT = {
    "invoicing holds.sql: find_costs": "the ids that are asked for",
    "invoicing reports.sql: append_reports": "what was reported, perhaps under a wrong account",
    "invoicing runs.sql: append_reports": "a run of invoice numbers",
    "invoicing show.sql: find_gaps": "the series of invoice numbers",
}
"""Statements that join a table by something else, and what that is."""


async def test_tables_of_accounts_are_joined_by_their_account(db: Connection) -> None:
    tables = await _tables(db)
    joined: set[str] = set()
    others: set[str] = set()
    for service in SCHEMAS:
        for name, statement in statements_of(service):
            for table, how in _JOIN.findall(statement):
                known = tables.get(f"{service.name}.{table}")
                if known is not None and known.place == "spread":
                    (joined if "account_id" in how else others).add(f"{service.name} {name}")
    assert len(joined) > 40
    assert others == _JOINED_WITH_NO_ACCOUNT.keys()


async def test_a_key_of_all_accounts_is_kept_within_each_on_many_servers(db: Connection) -> None:
    printed = "\n".join(await statements(db))
    assert re.search(
        r"UNIQUE INDEX transfer_id_is_unique .*\(kind, transfer_id, account_id\)", printed
    )
