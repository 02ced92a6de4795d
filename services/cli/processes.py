"""Worker processes of this machine: started, watched, and stopped again."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from services.cli.console import Failure

_STOP_S: Final = 15.0


@asynccontextmanager
async def workers(
    services: Sequence[str], logs: Path, more: Mapping[str, str]
) -> AsyncIterator[None]:
    """Run a worker process of each service while the body runs.

    Args:
        services: as `cloudtill run` knows them.
        logs: a folder for what each process writes.
        more: settings, in small letters and without `CLOUDTILL_`.

    Raises:
        Failure: if a worker ends before the body does.
    """
    environment = os.environ | {f"CLOUDTILL_{name.upper()}": one for name, one in more.items()}
    running = {
        service: await _started(service, logs / f"{service}.log", environment)
        for service in services
    }
    body = asyncio.current_task()
    ended: list[str] = []

    async def watch(service: str, process: asyncio.subprocess.Process) -> None:
        await process.wait()
        ended.append(service)
        if body is not None:
            body.cancel()

    watching = [asyncio.create_task(watch(name, process)) for name, process in running.items()]
    try:
        yield
    except asyncio.CancelledError:
        if not ended:
            raise
        log = (logs / f"{ended[0]}.log").read_text().strip().splitlines()
        raise Failure(
            f"the {ended[0]} worker ended: {log[-1] if log else 'it said nothing'}"
        ) from None
    finally:
        for task in watching:
            task.cancel()
        await asyncio.shield(_stop(list(running.values())))


async def _started(
    service: str, log: Path, environment: Mapping[str, str]
) -> asyncio.subprocess.Process:
    with log.open("wb") as written:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "services.cli",
            "run",
            service,
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is ours: workers are stopped in their order
            env={**environment, "CLOUDTILL_LOG_FORMAT": "json"},
        )


async def _stop(processes: Sequence[asyncio.subprocess.Process]) -> None:
    """Ask all to stop; whoever does not in time is killed."""
    for process in processes:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
    waiting = asyncio.gather(*(process.wait() for process in processes))
    try:
        await asyncio.wait_for(asyncio.shield(waiting), _STOP_S)
    except TimeoutError:
        for process in processes:
            if process.returncode is None:
                process.kill()
        await waiting
