"""Logging in and out: by OpenID Connect, or, where an operator said so aloud, as anybody."""

import secrets
from typing import Final

import structlog
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from services.portal.store import accounts, sessions
from services.portal.web.pages import render
from services.portal.web.provider import ATTEMPT_S, Attempt, LoginRefused
from services.portal.web.visits import (
    ANONYMOUS,
    LANGUAGE,
    THEME,
    THEMES,
    Visit,
    address_of,
    cookie_name,
    for_everybody,
    keep,
    log_in,
)
from shared.database import transaction

log = structlog.get_logger()

ROLES: Final = ("customer", "support", "operator")
_KEPT_S: Final = 365 * 24 * 3_600
_FORM_S: Final = 3_600
_ATTEMPT: Final = "login-attempt"


async def login(visit: Visit) -> Response:
    """Where one logs in."""
    if visit.session:
        return RedirectResponse("/", 303)
    token = visit.request.cookies.get(ANONYMOUS) or secrets.token_urlsafe(32)
    answer = render(
        visit,
        "login/login.html",
        {"csrf": token, "roles": ROLES, "settings": visit.portal.settings},
    )
    keep(visit.portal, answer, ANONYMOUS, token, _FORM_S)
    return answer


async def log_in_for_development(visit: Visit) -> Response:
    """Log in as anybody, where the setting allows it; nowhere else is there such an address."""
    if not visit.portal.settings.development_login:
        raise HTTPException(404)
    await _limited(visit)
    subject = visit.text("subject")[:200] or "somebody@example.com"
    roles = [role for role in visit.texts("role") if role in ROLES] or ["customer"]
    named = [one.strip()[:64] for one in visit.text("accounts").split(",") if one.strip()]
    async with visit.reading() as db:
        opened = await sessions.find_opened(db, subject)
    answer = RedirectResponse("/", 303)
    await log_in(
        visit,
        answer,
        subject=subject,
        name=subject.partition("@")[0],
        roles=roles,
        account_ids=list(dict.fromkeys([*named, *opened])),
        email=subject if "@" in subject else None,
    )
    return answer


async def log_in_at_provider(visit: Visit) -> Response:
    """Send the browser to the provider. A link and not a form: forms may only lead to ourselves."""
    if visit.portal.settings.issuer is None:
        raise HTTPException(404)
    await _limited(visit)
    attempt = Attempt.new()
    try:
        answer = RedirectResponse(await visit.portal.provider.address(attempt), 303)
    except LoginRefused as refused:
        return _refused(visit, str(refused))
    keep(visit.portal, answer, _ATTEMPT, visit.portal.attempts.written(attempt), ATTEMPT_S)
    return answer


async def come_back(visit: Visit) -> Response:
    """Log in whom the provider says that it is."""
    if visit.portal.settings.issuer is None:
        raise HTTPException(404)
    await _limited(visit)
    attempt = visit.portal.attempts.read(visit.request.cookies.get(_ATTEMPT, ""))
    given = visit.asked("state")
    if attempt is None or not secrets.compare_digest(attempt.state.encode(), given.encode()):
        return _refused(visit, "no attempt of this browser", 403)
    try:
        person = await visit.portal.provider.person(visit.asked("code"), attempt)
    except LoginRefused as refused:
        return _refused(visit, str(refused))
    async with visit.reading() as db:
        opened = await sessions.find_opened(db, person.subject)
    answer = RedirectResponse("/", 303)
    await log_in(
        visit,
        answer,
        subject=person.subject,
        name=person.name,
        roles=[role for role in person.roles if role in ROLES] or ["customer"],
        account_ids=list(dict.fromkeys([*person.account_ids, *opened])),
        email=person.email,
    )
    answer.delete_cookie(_ATTEMPT, path="/", secure=visit.portal.settings.secure)
    return answer


def _refused(visit: Visit, why: str, status: int = 502) -> Response:
    log.warning("login refused", reason=why)
    return render(visit, "login/refused.html", status=status)


async def _limited(visit: Visit) -> None:
    address = address_of(visit.request) or "nowhere"
    async with transaction(visit.portal.connections) as db:
        await visit.limit(db, f"login {address}", visit.portal.settings.logins_a_minute)


async def logout(visit: Visit) -> Response:
    """Log out: the login is over, whatever the browser still has."""
    if visit.session:
        async with transaction(visit.portal.connections) as db:
            await sessions.end_session(db, visit.session.session_hash)
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(cookie_name(visit.portal), path="/", secure=visit.portal.settings.secure)
    return answer


async def home(visit: Visit) -> Response:
    """Where somebody belongs: their account, a choice of several, or the Support console."""
    if visit.session is None:
        return RedirectResponse("/login", 303)
    mine = visit.session.account_ids
    if {"support", "operator"} & set(visit.session.roles) and not mine:
        return RedirectResponse("/support", 303)
    if not mine:
        return RedirectResponse("/register", 303)
    if len(mine) == 1:
        return RedirectResponse(f"/accounts/{mine[0]}", 303)
    async with visit.reading() as db:
        known = {one.account_id: one for one in await accounts.find_accounts(db, mine)}
    return render(
        visit, "login/accounts.html", {"accounts": [(one, known.get(one)) for one in mine]}
    )


async def choose(visit: Visit) -> Response:
    """Keep a language or a theme in the browser, and go back to where one was."""
    back = visit.text("back")
    answer = RedirectResponse(back if back.startswith("/") and back[1:2] != "/" else "/", 303)
    if (language := visit.text(LANGUAGE)) in ("en", "vi"):
        keep(visit.portal, answer, LANGUAGE, language, _KEPT_S)
    if (theme := visit.text(THEME)) in (*THEMES, "auto"):
        keep(visit.portal, answer, THEME, theme, _KEPT_S)
    return answer


ROUTES = [
    Route("/", for_everybody(home)),
    Route("/login", for_everybody(login)),
    Route("/login/development", for_everybody(log_in_for_development), methods=["POST"]),
    Route("/login/provider", for_everybody(log_in_at_provider)),
    Route("/login/back", for_everybody(come_back)),
    Route("/logout", for_everybody(logout), methods=["POST"]),
    Route("/preferences", for_everybody(choose), methods=["POST"]),
]
