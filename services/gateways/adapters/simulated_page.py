"""The simulated gateway's page: whoever pays decides what becomes of it, and the webhook is told
over the network, signed, as a real gateway tells."""

from datetime import UTC, datetime
from functools import cache
from typing import Final, cast, get_args

import httpx
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from services.gateways.adapters.simulated import Asked, Decision, SimulatedGateway
from shared.money import currency

_ANSWER_S: Final = 10
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self';"
    " frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def routes_of(gateway: SimulatedGateway) -> list[Route]:
    """The page of a gateway that asks; none of another."""
    if gateway.outcome != "asks":
        return []

    async def page(request: Request) -> Response:
        asked = Asked.read(request.path_params["asked"], gateway.signing_key)
        if asked is None:
            return _page(request, gateway, None, "unknown", 404)
        if datetime.now(UTC) >= asked.pay_until:
            return _page(request, gateway, asked, "late", 410)
        if request.method == "GET":
            return _page(request, gateway, asked, "open")
        decision = (await request.form()).get("decision")
        if decision not in get_args(Decision):
            return _page(request, gateway, asked, "open", 422)
        decided = cast(Decision, decision)
        if await _told(gateway, asked, decided):
            return _page(request, gateway, asked, decided)
        return _page(request, gateway, asked, "trouble", 502)

    return [Route("/gateways/simulated/pay/{asked}", page, methods=["GET", "POST"])]


async def _told(gateway: SimulatedGateway, asked: Asked, decision: Decision) -> bool:
    """Call back; whether it was taken, now or before."""
    body = asked.answered(decision, datetime.now(UTC)).signed(gateway.signing_key)
    try:
        async with httpx.AsyncClient(timeout=_ANSWER_S) as http:
            answer = await http.post(asked.callback_url, content=body)
    except httpx.HTTPError:
        return False
    return answer.is_success


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("services.gateways.adapters", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _page(
    request: Request, gateway: SimulatedGateway, asked: Asked | None, state: str, status: int = 200
) -> Response:
    wanted = request.headers.get("accept-language", "")
    text = (
        _environment()
        .get_template("simulated_page.html")
        .render(
            language="vi" if wanted.lower().startswith("vi") else "en",
            asked=asked,
            amount=currency(asked.currency).text(asked.amount) if asked else "",
            state=state,
            back=gateway.back,
        )
    )
    return HTMLResponse(text, status, _HEADERS)
