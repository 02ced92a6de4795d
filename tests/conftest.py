"""One pair of servers for the run; for each test a database and a virtual host of its own."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Final, Protocol, cast

import hypothesis
import pytest
import pytest_asyncio

from shared.database import Connection, pool
from tests.databases import Databases
from tests.landlord import Address, Landlord, ask
from tests.servers import Servers, ServersMissing
from tests.virtual_hosts import virtual_host

_WITHOUT_SERVERS: Final = Path(__file__).parent / "unit"
_LANDLORD = pytest.StashKey[Landlord]()


hypothesis.settings.register_profile("busy", deadline=None)  # how long it takes is the machine's
hypothesis.settings.load_profile("busy")


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


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the tests that ask for more time than others, so that no core waits for the last
    one alone; end with those that need no server.

    Each process of the run is first given as many tests as the others, one after the other, and
    later takes from the end of theirs what it has time for: so each begins with its share of long
    ones.
    """
    usual_s = float(config.getini("timeout"))
    limits_s = {item: _limit_s(item, usual_s) for item in items}
    long = sorted((one for one in items if limits_s[one] > usual_s), key=lambda one: -limits_s[one])
    short = sorted(
        (one for one in items if limits_s[one] <= usual_s),
        key=lambda one: _WITHOUT_SERVERS in one.path.parents,
    )
    told = getattr(config, "workerinput", {})
    processes = int(cast("dict[str, int]", told).get("workercount", 1))
    dealt: list[pytest.Item] = []
    for process in range(processes):
        share = (len(items) - len(dealt)) // (processes - process)
        first = long[process::processes]
        more = max(0, share - len(first))
        dealt += first + short[:more]
        del short[:more]
    items[:] = dealt


def _limit_s(item: pytest.Item, usual_s: float) -> float:
    limit = item.get_closest_marker("timeout")
    return float(limit.args[0]) if limit else usual_s


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


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def databases(running_servers: Servers) -> AsyncIterator[Databases]:
    """Lends databases with all migrations."""
    opened = Databases(running_servers.database_url)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def database_url(databases: Databases) -> AsyncIterator[str]:
    """An empty, migrated database of this test's own."""
    async with databases.lent() as url:
        yield url


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
