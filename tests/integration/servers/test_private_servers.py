"""Servers of our own: gone with whoever started them, and stopped and started as a test likes."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from shared.broker import TROUBLE, connected
from shared.database import connect
from tests.servers import AMQP_URL, DATABASE_URL, MANAGEMENT_URL, Servers, servers

_ROOT = Path(__file__).parents[3]
_TELL = "import json, os; print(json.dumps(dict(os.environ)), flush=True)"
_URLS = (AMQP_URL, MANAGEMENT_URL, DATABASE_URL)


@pytest.fixture(scope="module")
def own() -> Iterator[Servers]:
    """A pair of servers that these tests may stop."""
    with servers(ours_alone=True) as running:
        yield running


def _beside_servers(*command: str) -> "subprocess.Popen[str]":
    environment = {name: value for name, value in os.environ.items() if name not in _URLS}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.servers", *command],
        cwd=_ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )


def _answers(url: str) -> bool:
    address = urlsplit(url)
    try:
        with socket.create_connection((address.hostname or "", address.port or 0), timeout=5):
            return True
    except OSError:
        return False


def _gone(urls: list[str], within_s: float = 20) -> bool:
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        if not any(map(_answers, urls)):
            return True
        time.sleep(0.05)
    return False


def _told(process: "subprocess.Popen[str]") -> list[str]:
    assert process.stdout
    environment = json.loads(process.stdout.readline())
    return [environment[name] for name in _URLS]


def test_servers_are_gone_though_whoever_started_them_was_killed() -> None:
    with _beside_servers(sys.executable, "-c", f"{_TELL}; input()") as process:
        urls = _told(process)
        assert all(map(_answers, urls))
        process.kill()
    assert _gone(urls)


def test_a_command_that_is_told_to_stop_stops_and_its_exit_code_is_kept() -> None:
    stops = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))"
    with _beside_servers(sys.executable, "-c", f"{stops}; {_TELL}; signal.pause()") as process:
        urls = _told(process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 7
    assert not any(map(_answers, urls))


async def test_a_postgres_that_was_killed_comes_back_with_what_was_committed(own: Servers) -> None:
    assert own.postgres
    db = await connect(own.database_url)
    await db.execute("create table kept as select 1 as one")
    own.postgres.kill()
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await db.fetchval("select one from kept")
    await asyncio.to_thread(own.postgres.start)
    db = await connect(own.database_url)
    assert await db.fetchval("select one from kept") == 1
    await db.close()


async def test_a_broker_that_was_stopped_comes_back_with_its_queues(own: Servers) -> None:
    assert own.broker
    async with connected(own.amqp_url, "test") as connection:
        channel = await connection.channel()
        await channel.declare_queue("kept", durable=True, arguments={"x-queue-type": "quorum"})
    for end in (own.broker.stop, own.broker.kill):
        end()
        with pytest.raises(TROUBLE):
            async with connected(own.amqp_url, "test"):
                pass
        await asyncio.to_thread(own.broker.start)
        async with connected(own.amqp_url, "test") as connection:
            channel = await connection.channel()
            await channel.declare_queue("kept", passive=True)


def test_rabbitmqctl_speaks_to_our_own_broker(own: Servers) -> None:
    assert own.broker
    port = urlsplit(own.amqp_url).port
    assert f"port: {port}, protocol: amqp" in own.broker.rabbitmqctl("status", "--quiet")
