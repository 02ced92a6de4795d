"""Worker processes as an operator would start them, and what they and the servers use."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from aio_pika.abc import AbstractConnection

from shared import broker
from shared.database import connect

_TICKS_A_SECOND: Final = os.sysconf("SC_CLK_TCK")
_READY_S: Final = 120
_STOP_S: Final = 60
_LOOK_EVERY_S: Final = 0.05
_BYTECODE: Final = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": ".local/bytecode"}
"""Modules are compiled once, as in the image, and not at each start."""


@dataclass(frozen=True, slots=True)
class WorkerProcess:
    """A running `cloudtill run SERVICE`."""

    service: str
    process: "subprocess.Popen[bytes]"

    @property
    def peak_megabytes(self) -> float:
        """The most memory that it had until now."""
        return _kilobytes(self.process.pid, "VmHWM") / 1024

    @property
    def cpu_seconds(self) -> float:
        """The processor time that it took until now."""
        return _own_seconds(self.process.pid)

    @property
    def megabytes(self) -> float:
        """The memory that it has now."""
        return _kilobytes(self.process.pid, "VmRSS") / 1024


def start(
    amqp_url: str,
    database_url: str,
    service: str,
    log: int | None = None,
    settings: Mapping[str, str] | None = None,
) -> WorkerProcess:
    """Start a worker, and do not wait until it is ready."""
    environment = os.environ | {
        "CLOUDTILL_AMQP_URL": amqp_url,
        "CLOUDTILL_DATABASE_URL": database_url,
        "CLOUDTILL_LOG_FORMAT": "json",
        "CLOUDTILL_LOG_LEVEL": "warning",
        **_BYTECODE,
        **(settings or {}),
    }
    command = (sys.executable, "-m", "services.cli", "run", service)
    process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    return WorkerProcess(service, process)


@asynccontextmanager
async def working(
    amqp_url: str, database_url: str, counts: Mapping[str, int]
) -> AsyncIterator[Sequence[WorkerProcess]]:
    """So many workers of each service, all consuming; stopped at the end.

    Raises:
        RuntimeError: if one ends by itself.
    """
    with tempfile.TemporaryFile() as log:
        workers = [
            start(amqp_url, database_url, service, log.fileno())
            for service, count in counts.items()
            for _ in range(count)
        ]
        try:
            async with broker.connected(amqp_url, "benchmark waits") as connection:
                for service, count in counts.items():
                    await until_consumed(connection, service, count)
            yield workers
            if any(worker.process.poll() is not None for worker in workers):
                log.seek(0)
                raise RuntimeError(f"a worker ended: {log.read()[-2000:].decode()}")
        finally:
            stop(workers)


async def until_consumed(connection: AbstractConnection, queue: str, consumers: int) -> None:
    """Wait until that many workers consume a queue."""
    channel = await connection.channel()
    async with asyncio.timeout(_READY_S):
        while True:
            declared = await channel.declare_queue(queue, passive=True)
            if (declared.declaration_result.consumer_count or 0) >= consumers:
                return await channel.close()
            await asyncio.sleep(_LOOK_EVERY_S)


def stop(workers: Iterable[WorkerProcess]) -> None:
    """End workers as an operator does, and wait for them."""
    for worker in workers:
        worker.process.send_signal(signal.SIGTERM)
    for worker in workers:
        worker.process.wait(_STOP_S)


def _kilobytes(pid: int, field: str) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    (found,) = re.findall(rf"^{field}:\s+(\d+) kB", status, re.MULTILINE)
    return int(found)


CpuSeconds = Mapping[str, float]
"""Processor time by who used it: a service's workers, `postgres`, `rabbitmq`."""


class Meter:
    """Processor time of workers and, where they run on this machine, of both servers."""

    def __init__(self, workers: Sequence[WorkerProcess], servers: Mapping[str, int]) -> None:
        self._workers = workers
        self._servers = servers
        self._before = self._read()

    @classmethod
    async def of(
        cls, amqp_url: str, database_url: str, workers: Sequence[WorkerProcess]
    ) -> "Meter":
        """Begin to measure. Without a broker's URL only Postgres and the workers are."""
        found = {
            "postgres": await _postmaster(database_url),
            "rabbitmq": _listener(urlsplit(amqp_url).port or 5672) if amqp_url else None,
        }
        return cls(workers, {name: pid for name, pid in found.items() if pid is not None})

    def used(self) -> CpuSeconds:
        """Seconds of processor time since the beginning."""
        return {name: now - self._before[name] for name, now in self._read().items()}

    def _read(self) -> dict[str, float]:
        seconds: dict[str, float] = {}
        for worker in self._workers:
            before = seconds.get(worker.service, 0.0)
            seconds[worker.service] = before + worker.cpu_seconds
        for name, pid in self._servers.items():
            seconds[name] = _seconds_with_children(pid)
        return seconds


async def _postmaster(database_url: str) -> int | None:
    """The process of Postgres itself, of which each connection's process is a child."""
    db = await connect(database_url)
    try:
        stat = _stat(await db.fetchval("select pg_backend_pid()"))
        return int(stat[1]) if stat else None
    finally:
        await db.close()


def _listener(port: int) -> int | None:
    """The process that listens on a port of this machine, as far as we may look."""
    sockets = {
        f"socket:[{fields[9]}]"
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        if (fields := line.split())[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port
    }
    for descriptors in Path("/proc").glob("[0-9]*/fd"):
        try:
            if any(str(one.readlink()) in sockets for one in descriptors.iterdir()):
                return int(descriptors.parent.name)
        except OSError:
            continue
    return None


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the command's name; none if it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _own_seconds(pid: int) -> float:
    return sum(map(int, _stat(pid)[11:13])) / _TICKS_A_SECOND


def _seconds_with_children(pid: int) -> float:
    """Of a process, of its children that run, and of those that ended."""
    ticks = sum(map(int, _stat(pid)[11:15]))
    for other in Path("/proc").glob("[0-9]*"):
        stat = _stat(int(other.name))
        if stat and stat[1] == str(pid):
            ticks += sum(map(int, stat[11:15]))
    return ticks / _TICKS_A_SECOND
