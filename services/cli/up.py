"""`cloudtill up`: all of it on this machine, with pages to try it in, until Ctrl-C."""

import asyncio
import os
import signal
import socket
import tempfile
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from services.cli.console import console, database, finish
from services.cli.processes import workers
from services.cli.publish import send, stamped
from services.cli.setup import declare_queues, migrate_schemas
from services.cli.story import Story
from services.registry import SERVICES

_PORT: Final = 8000
_RUN: Final = "trial"


@dataclass(frozen=True, slots=True)
class Pages:
    """Where the portal's pages are on this machine, and the settings that put them there."""

    port: int

    @property
    def address(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def settings(self) -> Mapping[str, str]:
        """For `workers`: everybody may be anybody, and the simulated gateway pays by itself."""
        return {
            "portal_port": str(self.port),
            "portal_url": self.address,
            "portal_development_login": "true",
            "simulated_gateway_outcome": os.environ.get(
                "CLOUDTILL_SIMULATED_GATEWAY_OUTCOME", "pays"
            ),
        }


def pages_for_trying() -> Pages:
    """Pages at port 8000, or at any that is free where that is taken."""
    for port in (_PORT, 0):
        try:
            with socket.create_server(("", port)) as free:
                return Pages(free.getsockname()[1])
        except OSError:
            continue
    raise AssertionError("the system always has a free port")


def up() -> None:
    """Run everything on this machine until Ctrl-C, with the portal's pages to try it in.

    Needs RabbitMQ and Postgres at CLOUDTILL_AMQP_URL and CLOUDTILL_DATABASE_URL; `make up` brings
    its own. Migrates, declares the queues, puts a product on sale, and starts a worker process of
    each service. Logs are in a folder that it names.
    """
    finish(_up())


async def _up() -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, stopping.set)
    async with database() as db:
        await migrate_schemas(db)
    await declare_queues()
    pages = pages_for_trying()
    with tempfile.TemporaryDirectory(prefix="cloudtill-up-") as folder:
        async with workers([*SERVICES, "scheduler"], Path(folder), pages.settings):
            now = datetime.now(UTC).replace(microsecond=0)
            story = Story(_RUN, now)
            since = now - timedelta(days=60)
            await send([stamped(one, since, uuid.uuid4().hex) for one in story.catalogue(since)])
            console.print(f"\nThe portal: [bold]{pages.address}[/]   logs: {folder}")
            console.print("Log in as anybody, open an account, top up, order. Ctrl-C ends it.")
            await stopping.wait()
    console.print("The workers have stopped.", style="dim")
