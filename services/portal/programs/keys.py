"""Keys of programs: made, shown once, and revoked."""

from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from services.portal import acts
from services.portal.api.keys import make_key
from services.portal.domain.webhooks import PUBLIC_TYPES
from services.portal.store import api_keys, webhooks
from services.portal.web.forms import form_key
from services.portal.web.pages import render
from services.portal.web.visits import Visit, for_customers, path_of
from shared.database import transaction

KEYS_AT_MOST: Final = 20
_NAME_LENGTH: Final = 100


async def show(visit: Visit, **more: Any) -> Response:
    """The keys and the webhooks of an account."""
    account_id = visit.mine.account_id
    async with visit.reading() as db:
        values = {
            "keys": await api_keys.find_keys(db, account_id),
            "endpoints": await webhooks.find_endpoints(db, account_id),
            "event_types": PUBLIC_TYPES,
            "key": form_key(),
            "token": None,
            "secret": None,
            "wrong": None,
        }
    status = 422 if more.get("wrong") else 200
    return render(visit, "programs/programs.html", values | more, status=status)


async def programs(visit: Visit) -> Response:
    """The page as it is."""
    return await show(visit)


async def make(visit: Visit) -> Response:
    """Make a key, and show it this once. A form that is sent again makes none."""
    account_id, name = visit.mine.account_id, visit.text("name")
    if not name or len(name) > _NAME_LENGTH or not name.isprintable():
        return await show(visit, wrong="name")
    scopes = ("read", "write") if visit.text("scope") == "write" else ("read",)
    made = make_key(account_id, name, scopes, visit.login.subject, visit.at)
    async with transaction(visit.portal.connections) as db:
        await visit.limit(db, f"act {visit.login.subject}", visit.portal.settings.acts_a_minute)
        if await api_keys.count_keys(db, account_id) >= KEYS_AT_MOST:
            wrong, is_new = "too_many", False
        else:
            details = {"key_id": made.key.key_id, "name": name, "scopes": list(scopes)}
            wrong = None
            is_new = await note(visit, db, "key_make", details)
        if is_new:
            await api_keys.append_key(db, made.key)
    if wrong:
        return await show(visit, wrong=wrong)
    if not is_new:
        return RedirectResponse(path_of(visit, "/programs"), 303)
    return await show(visit, token=made.token)


async def revoke(visit: Visit) -> Response:
    """Make a key good for nothing."""
    key_id = visit.request.path_params["key_id"]
    async with transaction(visit.portal.connections) as db:
        if await api_keys.revoke_key(db, visit.mine.account_id, key_id, visit.at):
            await note(visit, db, "key_revoke", {"key_id": key_id})
        elif not any(
            one["key_id"] == key_id for one in await api_keys.find_keys(db, visit.mine.account_id)
        ):
            raise HTTPException(404)
    return RedirectResponse(path_of(visit, "/programs"), 303)


async def note(visit: Visit, db: Any, kind: str, details: dict[str, Any]) -> bool:
    """Keep what was done here; whether the form was not sent before."""
    key = f"{kind} {visit.text('key')}"
    return await acts.note(db, visit.actor(), kind, key, visit.mine.account_id, details, visit.at)


ROUTES = [
    Route("/accounts/{account_id}/programs", for_customers(programs)),
    Route("/accounts/{account_id}/programs/keys", for_customers(make), methods=["POST"]),
    Route(
        "/accounts/{account_id}/programs/keys/{key_id}/revoke",
        for_customers(revoke),
        methods=["POST"],
    ),
]
