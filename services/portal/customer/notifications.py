"""What an account is told by mail: which notices, in which language, and who gets copies."""

import json
from typing import Any, Final

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from services.portal.acts import Act
from services.portal.domain.notifications import ALWAYS, MOST_RECIPIENTS, MUTABLE, muted_but
from services.portal.store import answers, events
from services.portal.store import notifications as store
from services.portal.store.notifications import Preferences
from services.portal.web.forms import form_key
from services.portal.web.languages import LANGUAGES
from services.portal.web.pages import render
from services.portal.web.visits import Visit, for_customers, path_of
from shared.messages.upstream import NotificationPreferencesSet

_LATEST: Final = 20


async def notifications(visit: Visit) -> Response:
    """The form as it was saved last, and the latest notices; or what becomes of the form.

    The form says all of it, so that what is saved is what was seen.
    """
    if visit.request.method == "GET":
        return await _page(visit)
    if not (key := visit.text("key")):
        raise HTTPException(422)
    try:
        message = NotificationPreferencesSet.model_validate(
            {
                "account_id": visit.mine.account_id,
                "muted": muted_but(set(visit.texts("wanted"))),
                "recipients": _recipients(visit),
                "language": visit.text("language") or None,
            }
        )
    except ValidationError as error:
        place = error.errors()[0]["loc"]
        if place[0] != "recipients":
            raise HTTPException(422) from None
        return await _page(visit, "too_many" if len(place) == 1 else "email")
    done = await visit.act(Act("notifications", message, key, visit.mine.account_id))
    return RedirectResponse(path_of(visit, "/acts/{act_id}", act_id=done.act_id), 303)


def _recipients(visit: Visit) -> tuple[str, ...]:
    """The addresses that are kept, and the one that is added, each once."""
    return tuple(
        dict.fromkeys(one for one in (*visit.texts("recipient"), visit.text("add")) if one)
    )


async def _page(visit: Visit, wrong: str | None = None) -> Response:
    account_id = visit.mine.account_id
    async with visit.reading() as db:
        after = await events.get_position(db, account_id)
        preferences = await store.get_preferences(db, account_id)
        recipients = await store.find_recipients(db, account_id, visit.at)
        notices = await answers.find_notices(db, account_id, _LATEST)
    kept = {one.email for one in recipients}
    if wrong:
        kept = set(visit.texts("recipient"))
        muted = muted_but(set(visit.texts("wanted")))
        preferences = Preferences(muted, visit.text("language") or None)
    values: dict[str, Any] = {
        "after": after,
        "key": visit.text("key") if wrong else form_key(),
        "wrong": wrong,
        "preferences": preferences,
        "recipients": recipients,
        "kept": kept,
        "most": MOST_RECIPIENTS,
        "always": ALWAYS,
        "mutable": MUTABLE,
        "spoken": LANGUAGES,
        "notices": [{**one, "facts": json.loads(one["facts"])} for one in notices],
    }
    return render(visit, "customer/notifications.html", values, status=422 if wrong else 200)


ROUTES = [
    Route(
        "/accounts/{account_id}/notifications",
        for_customers(notifications),
        methods=["GET", "POST"],
    )
]
