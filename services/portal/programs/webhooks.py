"""Webhooks: where an account is told of what happens, and what came of it."""

from datetime import datetime
from typing import Final
from uuid import NAMESPACE_OID, uuid5

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from services.portal.api.cursors import cursor_at, place_of
from services.portal.api.problems import Refusal
from services.portal.programs.keys import note, show
from services.portal.store import webhooks as store
from services.portal.web.forms import form_key
from services.portal.web.pages import render
from services.portal.web.visits import Visit, for_customers, path_of
from services.portal.webhooks import endpoints
from services.portal.webhooks.endpoints import EndpointRefused, Wish
from shared.database import Row, transaction

_PAGE: Final = 50
_COLUMNS: Final = ("created_at", "event_id")


async def add(visit: Visit) -> Response:
    """Have the account told there from now on; what signs it is shown this once."""
    wish = Wish(visit.text("url"), visit.text("description")[:2_000], tuple(visit.texts("type")))
    made_from = f"{visit.login.subject} {visit.text('key')}"
    endpoint_id = f"we-{uuid5(NAMESPACE_OID, made_from).hex}"
    secret = None
    try:
        async with transaction(visit.portal.connections) as db:
            await visit.limit(db, f"act {visit.login.subject}", visit.portal.settings.acts_a_minute)
            if await note(visit, db, "webhook_add", {"endpoint_id": endpoint_id, "url": wish.url}):
                secret = await endpoints.add_endpoint(
                    db,
                    visit.mine.account_id,
                    endpoint_id,
                    wish,
                    created_by=visit.login.subject,
                    at=visit.at,
                    anywhere=visit.portal.settings.webhooks_anywhere,
                )
    except EndpointRefused as error:
        return await show(visit, wrong=error.code)
    if secret is None:
        return RedirectResponse(path_of(visit, "/programs"), 303)
    return await show(visit, secret=secret)


async def endpoint(visit: Visit) -> Response:
    """An endpoint and its log, the latest first."""
    try:
        place = place_of(visit.asked("cursor") or None, (datetime, str))
    except Refusal:
        raise HTTPException(404) from None
    one = await _endpoint(visit)
    async with visit.reading() as db:
        rows = await store.list_deliveries(
            db, visit.mine.account_id, one["endpoint_id"], None, None, *place, _PAGE + 1
        )
    more = cursor_at(rows[_PAGE - 1], _COLUMNS) if len(rows) > _PAGE else None
    values = {"endpoint": one, "deliveries": rows[:_PAGE], "more": more, "key": form_key()}
    return render(visit, "programs/endpoint.html", values)


async def delivery(visit: Visit) -> Response:
    """What was sent to an endpoint of one event, and what came of each try."""
    one = await _endpoint(visit)
    ids = (visit.mine.account_id, one["endpoint_id"], visit.request.path_params["event_id"])
    async with visit.reading() as db:
        sent = await store.find_delivery(db, *ids)
        if sent is None:
            raise HTTPException(404)
        tries = await store.find_attempts(db, *ids)
    values = {"endpoint": one, "delivery": sent, "tries": tries, "key": form_key()}
    return render(visit, "programs/delivery.html", values)


async def switch(visit: Visit) -> Response:
    """Send nothing there any more, or again; or forget it."""
    one = await _endpoint(visit)
    account_id, endpoint_id = visit.mine.account_id, one["endpoint_id"]
    wanted = visit.text("do")
    async with transaction(visit.portal.connections) as db:
        if await note(visit, db, f"webhook_{wanted}"[:60], {"endpoint_id": endpoint_id}):
            match wanted:
                case "enable":
                    await store.enable_endpoint(db, account_id, endpoint_id)
                case "disable":
                    await store.disable_endpoint(db, account_id, endpoint_id, "owner")
                case "remove":
                    await store.remove_endpoint(db, account_id, endpoint_id)
                case _:
                    raise HTTPException(404)
    back = "/programs" if wanted == "remove" else f"/programs/webhooks/{endpoint_id}"
    return RedirectResponse(path_of(visit) + back, 303)


async def again(visit: Visit) -> Response:
    """Send an event to an endpoint once more."""
    one = await _endpoint(visit)
    ids = (visit.mine.account_id, one["endpoint_id"], visit.request.path_params["event_id"])
    async with transaction(visit.portal.connections) as db:
        if await store.find_delivery(db, *ids) is None:
            raise HTTPException(404)
        if await note(visit, db, "webhook_again", {"endpoint_id": ids[1], "event_id": ids[2]}):
            await store.deliver_again(db, *ids, visit.portal.settings.webhook_give_up_s)
    return RedirectResponse(path_of(visit) + f"/programs/webhooks/{ids[1]}", 303)


async def _endpoint(visit: Visit) -> Row:
    async with visit.reading() as db:
        found = await store.find_endpoint(
            db, visit.mine.account_id, visit.request.path_params["endpoint_id"]
        )
    if found is None:
        raise HTTPException(404)
    return found


_ROOT: Final = "/accounts/{account_id}/programs/webhooks"
ROUTES = [
    Route(_ROOT, for_customers(add), methods=["POST"]),
    Route(f"{_ROOT}/{{endpoint_id}}", for_customers(endpoint)),
    Route(f"{_ROOT}/{{endpoint_id}}", for_customers(switch), methods=["POST"]),
    Route(f"{_ROOT}/{{endpoint_id}}/{{event_id}}", for_customers(delivery)),
    Route(f"{_ROOT}/{{endpoint_id}}/{{event_id}}", for_customers(again), methods=["POST"]),
]
