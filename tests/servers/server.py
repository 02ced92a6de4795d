"""What a server of ours can do, and how to wait until it answers."""

import asyncio
import random
import socket
import time
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from typing import Final, Protocol
from urllib.parse import urlsplit

import asyncpg

from shared.broker import TROUBLE, connected
from shared.database import connect

AMQP_URL: Final = "CLOUDTILL_AMQP_URL"
DATABASE_URL: Final = "CLOUDTILL_DATABASE_URL"
MANAGEMENT_URL: Final = "CLOUDTILL_MANAGEMENT_URL"

POSTGRES_SETTINGS: Final = {
    "max_connections": "400",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "autovacuum_naptime": "10s",
}
POSTGRES_HASTY: Final = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "512MB"}
"""A killed server loses nothing under these; a machine without power may."""

_PORTS: Final = range(20_000, 32_000)
"""Below those that Linux gives to outgoing connections."""
_PAUSE_S: Final = 0.05
_START_S: Final = 120


class ServersMissing(Exception):
    """There is no server, and none can be started; the text says what to install."""


class Server(Protocol):
    """A server that is ours alone, to be stopped and started as a test likes."""

    @property
    def url(self) -> str:
        """Where it answers; the same after it was started again."""

    def stop(self) -> None:
        """Stop it as an operator would, and wait until it has ended."""

    def kill(self) -> None:
        """End it as a power cut would."""

    def start(self) -> None:
        """Start it again with what it had on its disk, and wait until it answers."""


class Broker(Server, Protocol):
    """A RabbitMQ that is ours alone."""

    @property
    def management_url(self) -> str:
        """Its management API, with user and password."""

    def rabbitmqctl(self, *arguments: str) -> str:
        """Run `rabbitmqctl` against it; returns what that printed."""


def wait_for_postgres(url: str, trouble: Callable[[], str | None]) -> None:
    """Wait until Postgres lets us in.

    Args:
        url: a postgresql:// URL.
        trouble: tells what became of the server, once it is known never to answer.

    Raises:
        RuntimeError: if it never answers.
    """

    async def enter() -> None:
        db = await connect(url)
        await db.close()

    _wait(url, enter, (OSError, asyncpg.PostgresError), trouble)


def wait_for_rabbitmq(url: str, trouble: Callable[[], str | None]) -> None:
    """Wait until RabbitMQ lets us in; arguments and errors as for Postgres."""

    async def enter() -> None:
        async with connected(url, "is it there?"):
            pass

    _wait(url, enter, TROUBLE, trouble)


def _wait(
    url: str,
    enter: Callable[[], Coroutine[None, None, None]],
    not_yet: tuple[type[Exception], ...],
    trouble: Callable[[], str | None],
) -> None:
    until = time.monotonic() + _START_S
    while True:
        try:
            _knock(url)
            with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
                runner.run(enter())
            return
        except not_yet as error:
            last = error
        if (known := trouble()) is not None:
            raise RuntimeError(f"{url} did not start: {known}")
        if time.monotonic() > until:
            raise RuntimeError(f"{url} does not answer after {_START_S} s: {last!r}")
        time.sleep(_PAUSE_S)


def _knock(url: str) -> None:
    """A client in full would say in the log each time that nobody listens yet."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=5):
        pass


def free_port() -> int:
    """A port on which nobody listens now, nor will as the end of an outgoing connection."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Ports on which nobody listens now."""
    with ExitStack() as holding:
        ports: list[int] = []
        for port in random.sample(_PORTS, 50 * count):
            one = holding.enter_context(socket.socket())
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
            ports.append(port)
            if len(ports) == count:
                return ports
    raise RuntimeError("no free ports")
