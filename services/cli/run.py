"""`cloudtill run`: workers until they are told to stop."""

import asyncio
import os
import signal
from typing import Annotated

import typer
import uvloop

from services.cli.console import Failure, settings
from services.registry import SERVICES, worker_of
from shared import log, ops
from shared.lifetime import collect_seldom, log_where_all_waits
from shared.settings import settings_of
from shared.tracing import TracingMissing, spans_of

_NAMES = [*SERVICES, "scheduler"]


def run(
    names: Annotated[
        list[str], typer.Argument(metavar="SERVICE...|all", help=f"Of {', '.join(_NAMES)}; or all.")
    ],
) -> None:
    """Run workers in this process until SIGTERM or Ctrl-C.

    A worker that is told to stop finishes the messages in hand first. On SIGUSR1 it logs where it
    waits. Several services in one
    process are for a small machine; to scale, start more processes of one service.
    """
    if unknown := set(names) - {*_NAMES, "all"}:
        raise Failure(
            f"no service is called {', '.join(sorted(unknown))}; there are {', '.join(_NAMES)}",
            code=2,
        )
    chosen = _NAMES if "all" in names else list(dict.fromkeys(names))
    shared = settings()
    log.configure(shared.log_level, shared.log_format)
    try:
        for name in chosen:
            spans_of(name)
    except (TracingMissing, ValueError) as error:
        raise Failure(str(error), code=2) from None
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(chosen))


async def _run(names: list[str]) -> None:
    shared = settings()
    workers = [worker_of(name, settings_of(name)) for name in names]

    def stop() -> None:
        for worker in workers:
            worker.stop()
        loop.call_later(shared.shutdown_s * 2, os._exit, 1)  # what hangs must not hang for ever

    collect_seldom()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stop)
    loop.add_signal_handler(signal.SIGUSR1, log_where_all_waits)
    async with ops.serving(shared.ops_port, lambda: all(worker.ready for worker in workers)):
        async with asyncio.TaskGroup() as group:
            for worker in workers:
                group.create_task(worker.run())
