"""Agreeing to get copies of somebody's notices, by the link in a mail. It needs no login.

Opening the link changes nothing, because mail servers open links too; the button does.
"""

import re
import secrets
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from services.portal.web.pages import render
from services.portal.web.visits import ANONYMOUS, Visit, address_of, for_everybody, keep
from shared import outbox
from shared.database import Connection
from shared.envelope import Envelope
from shared.ids import derived_id
from shared.messages.upstream import NotificationRecipientConfirmed
from shared.outbox import OutboxRow, Parcel

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{16,64}")
_A_MINUTE: Final = 20
_LEASE_S: Final = 10
_FORM_S: Final = 86_400


async def agree(visit: Visit) -> Response:
    """The question, and the answer."""
    token = visit.request.path_params["token"]
    if _TOKEN.fullmatch(token) is None:
        raise HTTPException(404)
    if visit.request.method == "GET":
        return _page(visit)

    async def say(db: Connection) -> list[OutboxRow]:
        message = NotificationRecipientConfirmed(token=token)
        envelope = Envelope(
            id=derived_id("agreed", token, visit.at.isoformat()),
            source=message.source,
            type=message.type,
            time=visit.at,
        )
        return await outbox.append(db, [Parcel.of(message.within(envelope))], lease_s=_LEASE_S)

    await visit.ask(say, limit=(f"agree {address_of(visit.request)}", _A_MINUTE))
    return RedirectResponse(f"/recipients/{token}?agreed=1", 303)


def _page(visit: Visit) -> Response:
    """The question, or thanks; its form carries a token of the browser's own cookie."""
    form = visit.request.cookies.get(ANONYMOUS) or secrets.token_urlsafe(32)
    values: dict[str, object] = {"agreed": visit.asked("agreed") == "1"}
    if visit.session is None:
        values["csrf"] = form
    answer = render(visit, "login/recipient.html", values)
    if visit.session is None:
        keep(visit.portal, answer, ANONYMOUS, form, _FORM_S)
    return answer


ROUTES = [Route("/recipients/{token}", for_everybody(agree), methods=["GET", "POST"])]
