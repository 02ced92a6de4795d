"""Real worker processes against a broker and a database of the test's own."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Protocol

import pytest
import pytest_asyncio

from services.registry import SERVICES
from tests.databases import Databases
from tests.servers import Servers
from tests.servers.guarded import Guarded, watched
from tests.system.forks import Forks, forks
from tests.system.house import House, open_house
from tests.system.premises import Premises, premises


class OpenHouse(Protocol):
    """Opens a house with some of the services; without names, with all."""

    async def __call__(self, *names: str) -> House: ...


@pytest.fixture(scope="session")
def worker_guard() -> Iterator[Guarded]:
    """Ends worker processes whatever becomes of the tests."""
    with watched() as guarded:
        yield guarded


@pytest.fixture(scope="session")
def worker_forks() -> Iterator[Forks]:
    """Starts worker processes within milliseconds."""
    with forks() as opened:
        yield opened


@pytest.fixture
async def database_url(databases: Databases) -> AsyncIterator[str]:
    """A migrated database that nobody has after this test: its workers are processes."""
    async with databases.fresh() as url:
        yield url


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def own_premises(running_servers: Servers, databases: Databases) -> AsyncIterator[Premises]:
    """Where the houses of this process stand; `databases` has made the services' roles."""
    async with premises(running_servers) as opened:
        yield opened


@pytest.fixture
async def house_of(
    own_premises: Premises,
    database_url: str,
    tmp_path: Path,
    worker_guard: Guarded,
    worker_forks: Forks,
) -> AsyncIterator[OpenHouse]:
    """Opens the test's house. Each service in it has a user of its own."""
    await own_premises.vacate()
    async with AsyncExitStack() as closing:

        async def opened(*names: str) -> House:
            services = [SERVICES[name] for name in names or SERVICES]
            house = await closing.enter_async_context(
                open_house(
                    services,
                    own_premises.amqp_url,
                    database_url,
                    tmp_path,
                    worker_guard,
                    worker_forks,
                    has_queues=True,
                )
            )
            house.addresses = own_premises.addresses(database_url)
            return house

        yield opened


@pytest.fixture
async def house(house_of: OpenHouse) -> House:
    """A house with the queues of all services; no worker runs yet."""
    return await house_of()
