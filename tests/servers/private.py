"""Private servers from installed binaries: on free ports, in a folder that goes at the end."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from tests.servers import binaries
from tests.servers.guarded import Guarded, as_user, watched
from tests.servers.server import (
    POSTGRES_HASTY,
    POSTGRES_SETTINGS,
    Broker,
    Server,
    free_ports,
    wait_for_postgres,
    wait_for_rabbitmq,
)

_ROOT: Final = Path(__file__).parents[2]
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of our own is made there
_PLENTY_BYTES: Final = 4 * 1024**3

_RABBITMQ_CONF: Final = """\
listeners.tcp.1 = 127.0.0.1:{port}
raft.wal_max_size_bytes = 67108864
log.file.level = info
"""
_MANAGED: Final = """\
management.tcp.ip = 127.0.0.1
management.tcp.port = {port}
management_agent.disable_metrics_collector = true
"""
_TO_JOIN: Final = """\
cluster_formation.peer_discovery_backend = classic_config
cluster_formation.classic_config.nodes.1 = {first}
cluster_formation.classic_config.nodes.2 = {own}
"""

_QUORUM_S: Final = 60
_COOKIE: Final = ".erlang.cookie"

_LEFT_OVER: Final = "is still in use"
"""What Postgres says of the shared memory of a killed one's children, who are about to end."""
_LEFT_OVER_S: Final = 60
_POSTGRES_PLACE: Final = {"listen_addresses": "127.0.0.1", "unix_socket_directories": ""}


def start(
    ending: ExitStack, *, broker: bool, postgres: bool, durable: bool
) -> tuple[Broker | None, Server | None]:
    """Start the servers that are asked for, both at once, and wait until they answer.

    Raises:
        ServersMissing: if their binaries are missing and can't be installed.
    """
    found = binaries.find_or_install(broker=broker, postgres=postgres)
    guarded = ending.enter_context(watched())
    folder = folder_of_servers(guarded, durable=durable)
    rabbit = RabbitMQ(found.rabbitmq, folder / "rabbitmq", guarded) if found.rabbitmq else None
    database = (
        Postgres(found.postgres, folder / "postgres", guarded, durable) if found.postgres else None
    )
    if rabbit:
        rabbit.launch()
    if database:
        database.initialize()
        database.start()
    if rabbit:
        rabbit.wait()
    return rabbit, database


class Postgres:
    """A Postgres cluster of our own."""

    def __init__(self, binary: Path, folder: Path, guarded: Guarded, durable: bool) -> None:
        self._binary = binary
        self._folder = folder
        self._guarded = guarded
        self._settings = _POSTGRES_PLACE | POSTGRES_SETTINGS | ({} if durable else POSTGRES_HASTY)
        (self._port,) = free_ports(1)
        self._user = _user_of_postgres()
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir()
        if self._user is not None:
            os.chown(folder, self._user, -1)

    @property
    def url(self) -> str:
        return f"postgresql://cloudtill@127.0.0.1:{self._port}/postgres"

    def initialize(self) -> None:
        """Make the cluster's files."""
        made = subprocess.run(
            [
                self._binary.with_name("initdb"),
                *("--pgdata", self._folder / "data"),
                *("--username", "cloudtill", "--auth", "trust"),
                *("--encoding", "UTF8", "--no-locale", "--no-sync"),
            ],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            **as_user(self._user),
        )
        if made.returncode:
            raise RuntimeError(f"initdb: {made.stderr or made.stdout}")

    def start(self) -> None:
        """Start it, once nothing is left of one that was killed, and wait until it answers."""
        until = time.monotonic() + _LEFT_OVER_S
        while True:
            try:
                self._start()
                return
            except RuntimeError as error:
                if _LEFT_OVER not in str(error) or time.monotonic() > until:
                    raise
                time.sleep(0.1)

    def _start(self) -> None:
        options = [f"--{name}={value}" for name, value in self._settings.items()]
        self._process = process = self._guarded.launch(
            [self._binary, "-D", self._folder / "data", "-p", str(self._port), *options],
            self._log,
            end_with=signal.SIGQUIT,
            environment={**os.environ, "LC_ALL": "C"},
            user=self._user,
        )
        wait_for_postgres(self.url, lambda: _trouble(process, self._log))

    def stop(self) -> None:
        self._end(signal.SIGINT)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    @property
    def _log(self) -> Path:
        return self._folder / "postgres.log"

    def _end(self, sign: signal.Signals) -> None:
        assert self._process
        self._guarded.end(self._process, sign)


