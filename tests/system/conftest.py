"""Real worker processes against a broker and a database of the test's own."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Protocol

import pytest

from services.registry import SCHEMAS, SERVICES
from shared.users import temporary_users
from tests.servers import Servers
from tests.servers.guarded import Guarded, watched
from tests.system.house import House, open_house


class OpenHouse(Protocol):
    """Opens a house with some of the services; without names, with all."""

    async def __call__(self, *names: str) -> House: ...


@pytest.fixture(scope="session")
def worker_guard() -> Iterator[Guarded]:
    """Ends worker processes whatever becomes of the tests."""
    with watched() as guarded:
        yield guarded


@pytest.fixture
async def house_of(
    amqp_url: str,
    database_url: str,
    running_servers: Servers,
    tmp_path: Path,
    worker_guard: Guarded,
) -> AsyncIterator[OpenHouse]:
    """Opens the test's house. Each service in it has a user of its own."""
    async with AsyncExitStack() as closing:
        management = running_servers.management_url
        users = temporary_users(SCHEMAS, management, amqp_url, database_url)
        addresses = await closing.enter_async_context(users)

        async def opened(*names: str) -> House:
            services = [SERVICES[name] for name in names or SERVICES]
            house = await closing.enter_async_context(
                open_house(services, amqp_url, database_url, tmp_path, worker_guard)
            )
            house.addresses = addresses
            return house

        yield opened


@pytest.fixture
async def house(house_of: OpenHouse) -> House:
    """A house with the queues of all services; no worker runs yet."""
    return await house_of()
