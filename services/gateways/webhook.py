"""The webhook: where gateways tell by themselves what was paid; and the simulated one's page.

A callback is answered with success only once what it tells is committed, so that the gateway tells
it again otherwise.
"""

import asyncio
from collections.abc import Mapping
from typing import Final

import structlog
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.gateways import metrics
from services.gateways.adapters import (
    CallbackVerdict,
    ForgedCallback,
    Gateway,
    MalformedCallback,
)
from services.gateways.adapters.simulated import SimulatedGateway
from services.gateways.adapters.simulated_page import routes_of
from services.gateways.answers import take
from services.gateways.domain import Answer
from shared.database import PassingTrouble, Pool, transaction

log = structlog.get_logger()

_MAX_BYTES: Final = 64 * 1024
_READ_S: Final = 10


class _TooLarge(Exception):
    """A body beyond all that a gateway sends."""


def webhook(connections: Pool, gateways: Mapping[str, Gateway]) -> Starlette:
    """`POST /gateways/{name}/callback` for these gateways, by name; and the page of the simulated
    one, where it asks."""

    async def callback(request: Request) -> Response:
        name = request.path_params["name"]
        gateway = gateways.get(name)
        if gateway is None:
            return _error(404, "no such gateway")
        try:
            async with asyncio.timeout(_READ_S):
                body = await _read(request)
            answer = gateway.parse_callback(body)
        except _TooLarge:
            return _refused(name, 413, "too large")
        except TimeoutError:
            return _refused(name, 408, "too slow")
        except ClientDisconnect:
            return _refused(name, 400, "interrupted")
        except MalformedCallback as error:
            log.warning("gateway callback malformed", gateway=name, error=str(error)[:500])
            return _refused(name, 400, "malformed")
        except ForgedCallback:
            log.warning("gateway callback forged", gateway=name)
            return _answered(name, gateway, "forged")
        return _answered(name, gateway, await _taken(connections, name, answer))

    simulated = gateways.get("simulated")
    pages = routes_of(simulated) if isinstance(simulated, SimulatedGateway) else []
    return Starlette(
        routes=[Route("/gateways/{name}/callback", callback, methods=["POST"]), *pages]
    )


async def _taken(connections: Pool, name: str, answer: Answer) -> CallbackVerdict:
    try:
        async with transaction(connections) as db:
            return await take(db, name, answer)
    except PassingTrouble as trouble:
        log.warning("gateway callback not taken", gateway=name, error=str(trouble))
    except Exception:
        # Whatever it is, the gateway must not believe that we know.
        log.exception("gateway callback not taken", gateway=name)
    return "try_again"


async def _read(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BYTES:
            raise _TooLarge
    return bytes(body)


def _answered(name: str, gateway: Gateway, verdict: CallbackVerdict) -> Response:
    metrics.CALLBACKS.labels(name, verdict).inc()
    reply = gateway.answer(verdict)
    return JSONResponse(dict(reply.content), reply.status)


def _refused(name: str, status: int, reason: str) -> Response:
    metrics.CALLBACKS.labels(name, reason.replace(" ", "_")).inc()
    return _error(status, reason)


def _error(status: int, reason: str) -> Response:
    return JSONResponse({"error": reason}, status)
