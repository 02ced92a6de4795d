"""Servers in containers, where a Docker engine answers."""

import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Final
from urllib.parse import SplitResult, urlsplit

from docker.errors import DockerException
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient, get_docker_host

from tests.servers.server import (
    POSTGRES_HASTY,
    POSTGRES_SETTINGS,
    Broker,
    Server,
    free_ports,
    wait_for_postgres,
    wait_for_rabbitmq,
)

RABBITMQ_IMAGE: Final = "rabbitmq:4-management"
POSTGRES_IMAGE: Final = "postgres:17"
_STOP_S: Final = 30


class NoImage(Exception):
    """The engine answers, but can't give us a container: it may not reach a registry."""


def engine_answers() -> bool:
    """Whether there is a Docker engine, where the environment or the Docker client says it is."""
    address = urlsplit(get_docker_host() or "unix:///var/run/docker.sock")
    try:
        _knock(address)
        return bool(DockerClient().client.ping())
    except (DockerException, OSError):
        return False


def _knock(address: SplitResult) -> None:
    """The Docker client leaves sockets open where nobody listens."""
    match address.scheme:
        case "unix":
            with socket.socket(socket.AF_UNIX) as engine:
                engine.connect(address.path)
        case "tcp" | "http" | "https":
            with socket.create_connection((address.hostname or "", address.port or 2375), 5):
                pass


def start(
    ending: ExitStack, *, broker: bool, postgres: bool, durable: bool
) -> tuple[Broker | None, Server | None]:
    """Start the containers that are asked for and wait until they answer.

    Raises:
        NoImage: if the engine can't start them.
    """
    print("starting servers in containers ...", file=sys.stderr)
    rabbit = RabbitMQContainer() if broker else None
    database = _postgres(durable) if postgres else None
    for one in (rabbit, database):
        if one:
            one.run(ending)
    for one in (rabbit, database):
        if one:
            one.wait()
    return rabbit, database


class Contained:
    """A server in a container, on fixed ports of this host, so that its URL outlives a stop."""

    def __init__(
        self,
        container: DockerContainer,
        ports: Mapping[int, int],
        url: str,
        wait: Callable[[str, Callable[[], str | None]], None],
    ) -> None:
        """
        Args:
            container: not yet started.
            ports: those inside, and their numbers on this host.
            url: where the server answers, with `{host}` for the engine's host.
            wait: waits until the server answers.
        """
        self._container = container
        self._url = url
        self._wait = wait
        for inside, outside in ports.items():
            container.with_bind_ports(inside, outside)

    @property
    def host(self) -> str:
        """Where the engine opens the ports."""
        return self._container.get_container_host_ip()

    @property
    def url(self) -> str:
        return self._url.format(host=self.host)

    def run(self, ending: ExitStack) -> None:
        """Start the container for the first time; `ending` removes it."""
        ending.callback(self._container.stop)
        try:
            self._container.start()
        except DockerException as error:
            raise NoImage(str(error)) from error

    def wait(self) -> None:
        """Wait until the server answers."""
        self._wait(self.url, self._trouble)

    def start(self) -> None:
        self._container.get_wrapped_container().start()
        self.wait()

    def stop(self) -> None:
        self._container.get_wrapped_container().stop(timeout=_STOP_S)

    def kill(self) -> None:
        self._container.get_wrapped_container().kill()

    def execute(self, command: Sequence[str]) -> str:
        """Run a command inside.

        Raises:
            RuntimeError: if it fails.
        """
        done = self._container.exec(list(command))
        output = done.output.decode(errors="replace")
        if done.exit_code:
            raise RuntimeError(f"{' '.join(command)}: {output}")
        return output

    def _trouble(self) -> str | None:
        container = self._container.get_wrapped_container()
        container.reload()
        if container.status == "running":
            return None
        output, errors = self._container.get_logs()
        return (output + errors)[-3_000:].decode(errors="replace")


class RabbitMQContainer(Contained):
    """RabbitMQ with its management API."""

    def __init__(self) -> None:
        port, self._management_port = free_ports(2)
        super().__init__(
            DockerContainer(RABBITMQ_IMAGE),
            {5672: port, 15672: self._management_port},
            f"amqp://guest:guest@{{host}}:{port}/",
            wait_for_rabbitmq,
        )

    @property
    def management_url(self) -> str:
        return f"http://guest:guest@{self.host}:{self._management_port}"

    def rabbitmqctl(self, *arguments: str) -> str:
        return self.execute(["rabbitmqctl", *arguments])


def _postgres(durable: bool) -> Contained:
    settings = POSTGRES_SETTINGS if durable else POSTGRES_SETTINGS | POSTGRES_HASTY
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    container = (
        DockerContainer(POSTGRES_IMAGE)
        .with_envs(
            POSTGRES_USER="cloudtill", POSTGRES_DB="postgres", POSTGRES_HOST_AUTH_METHOD="trust"
        )
        .with_command(f"postgres {options}")
    )
    (port,) = free_ports(1)
    url = f"postgresql://cloudtill@{{host}}:{port}/postgres"
    return Contained(container, {5432: port}, url, wait_for_postgres)
