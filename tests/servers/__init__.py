"""Where RabbitMQ and Postgres come from, for tests, demo and benchmarks.

An URL in the environment; else containers, where a Docker engine answers; else private servers
from installed binaries; and where those are missing on Debian or Ubuntu, they are installed.
Servers that already listen on the default ports are left alone.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from tests.servers import containers, private
from tests.servers.server import (
    AMQP_URL,
    DATABASE_URL,
    MANAGEMENT_URL,
    Broker,
    Server,
    ServersMissing,
)

__all__ = [
    "AMQP_URL",
    "DATABASE_URL",
    "MANAGEMENT_URL",
    "Broker",
    "Server",
    "Servers",
    "ServersMissing",
    "servers",
]

_MANAGEMENT_PORT = 15672


@dataclass(frozen=True, slots=True)
class Servers:
    """A RabbitMQ and a Postgres that answer."""

    amqp_url: str
    """The virtual host `/`, as a user who may do everything."""
    management_url: str
    """RabbitMQ's management API, with user and password."""
    database_url: str
    """A database of a superuser's, from which others can be made."""
    broker: Broker | None = None
    """To stop or kill it; None where it is not ours alone."""
    postgres: Server | None = None
    """To stop or kill it; None where it is not ours alone."""

    def environment(self) -> dict[str, str]:
        """The settings under which a process uses these servers."""
        return {
            AMQP_URL: self.amqp_url,
            MANAGEMENT_URL: self.management_url,
            DATABASE_URL: self.database_url,
        }


@contextmanager
def servers(*, durable: bool = False, ours_alone: bool = False) -> Iterator[Servers]:
    """Servers while the body runs; those that we started are ended and removed afterwards.

    Args:
        durable: whether Postgres waits for the disk, as it must where something is measured.
        ours_alone: do not use those in the environment: they are to be stopped and killed.

    Raises:
        ServersMissing: if there are none and none can be started; says what to install.
    """
    amqp_url = None if ours_alone else os.environ.get(AMQP_URL)
    database_url = None if ours_alone else os.environ.get(DATABASE_URL)
    with ExitStack() as ending:
        broker, postgres = _started(
            ending, broker=not amqp_url, postgres=not database_url, durable=durable
        )
        yield Servers(
            amqp_url=amqp_url or _url(broker),
            management_url=_management_url(amqp_url, broker),
            database_url=database_url or _url(postgres),
            broker=broker,
            postgres=postgres,
        )


def _started(
    ending: ExitStack, *, broker: bool, postgres: bool, durable: bool
) -> tuple[Broker | None, Server | None]:
    if not (broker or postgres):
        return None, None
    if containers.engine_answers():
        try:
            return containers.start(ending, broker=broker, postgres=postgres, durable=durable)
        except containers.NoImage as error:
            print(f"no container could be started ({error}); private servers then", file=sys.stderr)
    return private.start(ending, broker=broker, postgres=postgres, durable=durable)


def _url(server: Server | None) -> str:
    assert server is not None
    return server.url


def _management_url(amqp_url: str | None, broker: Broker | None) -> str:
    """The management API of a broker in the environment is at its usual port, or where it says."""
    if broker is not None:
        return broker.management_url
    if said := os.environ.get(MANAGEMENT_URL):
        return said
    login, at, host = urlsplit(amqp_url or "").netloc.rpartition("@")
    name = host.rpartition(":")[0] or host
    return urlunsplit(
        ("http", f"{login or 'guest:guest'}{at or '@'}{name}:{_MANAGEMENT_PORT}", "", "", "")
    )
