"""Templates: rendered with the visit, and with how things are said in its language."""

import json
from collections.abc import Mapping
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from services.portal.web.languages import LANGUAGES
from services.portal.web.visits import ANONYMOUS, Visit

_HTMX: Final = {
    "includeIndicatorStyles": False,
    "allowEval": False,
    "selfRequestsOnly": True,
    "historyCacheSize": 0,
    "scrollBehavior": "auto",
    "responseHandling": [
        {"code": "204", "swap": False},
        {"code": "...", "swap": True},
    ],
}
"""Without styles or scripts in the page, which the security policy forbids; errors are shown."""


@cache
def environment() -> Environment:
    """Templates, where a name that is not there is a bug and not an empty place."""
    made = Environment(
        loader=PackageLoader("services.portal", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.do"],
    )
    made.globals |= {
        "static": static_address,
        "htmx_config": json.dumps(_HTMX),
        "languages": LANGUAGES,
    }
    return made


def static_address(path: str) -> str:
    """Where a file of `static` is: with a mark of its content, so that browsers may keep it."""
    return f"/static/{path}?v={_mark(path)}"


@cache
def _mark(path: str) -> str:
    content = (files("services.portal") / "static" / path).read_bytes()
    return blake2b(content, digest_size=6).hexdigest()


def render(
    visit: Visit,
    template: str,
    values: Mapping[str, Any] | None = None,
    *,
    status: int = 200,
    block: str | None = None,
) -> Response:
    """A page, or, for HTMX, one block of it."""
    found = environment().get_template(template)
    context = _context(visit) | dict(values or {})
    if block is None:
        text = found.render(context)
    else:
        text = "".join(found.blocks[block](found.new_context(context)))
    return HTMLResponse(text, status, {"Cache-Control": "no-store", "Vary": "HX-Request"})


def _context(visit: Visit) -> dict[str, Any]:
    language = visit.language
    return {
        "visit": visit,
        "language": language.code,
        "t": language.t,
        "words_for": language.code_words,
        "money": language.money,
        "number": language.number,
        "percent": language.percent,
        "when": language.when,
        "day": language.day,
        "span": language.span,
        "month_name": language.month,
        "csrf": visit.session.csrf if visit.session else visit.request.cookies.get(ANONYMOUS, ""),
        "account": visit.account,
        "now": visit.at,
        "here": visit.request.url.path
        + (f"?{visit.request.url.query}" if visit.request.url.query else ""),
    }
