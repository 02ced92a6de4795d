"""One pair of servers for the run, one template database, a copy of it for each test."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit

import pytest

from services.registry import SERVICES
from shared.database import Connection, connect, pool
from shared.migrations import migrate, migrations_of
from tests.servers import Servers, servers


class OpenDatabase(Protocol):
    """Opens a transaction in the schema of a service, as its worker would."""

    def __call__(self, service: str) -> AbstractAsyncContextManager[Connection]: ...


@pytest.fixture(scope="session")
def running_servers() -> Iterator[Servers]:
    """RabbitMQ and Postgres: those in the environment, or our own for this run."""
    with servers() as running:
        yield running


def _with_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


async def _execute(url: str, statement: str) -> None:
    db = await connect(url, wait_s=10)
    try:
        await db.execute(statement)
    finally:
        await db.close()


async def _migrate_all(url: str) -> None:
    db = await connect(url)
    try:
        for service in SERVICES.values():
            await migrate(db, service.name, migrations_of(service.package))
    finally:
        await db.close()


@pytest.fixture(scope="session")
def template_database(running_servers: Servers) -> Iterator[str]:
    """The name of a database with all migrations, to be copied."""
    name = f"template_{os.getpid()}_{uuid.uuid4().hex[:8]}"
    admin = running_servers.database_url
    asyncio.run(_execute(admin, f"create database {name}"))
    asyncio.run(_migrate_all(_with_database(admin, name)))
    yield name
    asyncio.run(_execute(admin, f"drop database {name} with (force)"))


@pytest.fixture
def database_url(running_servers: Servers, template_database: str) -> Iterator[str]:
    """A fresh, migrated database of this test's own."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    admin = running_servers.database_url
    asyncio.run(
        _execute(admin, f"create database {name} template {template_database} strategy file_copy")
    )
    yield _with_database(admin, name)
    asyncio.run(_execute(admin, f"drop database {name} with (force)"))


@pytest.fixture
async def open_database(database_url: str) -> AsyncIterator[OpenDatabase]:
    """Transactions that commit at the end, each under its service's role."""

    @asynccontextmanager
    async def transaction(service: str) -> AsyncIterator[Connection]:
        async with (
            pool(database_url, service, size=2) as connections,
            connections.acquire() as db,
            db.transaction(),
        ):
            yield db

    yield transaction
