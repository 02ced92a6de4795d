"""All pages: one Starlette application. A new area adds its `ROUTES` to the list below."""

from pathlib import Path
from typing import Final

import structlog
from starlette.applications import Starlette
from starlette.datastructures import URL
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from services.portal.api.app import api
from services.portal.customer import ROUTES as CUSTOMER
from services.portal.programs import ROUTES as PROGRAMS
from services.portal.support import ROUTES as SUPPORT
from services.portal.web import following, login, recipients
from services.portal.web.pages import render
from services.portal.web.portal import Portal
from services.portal.web.security import SecurityHeaders
from services.portal.web.visits import Visit, find_session, language_for
from shared.database import PassingTrouble

log = structlog.get_logger()

_STATIC: Final = Path(__file__).parents[1] / "static"
_KEPT: Final = "public, max-age=31536000, immutable"
AREAS: Final[tuple[list[BaseRoute], ...]] = (
    [*login.ROUTES],
    [*following.ROUTES],
    [*CUSTOMER],
    [*recipients.ROUTES],
    [*PROGRAMS],
    [*SUPPORT],
)


class _Static(StaticFiles):
    """Files whose address changes with their content, so that browsers keep them."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if b"v=" in scope["query_string"]:
            response.headers["Cache-Control"] = _KEPT
        return response


def portal_app(portal: Portal) -> Starlette:
    """The portal's pages."""
    app = Starlette(
        routes=[
            *(route for area in AREAS for route in area),
            api(portal),
            Mount("/static", _Static(directory=_STATIC)),
        ],
        middleware=[
            Middleware(SecurityHeaders, https=portal.settings.secure),
            Middleware(GZipMiddleware, minimum_size=1_000),
        ],
        exception_handlers={
            HTTPException: _refused,
            PassingTrouble: _unavailable,
            Exception: _broken,
        },
    )
    app.state.portal = portal
    return app


async def _refused(request: Request, error: Exception) -> Response:
    """What is not there, not allowed or too much, said on a page. HTMX gets less: what a page
    fetches by itself leaves it as it is, and a form's answer is for the middle of its page."""
    assert isinstance(error, HTTPException)
    visit = await _visit(request)
    headers = dict(error.headers or {})
    if visit.is_fragment and request.method == "GET":
        return Response(status_code=error.status_code, headers=headers | {"HX-Reswap": "none"})
    here = _here(request)
    values = {"status": error.status_code, "here": here, "wait_s": headers.get("Retry-After")}
    block = "main" if visit.is_fragment else None
    response = render(visit, "error.html", values, status=error.status_code, block=block)
    response.headers.update(headers)
    return response


def _here(request: Request) -> str:
    """Where somebody is who sees that something is refused: on the page whose form they sent."""
    url = request.url
    if request.method == "POST":
        url = URL(request.headers.get("referer", ""))
        if url.netloc != request.url.netloc or url.path.startswith("//"):
            return "/"
    return f"{url.path}?{url.query}" if url.query else url.path


async def _unavailable(request: Request, error: Exception) -> Response:
    """Postgres does not answer just now."""
    log.warning("page without database", path=request.url.path, error=str(error))
    return PlainTextResponse("Please try again in a moment.\n", 503, {"Retry-After": "5"})


async def _broken(request: Request, error: Exception) -> Response:
    """A bug: said without its inside."""
    log.error("page failed", path=request.url.path, exc_info=error)
    return PlainTextResponse("Something went wrong. It was noted.\n", 500)


async def _visit(request: Request) -> Visit:
    portal: Portal = request.app.state.portal
    at = portal.clock()
    session = await find_session(request, portal, at)
    language = language_for(request, session, None)
    return Visit(request, portal, session, None, language, at)
