"""Broker and database are restarted or killed under load: nothing is lost, nothing counts twice."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from services.registry import SERVICES
from shared.database import connect
from shared.migrations import migrate, migrations_of
from tests.servers import Servers, ServersMissing, servers
from tests.servers.guarded import Guarded
from tests.system.house import House, open_house
from tests.system.test_messaging_load import (
    MANY,
    assert_each_is_credited_once,
    registrations,
    some_are_credited,
    top_ups,
)


@pytest.fixture(scope="module")
def own_servers() -> Iterator[Servers]:
    """Servers that may be stopped and killed."""
    try:
        with servers(ours_alone=True, durable=True) as running:
            yield running
    except ServersMissing as missing:
        pytest.exit(str(missing), returncode=1)


@pytest.fixture
async def shaken(
    own_servers: Servers, tmp_path: Path, worker_guard: Guarded
) -> AsyncIterator[House]:
    """A house with the wallet on servers of its own."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    admin = await connect(own_servers.database_url, wait_s=30)
    await admin.execute(f"create database {name}")
    await admin.close()
    url = urlsplit(own_servers.database_url)._replace(path=f"/{name}").geturl()
    db = await connect(url)
    await migrate(db, "wallet", migrations_of("services.wallet"))
    await db.close()
    async with AsyncExitStack() as closing:
        yield await closing.enter_async_context(
            open_house([SERVICES["wallet"]], own_servers.amqp_url, url, tmp_path, worker_guard)
        )


@pytest.mark.parametrize("kills", [False, True], ids=["stopped", "killed"])
@pytest.mark.parametrize("which", ["broker", "postgres"])
async def test_a_server_that_goes_away_under_load_loses_and_doubles_nothing(
    own_servers: Servers, shaken: House, which: str, kills: bool
) -> None:
    server = own_servers.broker if which == "broker" else own_servers.postgres
    assert server is not None
    worker = shaken.start("wallet", group_size="20", groups_ahead="2")
    await shaken.publish(*registrations())
    await shaken.publish(*top_ups(MANY))
    await some_are_credited(shaken, 100)
    await asyncio.to_thread(server.kill if kills else server.stop)
    await asyncio.to_thread(server.start)
    await shaken.wait_until_idle()
    await assert_each_is_credited_once(shaken, MANY)
    assert worker.runs
    assert await asyncio.to_thread(worker.terminate) == 0


async def test_a_worker_told_to_stop_without_servers_stops(
    own_servers: Servers, shaken: House
) -> None:
    assert own_servers.broker is not None
    assert own_servers.postgres is not None
    worker = shaken.start("wallet", group_size="20", groups_ahead="2", shutdown_s="3")
    await shaken.publish(*registrations())
    await shaken.publish(*top_ups(MANY))
    await some_are_credited(shaken, 100)
    await asyncio.to_thread(own_servers.postgres.stop)
    await asyncio.to_thread(own_servers.broker.stop)
    assert await asyncio.to_thread(worker.terminate) == 0
    await asyncio.to_thread(own_servers.postgres.start)
    await asyncio.to_thread(own_servers.broker.start)
    shaken.start("wallet")
    await shaken.wait_until_idle()
    await assert_each_is_credited_once(shaken, MANY)
