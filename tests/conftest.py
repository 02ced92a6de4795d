"""One pair of servers for the run; for each test a database and a virtual host of its own."""

import os
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Final, Protocol, cast
from urllib.parse import urlsplit, urlunsplit

import pytest
import pytest_asyncio

from shared.database import Connection, connect, pool
from shared.migrations import migrate, migrations_of
from tests.landlord import Address, Landlord, ask
from tests.servers import Servers, ServersMissing
from tests.virtual_hosts import virtual_host

_SERVICES: Final = Path(__file__).parents[1] / "services"
_LANDLORD = pytest.StashKey[Landlord]()


class _OfXdist(Protocol):
    """What pytest-xdist adds: to its workers' config, and to what starts them."""

    workerinput: dict[str, object]
    config: pytest.Config


class OpenDatabase(Protocol):
    """Opens a transaction in the schema of a service, as its worker would."""

    def __call__(self, service: str) -> AbstractAsyncContextManager[Connection]: ...


def pytest_configure(config: pytest.Config) -> None:
    """The process that starts the run owns the servers."""
    if not hasattr(config, "workerinput"):
        config.stash[_LANDLORD] = landlord = Landlord()
        config.add_cleanup(landlord.close)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: _OfXdist) -> None:
    """Tell a worker of pytest-xdist where to ask for the servers."""
    address = node.config.stash[_LANDLORD].address()
    node.workerinput["servers"] = (address.socket, address.secret)


@pytest.fixture(scope="session")
def running_servers(pytestconfig: pytest.Config) -> Servers:
    """RabbitMQ and Postgres: those in the environment, or the run's own. Not to be stopped."""
    try:
        if landlord := pytestconfig.stash.get(_LANDLORD, None):
            return landlord.servers()
        told = cast(_OfXdist, pytestconfig).workerinput["servers"]
        return ask(Address(*cast(tuple[str, bytes], told)))
    except ServersMissing as missing:
        pytest.exit(str(missing), returncode=1)


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
        for folder in sorted(_SERVICES.glob("*/migrations")):
            service = folder.parent.name
            await migrate(db, service, migrations_of(f"services.{service}"))
    finally:
        await db.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def template_database(running_servers: Servers) -> AsyncIterator[str]:
    """The name of a database with all migrations, to be copied."""
    name = f"template_{os.getpid()}_{uuid.uuid4().hex[:8]}"
    admin = running_servers.database_url
    await _execute(admin, f"create database {name}")
    await _migrate_all(_with_database(admin, name))
    yield name
    await _execute(admin, f"drop database {name} with (force)")


@pytest.fixture
async def database_url(running_servers: Servers, template_database: str) -> AsyncIterator[str]:
    """A fresh, migrated database of this test's own."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    admin = running_servers.database_url
    await _execute(admin, f"create database {name} template {template_database} strategy file_copy")
    yield _with_database(admin, name)
    await _execute(admin, f"drop database {name} with (force)")


@pytest.fixture
def amqp_url(running_servers: Servers) -> Iterator[str]:
    """A fresh, empty virtual host of this test's own."""
    with virtual_host(running_servers) as url:
        yield url


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
