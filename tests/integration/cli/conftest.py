"""One played database for all tests of this folder."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from services.registry import SERVICES
from shared.database import Connection, connect
from tests.databases import Databases
from tests.integration.cli.played import play
from tests.servers import Servers
from tests.servers.guarded import Guarded, watched
from tests.system.house import open_house
from tests.virtual_hosts import virtual_host


@pytest.fixture(scope="session")
def worker_guard() -> Iterator[Guarded]:
    """Ends worker processes whatever becomes of the tests."""
    with watched() as guarded:
        yield guarded


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def played_url(
    running_servers: Servers,
    databases: Databases,
    worker_guard: Guarded,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[str]:
    """A database in which everything has been played to its end. Tests leave it as it is."""
    async with databases.fresh() as url:
        logs: Path = tmp_path_factory.mktemp("played")
        with virtual_host(running_servers) as amqp_url:
            async with open_house(
                list(SERVICES.values()), amqp_url, url, logs, worker_guard
            ) as house:
                await play(house)
        yield url


@pytest.fixture
async def played(played_url: str) -> AsyncIterator[Connection]:
    """The played database, as its operator; whatever a test does to it is undone."""
    db = await connect(played_url)
    transaction = db.transaction(isolation="repeatable_read")
    await transaction.start()
    try:
        yield db
    finally:
        await transaction.rollback()
        await db.close()
