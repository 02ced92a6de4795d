"""Finds the servers' binaries; installs them on Debian and Ubuntu, and says so."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.servers.server import ServersMissing

_DEBIAN: Final = Path("/etc/debian_version")
_POLICY: Final = Path("/usr/sbin/policy-rc.d")
_run = subprocess.run


@dataclass(frozen=True, slots=True)
class Binaries:
    """Where the servers are; None where none was asked for."""

    rabbitmq: Path | None
    postgres: Path | None


def find_or_install(*, broker: bool, postgres: bool) -> Binaries:
    """The binaries that are asked for.

    Raises:
        ServersMissing: says in one line what to install.
    """
    missing = _missing(broker, postgres)
    if missing and _DEBIAN.exists() and os.geteuid() == 0 and shutil.which("apt-get"):
        install(missing)
        missing = _missing(broker, postgres)
    if missing:
        raise ServersMissing(
            "RabbitMQ and Postgres are needed: start a Docker engine, or install"
            f" {' and '.join(missing)}, or set CLOUDTILL_AMQP_URL and CLOUDTILL_DATABASE_URL"
        )
    return Binaries(
        rabbitmq=_find_rabbitmq() if broker else None,
        postgres=_find_postgres() if postgres else None,
    )


def _missing(broker: bool, postgres: bool) -> list[str]:
    """Debian's names of the packages that are missing."""
    rabbitmq_server = ["rabbitmq-server"] if broker and not _find_rabbitmq() else []
    postgresql = ["postgresql"] if postgres and not _find_postgres() else []
    return rabbitmq_server + postgresql


def _find_rabbitmq() -> Path | None:
    """The real script: Debian's one in the PATH insists on a user of its own."""
    for place in (Path("/usr/lib/rabbitmq/bin/rabbitmq-server"), _in_path("rabbitmq-server")):
        if place and place.exists():
            return place
    return None


def _find_postgres() -> Path | None:
    """`postgres` beside an `initdb`, of the newest version that is installed."""
    installed = Path("/usr/lib/postgresql").glob("[1-9]*/bin/postgres")
    newest = sorted(installed, key=lambda path: float(path.parts[4]), reverse=True)
    for place in (*newest, _in_path("postgres")):
        if place and place.with_name("initdb").exists():
            return place
    return None


def _in_path(name: str) -> Path | None:
    found = shutil.which(name)
    return Path(found).resolve() if found else None


def install(packages: list[str]) -> None:
    """Install packages of Debian's, and start nothing of them.

    Raises:
        ServersMissing: if apt can't.
    """
    print(f"installing {' and '.join(packages)} with apt-get, once ...", file=sys.stderr)
    apt = ["apt-get", "-q", "-o", "Dpkg::Use-Pty=0"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with _services_not_started():
        for command in (
            [*apt, "update"],
            [*apt, "install", "-y", "--no-install-recommends", *packages],
        ):
            done = _run(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                raise ServersMissing(f"{' '.join(command)} failed: {done.stderr.strip()[-500:]}")


@contextmanager
def _services_not_started() -> Iterator[None]:
    """Debian starts what it installs, on the default ports, unless a policy forbids it."""
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink()
