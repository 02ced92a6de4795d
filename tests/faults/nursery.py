"""Worker processes that start within milliseconds: forks of a process that has imported everything.

`python -m tests.faults.nursery` reads one JSON object a line, each a worker to start, and writes
one for each that started or ended. When its input ends, so do its workers. Each worker is a process
of its own with its own environment, log and clock, and runs `cloudtill run` like any other.
"""

import asyncio
import gc
import importlib
import json
import os
import selectors
import signal
import sys
import traceback
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager, suppress
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Final, Never

import services.cli.run
import services.gateways.settings
import services.invoicing.settings
import services.notifications.settings
import services.portal.settings
import shared.settings
from services.cli import main as cloudtill
from services.registry import SCHEMAS
from shared import failpoints
from tests.system.forks import Fork, Forks, forks

_OURS: Final = ("services.", "shared.")
_LAST_LINES: Final = 60
_SETTINGS: Final = (
    shared.settings.settings,
    services.gateways.settings.settings,
    services.invoicing.settings.invoicing_settings,
    services.notifications.settings.settings,
    services.portal.settings.settings,
)
"""What was read from the environment, and is to be read again."""


class Worker:
    """One forked worker process."""

    def __init__(self, fork: Fork, names: tuple[str, ...], log: Path) -> None:
        self.names = names
        self.log = log
        self.killed = False
        """Whether we have killed it."""
        self._fork = fork
        self.ended = asyncio.wrap_future(fork.ended)
        """Its exit code, negative where a signal ended it."""

    @property
    def runs(self) -> bool:
        return self._fork.poll() is None

    def send(self, sign: signal.Signals) -> None:
        """Send a signal; one that has ended already gets none."""
        self.killed |= self.runs and sign == signal.SIGKILL
        self._fork.send_signal(sign)

    @property
    def logged(self) -> list[str]:
        """The lines of its log, without those of whoever had its post before it."""
        with self.log.open("rb") as lines:
            lines.seek(self._fork.log_from)
            return lines.read().decode(errors="replace").splitlines()

    @property
    def last_words(self) -> str:
        """How it ended, for people: its exit code and the end of its log."""
        lines = "\n".join(self.logged[-_LAST_LINES:])
        return f"exit code {self._fork.poll()} of {', '.join(self.names)} ({self.log}):\n{lines}"


class Nursery:
    """Starts workers, whose ends can be waited for."""

    def __init__(self, forks: Forks) -> None:
        self._forks = forks

    async def start(
        self,
        names: tuple[str, ...],
        environment: Mapping[str, str],
        log: Path,
        skew: timedelta,
        limits: Mapping[str, int],
    ) -> Worker:
        """Start a worker; the arguments are those of `Forks.order`."""
        ordered = self._forks.order(names, environment, log, skew, limits)
        return Worker(await asyncio.wrap_future(ordered), names, log)


@asynccontextmanager
async def nursery() -> AsyncIterator[Nursery]:
    """A nursery; all its workers are ended with the body."""
    with ExitStack() as stack:
        opened = stack.enter_context(forks())
        try:
            yield Nursery(opened)
        finally:
            await asyncio.to_thread(stack.close)


def main() -> None:
    """Fork workers as they are ordered."""
    list(SCHEMAS)  # imports every service: else each worker would, and with a clock that is right
    gc.collect()
    gc.freeze()  # what all workers share is never written, so that it stays shared
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    with selectors.DefaultSelector() as selector:
        selector.register(0, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        running: set[int] = set()
        buffer = b""
        while True:
            ready = {key.fd for key, _ in selector.select()}
            if woken in ready:
                os.read(woken, 4096)
                _tell_ended(running)
            if 0 in ready:
                read = os.read(0, 1 << 20)
                if not read:
                    break
                *lines, buffer = (buffer + read).split(b"\n")
                for line in lines:
                    order = json.loads(line)
                    log = Path(order["log"])
                    log.touch()  # so that it is there for whoever is told that a worker started
                    log_from = log.stat().st_size
                    pid = _fork(order)
                    running.add(pid)
                    _tell(number=order["number"], pid=pid, log_from=log_from)
    for pid in running:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for pid in running:
        os.waitpid(pid, 0)


def _tell(**what: int) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


def _tell_ended(running: set[int]) -> None:
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        running.discard(pid)
        _tell(pid=pid, code=os.waitstatus_to_exitcode(status))


def _fork(order: Mapping[str, object]) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        _become(order)
    except SystemExit:
        raise  # it ends as any program does: what is still to be told of its spans is told then
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def _become(order: Mapping[str, object]) -> Never:
    """Be the worker that is ordered, in the process that was forked for it."""
    match order:
        case {"names": list(names), "environment": dict(environment), "log": str(log)}:
            pass
        case _:
            raise ValueError("this is no order")
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.clear()
    os.environ.update(environment)
    importlib.reload(failpoints)  # it reads the environment
    for settings in _SETTINGS:
        settings.cache_clear()
    _set_limits(order.get("limits", {}))
    if skew_s := float(str(order["skew_s"])):
        _set_clock_wrong(timedelta(seconds=skew_s))
    sys.argv = ["cloudtill", "run", *names]
    cloudtill()
    raise AssertionError("the program exits")


def _set_limits(limits: object) -> None:
    """Let constants of modules be others, by "module.NAME"."""
    assert isinstance(limits, dict)
    for name, limit in limits.items():
        module, _, constant = name.rpartition(".")
        assert hasattr(sys.modules[module], constant), name
        setattr(sys.modules[module], constant, limit)


def _set_clock_wrong(skew: timedelta) -> None:
    """Let every module of ours that can ask the time get a wrong answer."""

    class Wrong(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + skew

    for name, module in list(sys.modules.items()):
        if name.startswith(_OURS) and getattr(module, "datetime", None) is datetime:
            setattr(module, "datetime", Wrong)  # noqa: B010


if __name__ == "__main__":
    main()
