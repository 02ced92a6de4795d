"""Processes and folders that are gone when we are, however we go."""

import json
import pwd
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol, TypedDict

from tests.servers import guard

_STOP_S: Final = 60


class Process(Protocol):
    """A process that was started: of `subprocess`, or a fork."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None:
        """Its exit code, negative where a signal ended it; None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended; returns its exit code.

        Raises:
            TimeoutError: (of `subprocess` or Python's own) if it goes on.
        """

    def send_signal(self, sig: int) -> None:
        """Send a signal, where it still runs."""


class AsUser(TypedDict, total=False):
    """Under which user subprocess starts a process."""

    user: int
    group: int
    extra_groups: Sequence[int]


def as_user(user: int | None) -> AsUser:
    """Start as this user; None: as ourselves."""
    if user is None:
        return {}
    return {"user": user, "group": pwd.getpwuid(user).pw_gid, "extra_groups": ()}


class Guarded:
    """Starts processes that a guard ends, and knows folders that it removes."""

    def __init__(self, guardian: "subprocess.Popen[str]") -> None:
        self._guardian = guardian
        self._processes: list[subprocess.Popen[bytes]] = []

    def remove_at_the_end(self, folder: Path) -> None:
        """Let the guard remove a folder."""
        self._say({"remove": str(folder)})

    def launch(
        self,
        command: Sequence[str | Path],
        log: Path,
        *,
        end_with: signal.Signals,
        environment: Mapping[str, str],
        user: int | None = None,
    ) -> "subprocess.Popen[bytes]":
        """Start a process in a session of its own, so that Ctrl-C is not meant for it.

        Args:
            command: what to run, in the folder of `log`.
            log: where its output is added.
            end_with: the signal with which the guard ends it.
            environment: all of it.
            user: under whose id; None: ours.
        """
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                cwd=log.parent,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                **as_user(user),
            )
        self._say({"end": process.pid, "with": int(end_with)})
        self._processes.append(process)
        return process

    def end(self, process: Process, sign: signal.Signals) -> int:
        """Send a signal to a process and wait until it has ended; returns its exit code."""
        process.send_signal(sign)
        code = process.wait(_STOP_S)
        self._say({"ended": process.pid})
        return code

    def end_all(self) -> None:
        """Let the guard end everything, and wait until it has."""
        assert self._guardian.stdin
        self._guardian.stdin.close()
        for process in reversed(self._processes):
            process.wait()
        self._guardian.wait()

    def _say(self, what: Mapping[str, object]) -> None:
        assert self._guardian.stdin
        self._guardian.stdin.write(json.dumps(what) + "\n")
        self._guardian.stdin.flush()


@contextmanager
def watched() -> Iterator[Guarded]:
    """A guard, until the body ends or we die."""
    guardian = subprocess.Popen(
        [sys.executable, "-I", guard.__file__],
        stdin=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    guarded = Guarded(guardian)
    try:
        yield guarded
    finally:
        guarded.end_all()