class RabbitMQ:
    """A RabbitMQ node of our own, with an Erlang port mapper of its own or of its cluster's."""

    def __init__(
        self,
        binary: Path,
        folder: Path,
        guarded: Guarded,
        *,
        beside: "RabbitMQ | None" = None,
        settings: str = "",
        managed: bool = True,
    ) -> None:
        """
        Args:
            beside: a node that answers before this one is launched, to become a cluster with it.
            settings: more lines of `rabbitmq.conf`.
            managed: whether it has the management API; without, it starts sooner.
        """
        self._beside = beside
        self._binary = binary
        self._folder = folder
        self._guarded = guarded
        self._port, self._management_port, mapper_port, distribution_port = free_ports(4)
        self._mapper_port: int = beside._mapper_port if beside else mapper_port
        self.name = f"cloudtill_{self._port}@localhost"
        self._process: subprocess.Popen[bytes] | None = None
        self._environment = {
            "HOME": str(folder),  # where Erlang keeps its cookie
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._mapper_port),
            "RABBITMQ_ALLOW_INPUT": "true",  # else a shell stands between us and the node
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "none.config"),
            "RABBITMQ_CONFIG_FILES": str(folder / "none.d"),
            "RABBITMQ_DIST_PORT": str(distribution_port),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_NODENAME": self.name,
            "RABBITMQ_PID_FILE": str(folder / "pid"),
        }
        folder.mkdir()
        (folder / "rabbitmq.conf").write_text(
            _RABBITMQ_CONF.format(port=self._port)
            + (_MANAGED.format(port=self._management_port) if managed else "")
            + (_TO_JOIN.format(first=beside.name, own=self.name) if beside else "")
            + settings
        )
        plugins = "rabbitmq_management" if managed else ""
        (folder / "enabled_plugins").write_text(f"[{plugins}].\n")

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self._port}/"

    @property
    def management_url(self) -> str:
        return f"http://guest:guest@127.0.0.1:{self._management_port}"

    def launch(self) -> None:
        """Start the node, and its port mapper with the first start, without waiting."""
        if self._process is None and self._beside is not None:
            shutil.copy(self._beside._folder / _COOKIE, self._folder / _COOKIE)
        elif self._process is None:
            self._guarded.launch(
                [_port_mapper(), "-port", str(self._mapper_port), "-address", "127.0.0.1"],
                self._folder / "epmd.log",
                end_with=signal.SIGKILL,
                environment=os.environ,
            )
        self._process = self._guarded.launch(
            [self._binary, "-noinput"],
            self._log,
            end_with=signal.SIGKILL,
            environment={**os.environ, **self._environment},
        )

    def wait(self) -> None:
        """Wait until the node answers."""
        process = self._process
        assert process
        wait_for_rabbitmq(self.url, lambda: _trouble(process, self._log))

    def start(self) -> None:
        self.launch()
        self.wait()

    def stop(self) -> None:
        assert self._process
        self._guarded.end(self._process, signal.SIGTERM)

    def kill(self) -> None:
        assert self._process
        self._guarded.end(self._process, signal.SIGKILL)

    def rabbitmqctl(self, *arguments: str) -> str:
        """
        Raises:
            subprocess.CalledProcessError: if it fails.
        """
        return self._run("rabbitmqctl", *arguments)

    def wait_for_quorum(self) -> None:
        """Wait until this node can be missed: each of its queues has enough others elsewhere."""
        self._run("rabbitmq-upgrade", "await_online_quorum_plus_one", "--timeout", str(_QUORUM_S))

    def _run(self, tool: str, *arguments: str) -> str:
        return subprocess.run(
            [self._binary.with_name(tool), *arguments],
            cwd=self._folder,
            env={**os.environ, **self._environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    @property
    def _log(self) -> Path:
        return self._folder / "rabbitmq.log"


def _trouble(process: "subprocess.Popen[bytes]", log: Path) -> str | None:
    """The end of the log of a process that has ended."""
    code = process.poll()
    if code is None:
        return None
    return f"exit {code}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-30:])


def _port_mapper() -> str:
    found = shutil.which("epmd")
    if found is None:
        raise RuntimeError("RabbitMQ is installed, but not Erlang's epmd")
    return found


def _user_of_postgres() -> int | None:
    """Postgres refuses to run as root; its package made a user for it."""
    return pwd.getpwnam("postgres").pw_uid if os.geteuid() == 0 else None


def folder_of_servers(guarded: Guarded, *, durable: bool = True) -> Path:
    """A new folder that the servers' user can reach: in the checkout, or else where all can.

    What need not outlive the machine lies in memory where there is plenty of it: each database is a
    thousand small files.
    """
    for place in _places(durable):
        folder = _new_folder(place)
        if _reaches(folder):
            guarded.remove_at_the_end(folder)
            return folder
        folder.rmdir()
    raise RuntimeError("there is no folder that the servers' user can reach")


def _places(durable: bool) -> list[Path | None]:
    local = _ROOT / ".local"
    local.mkdir(exist_ok=True)
    in_memory = not durable and os.access(_MEMORY, os.W_OK | os.X_OK)
    if in_memory and shutil.disk_usage(_MEMORY).free >= _PLENTY_BYTES:
        return [_MEMORY, local, None]
    return [local, None]


def _new_folder(within: Path | None) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="cloudtill-servers-", dir=within))
    folder.chmod(0o755)
    return folder


def _reaches(folder: Path) -> bool:
    """Whether Postgres' user can get there: a checkout may lie under somebody's private folder."""
    test = shutil.which("test") or "/usr/bin/test"
    reached = subprocess.run(
        [test, "-x", folder], cwd="/", check=False, **as_user(_user_of_postgres())
    )
    return reached.returncode == 0
