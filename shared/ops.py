"""What an operator's tools ask a worker over HTTP: /livez, /readyz and /metrics."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route


@asynccontextmanager
async def serving(port: int | None, is_ready: Callable[[], bool]) -> AsyncIterator[None]:
    """Answer on `port` while the body runs; without a port, nowhere."""
    if port is None:
        yield
        return
    server = _Server(
        uvicorn.Config(
            _answers(is_ready), host="0.0.0.0", port=port, log_config=None, lifespan="off"
        )
    )
    serving = asyncio.create_task(server.serve())
    try:
        yield
    finally:
        server.should_exit = True
        await asyncio.gather(serving, return_exceptions=True)


class _Server(uvicorn.Server):
    def install_signal_handlers(self) -> None:
        """Signals are the worker's."""


def _answers(is_ready: Callable[[], bool]) -> Starlette:
    async def livez(_: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def readyz(_: Request) -> Response:
        ready = is_ready()
        return PlainTextResponse("ready\n" if ready else "not ready\n", 200 if ready else 503)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return Starlette(
        routes=[Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", metrics)]
    )
