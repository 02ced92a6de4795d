"""The API as an application of its own, which the portal's has under `/api/v1`."""

import json

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from services.portal.api.openapi import document
from services.portal.api.operations import OPERATIONS
from services.portal.api.problems import Refusal
from services.portal.api.serving import JSON, broken, refused, route_of, unavailable
from services.portal.web.portal import Portal
from shared.database import PassingTrouble

PREFIX = "/api/v1"


def api(portal: Portal) -> Mount:
    """The API, under its prefix."""
    written = json.dumps(document(PREFIX), ensure_ascii=False).encode()

    async def openapi(_request: Request) -> Response:
        """The document: what can be asked, and what is answered. It needs no key."""
        return Response(written, 200, {"Cache-Control": "public, max-age=300"}, JSON)

    app = Starlette(
        routes=[
            Route("/openapi.json", openapi),
            *(route_of(portal, operation) for operation in OPERATIONS),
        ],
        exception_handlers={
            Refusal: refused,
            HTTPException: refused,
            PassingTrouble: unavailable,
            Exception: broken,
        },
    )
    return Mount(PREFIX, app)
