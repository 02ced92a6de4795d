"""Databases for tests: copies of one with all migrations, used again where a test left only rows.

Making a copy writes a thousand files; emptying what a test wrote is many times cheaper.
What a test did beyond writing rows is seen in the catalogue, and then its database is dropped.
"""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from shared.database import Connection, connect
from shared.migrations import migrate, migrations_of

_SERVICES: Final = Path(__file__).parents[1] / "services"
_BYTES_AT_MOST: Final = 4 * 1024 * 1024
"""What a test filled is dropped: statistics are kept of it, which would plan for the next test."""
_CATALOGUE: Final = """
    select hash_record_extended(row(oid, relname, relnamespace, relowner, relacl, relkind,
        reloptions, relrowsecurity, relchecks, relispartition), 0)
    from pg_class where oid >= 16384 and relkind <> 't'
    union all select hash_record_extended(row(attrelid, attnum, attname, atttypid, atttypmod,
        attnotnull, attidentity, attgenerated, attisdropped, attacl), 0)
    from pg_attribute where attrelid >= 16384 and attnum > 0
    union all select hash_record_extended(row(oid, conname, conrelid, contype, convalidated,
        condeferrable, condeferred, conbin::text), 0) from pg_constraint where oid >= 16384
    union all select hash_record_extended(row(oid, tgname, tgrelid, tgenabled, tgfoid), 0)
    from pg_trigger
    union all select hash_record_extended(row(indexrelid, indisunique, indisvalid), 0)
    from pg_index where indexrelid >= 16384
    union all select hash_record_extended(row(oid, proname, proacl, prosrc), 0)
    from pg_proc where oid >= 16384
    union all select hash_record_extended(row(oid, adrelid, adbin::text), 0) from pg_attrdef
    union all select hash_record_extended(row(oid, nspname, nspacl), 0)
    from pg_namespace where nspname !~ '^pg_(toast|temp|toast_temp)'
    union all select hash_record_extended(row(oid, typname, typowner), 0)
    from pg_type where oid >= 16384
    union all select hash_record_extended(row(oid, evtname), 0) from pg_event_trigger
    union all select hash_record_extended(row(oid, polname, polrelid), 0) from pg_policy
"""
_ROWS_OF: Final = " union all select hashtextextended(one::text, 0) from {} one"
_WRITTEN: Final = """
    select c.oid::regclass::text as name, pg_relation_size(c.oid) as bytes
    from pg_class c
    where c.relkind = 'r' and c.relnamespace >= 16384 and pg_relation_size(c.oid) > 0
"""
_PARTITIONS: Final = """
    select oid::regclass::text as name from pg_class where relkind = 'r' and relispartition
"""
_START_SEQUENCES_ANEW: Final = """
    select setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
    from pg_sequences where last_value is not null
"""
_END_OTHERS: Final = """
    select pg_terminate_backend(pid, 10000) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()
"""


class Databases:
    """Lends databases to tests; each is as migrations left it."""

    def __init__(self, admin_url: str) -> None:
        self._admin_url = admin_url
        self._template = f"template_{uuid.uuid4().hex[:12]}"
        self._state_query = ""
        self._state: object = None
        self._filled: frozenset[str] = frozenset()
        self._partitions: frozenset[str] = frozenset()
        self._free: list[str] = []

    async def open(self) -> None:
        """Make the database that the others are copies of."""
        await self._execute(f"create database {self._template}")
        db = await connect(self._url(self._template))
        try:
            for folder in sorted(_SERVICES.glob("*/migrations")):
                service = folder.parent.name
                await migrate(db, service, migrations_of(f"services.{service}"))
            self._filled = frozenset(row["name"] for row in await db.fetch(_WRITTEN))
            self._partitions = frozenset(row["name"] for row in await db.fetch(_PARTITIONS))
            facts = _CATALOGUE + "".join(_ROWS_OF.format(name) for name in sorted(self._filled))
            self._state_query = f"select sum(fact) from ({facts}) as facts (fact)"
            self._state = await db.fetchval(self._state_query)
        finally:
            await db.close()

    async def close(self) -> None:
        """Drop what was made."""
        for name in (*self._free, self._template):
            await self._drop(name)

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[str]:
        """The URL of a database; what the body did to it is undone, or it is dropped."""
        name = self._free.pop() if self._free else await self._copy()
        try:
            yield self._url(name)
        finally:
            if await self._emptied(name):
                self._free.append(name)
            else:
                await self._drop(name)

    @asynccontextmanager
    async def fresh(self) -> AsyncIterator[str]:
        """The URL of a database that nobody had before and nobody gets afterwards."""
        name = await self._copy()
        try:
            yield self._url(name)
        finally:
            await self._drop(name)

    async def _emptied(self, name: str) -> bool:
        """Undo what was done to a database; returns whether it is as if nothing had been."""
        db = await connect(self._url(name), wait_s=10)
        try:
            await db.execute(_END_OTHERS)
            await db.execute("set session_replication_role = replica")  # no trigger has a say
            await self._drop_partitions(db)
            written = {row["name"]: row["bytes"] for row in await db.fetch(_WRITTEN)}
            if sum(written.values()) > _BYTES_AT_MOST:
                return False
            if tables := written.keys() - self._filled:
                await db.execute(f"truncate {', '.join(sorted(tables))} restart identity cascade")
            await db.execute(_START_SEQUENCES_ANEW)
            state: object = await db.fetchval(self._state_query)
            return state == self._state
        finally:
            await db.close()

    async def _drop_partitions(self, db: Connection) -> None:
        """Partitions are made where their first row comes, and that is no change of the schema."""
        found = {row["name"] for row in await db.fetch(_PARTITIONS)}
        if made := found - self._partitions:
            await db.execute(f"drop table {', '.join(sorted(made))}")

    async def _copy(self) -> str:
        name = f"test_{uuid.uuid4().hex[:12]}"
        await self._execute(f"create database {name} template {self._template} strategy file_copy")
        return name

    async def _drop(self, name: str) -> None:
        await self._execute(f"drop database {name} with (force)")

    async def _execute(self, statement: str) -> None:
        db = await connect(self._admin_url, wait_s=10)
        try:
            await db.execute(statement)
        finally:
            await db.close()

    def _url(self, name: str) -> str:
        return urlunsplit(urlsplit(self._admin_url)._replace(path=f"/{name}"))
