"""Opening an account (domain 10: it is prepaid)."""

import uuid

from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from services.portal.acts import Act
from services.portal.store import sessions
from services.portal.web.forms import form_key
from services.portal.web.pages import render
from services.portal.web.visits import Visit, for_everybody
from shared.database import Connection
from shared.messages.upstream import AccountRegistered
from shared.money import CURRENCIES


async def register(visit: Visit) -> Response:
    """The form, and what becomes of it."""
    if visit.session is None:
        return RedirectResponse("/login", 303)
    if visit.request.method == "GET":
        return _form(visit, None)
    opened = uuid.uuid5(uuid.NAMESPACE_OID, f"{visit.login.subject} {visit.text('key')}")
    account_id = f"acc-{opened.hex[:16]}"
    try:
        message = AccountRegistered(
            account_id=account_id,
            email=visit.text("email"),
            name=visit.text("name"),
            currency=visit.text("currency", "VND"),
            time_zone=visit.text("time_zone") or None,
            language="vi" if visit.language.code == "vi" else "en",
        )
    except ValidationError as error:
        return _form(visit, str(error.errors()[0]["loc"][0]))

    async def belong(db: Connection) -> None:
        login = visit.login
        await sessions.add_account(db, login.session_hash, login.subject, account_id, visit.at)

    await visit.act(Act("register", message, visit.text("key"), account_id), keep=belong)
    return RedirectResponse(f"/accounts/{account_id}", 303)


def _form(visit: Visit, wrong: str | None) -> Response:
    values = {"key": form_key(), "wrong": wrong, "currencies": list(CURRENCIES)}
    return render(visit, "customer/register.html", values, status=422 if wrong else 200)


ROUTES = [Route("/register", for_everybody(register), methods=["GET", "POST"])]
