"""Everything that happened to an account, from order to invoice, and the messages behind it."""

import json
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from services.portal.domain.events import OF_NO_ACCOUNT
from services.portal.store import events, timeline
from services.portal.support.desk import about_account
from services.portal.web.pages import render
from services.portal.web.paging import PAGE, paged, place_of
from services.portal.web.visits import Visit
from shared.masking import masked

_POSITION_DIGITS = 18


async def show(visit: Visit) -> Response:
    """A page of the timeline; of one order or resource where that is asked for."""
    order_id, resource_id = (visit.asked(name)[:64] or None for name in ("order", "resource"))
    place = place_of(visit)
    before = (place[0], int(place[1])) if place and _is_position(place[1]) else None
    async with visit.reading() as db:
        after = await events.get_position(db, visit.mine.account_id)
        rows = await timeline.find_timeline(
            db,
            visit.mine.account_id,
            order_id=order_id,
            resource_id=resource_id,
            before=before,
            limit=PAGE + 1,
        )
    page = paged(visit, rows, "time", "position")
    values = {
        "page": page,
        "lines": [{**row, "payload": json.loads(row["payload"])} for row in page.rows],
        "order": order_id or "",
        "resource": resource_id or "",
    }
    # Only the newest page grows: what is older stays as it is.
    return render(visit, "support/timeline.html", values | ({} if before else {"after": after}))


async def message(visit: Visit) -> Response:
    """A message behind a line: its envelope, its body without personal data, what it is because of,
    and what came of it."""
    position = visit.request.path_params["position"]
    if not _is_position(position):
        raise HTTPException(404)
    account_id = visit.mine.account_id
    async with visit.reading() as db:
        found = await timeline.find_event(db, account_id, int(position))
        if found is None:
            raise HTTPException(404)
        kin = await timeline.find_kin(db, [account_id, OF_NO_ACCOUNT], found["correlation_id"])
    values = {
        "message": found,
        "body": json.dumps(masked(found["payload"]), indent=2, ensure_ascii=False),
        "cause": next((one for one in kin if one["event_id"] == found["causation_id"]), None),
        "effects": [one for one in kin if _is_effect(one, found)],
    }
    return render(visit, "support/message.html", values)


def _is_effect(one: dict[str, Any], cause: dict[str, Any]) -> bool:
    return bool(one["causation_id"] == cause["event_id"])


def _is_position(text: str) -> bool:
    return text.isdecimal() and len(text) <= _POSITION_DIGITS


ROUTES = [
    Route("/support/accounts/{account_id}/timeline", about_account(show)),
    Route("/support/accounts/{account_id}/messages/{position}", about_account(message)),
]
