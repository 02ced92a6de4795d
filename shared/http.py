"""Serving HTTP beside a worker, in its process and under its signals."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import uvicorn
from starlette.applications import Starlette

_CONNECTIONS: Final = 200
_KEEP_ALIVE_S: Final = 5
_LAST_ANSWERS_S: Final = 10


@asynccontextmanager
async def serving(
    app: Starlette, port: int | None, *, connections: int = _CONNECTIONS
) -> AsyncIterator[None]:
    """Answer on `port`, on all addresses, while the body runs; without a port, nowhere.

    Args:
        app: what answers.
        port: where.
        connections: at once, at most; who comes then is told to come again.

    Raises:
        OSError: if the port is taken.
    """
    if port is None:
        yield
        return
    with socket.create_server(("", port), backlog=_CONNECTIONS) as listening:
        config = uvicorn.Config(
            app,
            log_config=None,
            lifespan="off",
            limit_concurrency=connections,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_LAST_ANSWERS_S,
        )
        server = _Server(config)
        task = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield
        finally:
            server.should_exit = True
            await asyncio.gather(task, return_exceptions=True)


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the worker's."""
        yield
