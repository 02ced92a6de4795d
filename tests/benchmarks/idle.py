"""How long a worker takes until it consumes, and what memory it has with nothing to do."""

import asyncio
import time
from dataclasses import asdict, dataclass
from typing import Any

import uvloop
from rich.console import Console
from rich.table import Table

from shared import broker, topology
from shared.database import connect
from shared.migrations import migrate, migrations_of
from shared.service import Service
from tests.benchmarks.orders import INVOLVED
from tests.benchmarks.processes import start, stop, until_consumed


@dataclass(frozen=True, slots=True)
class Result:
    """A worker of one service that has just started."""

    service: str
    started_s: float
    """From `cloudtill run` until it consumes."""
    cpu_s: float
    """Of that, what it worked; the rest it waited for others on the machine."""
    megabytes: float


def show(results: list[Result]) -> list[dict[str, Any]]:
    """Print what workers need to be there.

    Returns:
        The same as rows for JSON.
    """
    table = Table(title="A worker with nothing to do")
    for column in ("", "seconds to start", "of CPU", "MB"):
        table.add_column(column, justify="right" if column else "left")
    for one in results:
        row = (f"{one.started_s:.2f}", f"{one.cpu_s:.2f}", f"{one.megabytes:.0f}")
        table.add_row(one.service, *row)
    Console().print(table)
    return [asdict(one) for one in results]


def measure(amqp_url: str, database_url: str) -> list[Result]:
    """Start a worker of each service, one after the other; of two starts the second counts, for
    which everything is compiled."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_measure(amqp_url, database_url))


async def _measure(amqp_url: str, database_url: str) -> list[Result]:
    db = await connect(database_url, wait_s=10)
    for service in INVOLVED.values():
        await migrate(db, service.name, migrations_of(service.package))
    await db.close()
    async with broker.connected(amqp_url, "benchmark") as connection:
        await topology.apply(connection, INVOLVED.values())
    results: list[Result] = []
    for service in INVOLVED.values():
        await _started(amqp_url, database_url, service)
        results.append(await _started(amqp_url, database_url, service))
    return results


async def _started(amqp_url: str, database_url: str, service: Service) -> Result:
    began = time.perf_counter()
    worker = start(amqp_url, database_url, service.name)
    try:
        async with broker.connected(amqp_url, "benchmark waits") as connection:
            await until_consumed(connection, service.name, 1)
        took = time.perf_counter() - began
        return Result(service.name, took, worker.cpu_seconds, worker.megabytes)
    finally:
        stop([worker])
