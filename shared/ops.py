"""What an operator's tools ask a worker over HTTP: /livez, /readyz and /metrics."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from shared import http


def serving(port: int | None, is_ready: Callable[[], bool]) -> AbstractAsyncContextManager[None]:
    """Answer on `port` while the body runs; without a port, nowhere."""
    return http.serving(_answers(is_ready), port)


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
