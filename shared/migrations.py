"""Plain SQL migrations: forward only, one Postgres schema a service, checksums kept.

Two roles a service: one owns the schema, and nobody logs in to it; the workers' reads and writes.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

import asyncpg

from shared.database import Connection, owner_of, role_of

_LOCK_KEY = 0x636C6F7564  # "cloud": one migration at a time in a database


class MigrationError(Exception):
    """The database does not agree with the migrations of this release."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: `0001_name.sql` of a service, or of the messaging that all services share."""

    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.blake2b(self.sql.encode(), digest_size=16).hexdigest()


def migrations_of(service_package: str) -> list[Migration]:
    """All migrations for a service's schema, in the order in which they are applied."""
    folders = (
        ("messaging", files("shared") / "schema"),
        ("", files(service_package) / "migrations"),
    )
    return [
        Migration(f"{prefix}/{file.name}" if prefix else file.name, file.read_text())
        for prefix, folder in folders
        for file in sorted(_sql_files(folder), key=lambda file: file.name)
    ]


def _sql_files(folder: Traversable) -> Sequence[Traversable]:
    return [file for file in folder.iterdir() if file.name.endswith(".sql")]


async def migrate(db: Connection, service: str, migrations: Sequence[Migration]) -> list[str]:
    """Bring the schema of `service` up to this release.

    Returns:
        The names of the migrations that were applied now.

    Raises:
        MigrationError: if an applied migration was changed since.
    """
    await db.execute("select pg_advisory_lock($1)", _LOCK_KEY)
    try:
        await _prepare(db, service)
        applied = {
            row["name"]: row["checksum"]
            for row in await db.fetch(f"select name, checksum from {service}.migration")
        }
        for migration in migrations:
            if applied.get(migration.name, migration.checksum) != migration.checksum:
                raise MigrationError(
                    f"{service}: {migration.name} was changed after it had been applied;"
                    " write a new migration instead"
                )
        missing = [migration for migration in migrations if migration.name not in applied]
        for migration in missing:
            await _apply(db, service, migration)
        return [migration.name for migration in missing]
    finally:
        await db.execute("select pg_advisory_unlock($1)", _LOCK_KEY)


async def pending(db: Connection, service: str, migrations: Sequence[Migration]) -> list[str]:
    """The migrations of this release that the database still lacks."""
    if await db.fetchval("select to_regclass($1)", f"{service}.migration") is None:
        return [migration.name for migration in migrations]
    applied = {row["name"] for row in await db.fetch(f"select name from {service}.migration")}
    return [migration.name for migration in migrations if migration.name not in applied]


async def _prepare(db: Connection, service: str) -> None:
    """The service's roles and schema."""
    owner, role = owner_of(service), role_of(service)
    async with db.transaction():
        await db.execute("select pg_advisory_xact_lock($1)", _LOCK_KEY)
        for one in (owner, role):
            await _prepare_role(db, one)
        await db.execute("create extension if not exists btree_gist schema public")
        await db.execute(f"create schema if not exists {service} authorization {owner}")
        await _take_from_workers(db, service)
        await db.execute(f"grant usage on schema {service} to {role}")
        await db.execute(f"""
            alter default privileges for role {owner} in schema {service}
            grant select, insert, update, delete on tables to {role}""")
        await db.execute(f"""
            create table if not exists {service}.migration (
                name text primary key,
                checksum text not null,
                applied_at timestamptz not null default now()
            )""")
        await db.execute(f"grant select on {service}.migration to {role}")


async def _prepare_role(db: Connection, role: str) -> None:
    """Make a role, and be a member of it. A role is shared by all databases of a server."""
    if not await db.fetchval("select true from pg_roles where rolname = $1", role):
        try:
            async with db.transaction():
                await db.execute(f"create role {role} nologin")
        except (asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
            pass  # another database of this server was migrated at the same moment
    if not await db.fetchval("select pg_has_role(current_user, $1, 'member')", role):
        await db.execute(f"grant {role} to current_user")


async def _take_from_workers(db: Connection, service: str) -> None:
    """Give the owner what the workers' role owned in databases older than this division."""
    owner, role = owner_of(service), role_of(service)
    if await db.fetchval(
        "select nspowner = $2::text::regrole from pg_namespace where nspname = $1", service, role
    ):
        await db.execute(f"reassign owned by {role} to {owner}")
        await db.execute(
            f"grant select, insert, update, delete on all tables in schema {service} to {role}"
        )


async def _apply(db: Connection, service: str, migration: Migration) -> None:
    async with db.transaction():
        await db.execute(f"set local role {owner_of(service)}")
        await db.execute(f"set local search_path to {service}, pg_temp")
        await db.execute(migration.sql)
        await db.execute("reset role")
        await db.execute(
            f"insert into {service}.migration (name, checksum) values ($1, $2)",
            migration.name,
            migration.checksum,
        )
