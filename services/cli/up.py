"""`cloudtill up`: all of it on this machine, with pages to try it in, until Ctrl-C."""

import asyncio
import os
import secrets
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
    """Where the portal's pages are on this machine, and the settings that put them there.

    With `gateway_port` the simulated gateway has a page there that asks whoever pays; without, it
    pays by itself.
    """

    port: int
    gateway_port: int | None = None

    @property
    def address(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def settings(self) -> Mapping[str, str]:
        """For `workers`: everybody may be anybody, and nobody's money moves."""
        outcome = "pays" if self.gateway_port is None else "asks"
        pages = {
            "portal_port": str(self.port),
            "portal_url": self.address,
            "portal_development_login": "true",
            "simulated_gateway_outcome": os.environ.get(
                "CLOUDTILL_SIMULATED_GATEWAY_OUTCOME", outcome
            ),
        }
        return {**pages, **self._of_gateway}

    @property
    def _of_gateway(self) -> Mapping[str, str]:
        if self.gateway_port is None:
            return {}
        return {
            "gateways_port": str(self.gateway_port),
            "gateways_url": f"http://localhost:{self.gateway_port}",
            "simulated_gateway_key": secrets.token_hex(),
            "simulated_gateway_back": self.address,
        }


def pages_for_trying(*, gateway_asks: bool = False) -> Pages:
    """Pages at port 8000, or at any that is free where that is taken.

    Args:
        gateway_asks: whether the simulated gateway is to have a page, at the next port.
    """
    port = _free(_PORT)
    return Pages(port, _free(port + 1) if gateway_asks else None)


def _free(wanted: int) -> int:
    """A free port, this one if it is."""
    for port in (wanted, 0):
        try:
            with socket.create_server(("", port)) as free:
                return int(free.getsockname()[1])
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
    pages = pages_for_trying(gateway_asks=True)
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
