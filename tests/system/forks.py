"""Workers of system tests that start within milliseconds: forks from a nursery (tests/faults),
started and waited for like the processes of `subprocess`, from any test of a run."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from threading import Lock, Thread
from types import MappingProxyType
from typing import Final

_ROOT: Final = Path(__file__).parents[2]
_START_S: Final = 60


class Fork:
    """A worker process that was forked."""

    def __init__(self, pid: int, log_from: int) -> None:
        """
        Args:
            pid: of the process.
            log_from: where in its log it begins.
        """
        self.pid = pid
        self.log_from = log_from
        self.ended: Future[int] = Future()
        """Its exit code, negative where a signal ended it."""
        self.ended.set_running_or_notify_cancel()  # nobody who waits for it can cancel it

    def poll(self) -> int | None:
        return self.ended.result() if self.ended.done() else None

    def wait(self, timeout: float | None = None) -> int:
        return self.ended.result(timeout)

    def send_signal(self, sig: int) -> None:
        if not self.ended.done():
            with suppress(ProcessLookupError):  # it has ended, and we are about to be told
                os.kill(self.pid, sig)


class Forks:
    """Starts workers in a nursery, and takes note of their ends."""

    def __init__(self, nursery: "subprocess.Popen[bytes]") -> None:
        self._nursery = nursery
        self._one_by_one = Lock()
        self._starting: list[Future[Fork]] = []
        self._running: dict[int, Fork] = {}

    def start(self, names: Sequence[str], environment: Mapping[str, str], log: Path) -> Fork:
        """Start `cloudtill run` in a process of its own; the arguments are those of `order`."""
        return self.order(names, environment, log).result(_START_S)

    def order(
        self,
        names: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        skew: timedelta = timedelta(0),
        limits: Mapping[str, int] = MappingProxyType({}),
    ) -> Future[Fork]:
        """Have `cloudtill run` started in a process of its own.

        Args:
            names: of its services.
            environment: all of it.
            log: where its output is added.
            skew: by how much its clock is wrong.
            limits: what constants of modules are there, by "module.NAME".
        """
        started: Future[Fork] = Future()
        assert self._nursery.stdin
        with self._one_by_one:
            order = {
                "number": len(self._starting),
                "names": list(names),
                "environment": dict(environment),
                "log": str(log),
                "skew_s": skew.total_seconds(),
                "limits": dict(limits),
            }
            self._starting.append(started)
            self._nursery.stdin.write(json.dumps(order).encode() + b"\n")
            self._nursery.stdin.flush()
        return started

    def listen(self) -> None:
        """Take note of what the nursery tells, until it ends."""
        assert self._nursery.stdout
        for line in self._nursery.stdout:
            match json.loads(line):
                case {"number": number, "pid": pid, "log_from": log_from}:
                    self._running[pid] = Fork(pid, log_from)
                    started = self._starting[number]
                    if started.set_running_or_notify_cancel():  # whoever waited may have given up
                        started.set_result(self._running[pid])
                case {"pid": pid, "code": code}:
                    self._running.pop(pid).ended.set_result(code)


@contextmanager
def forks() -> Iterator[Forks]:
    """A nursery; it kills what it started when the body ends, or when we die."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.faults.nursery"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        cwd=_ROOT,
        env={name: value for name, value in os.environ.items() if "CLOUDTILL_" not in name},
    ) as nursery:
        opened = Forks(nursery)
        listening = Thread(target=opened.listen)
        listening.start()
        try:
            yield opened
        finally:
            assert nursery.stdin
            nursery.stdin.close()
            listening.join()
