"""Whom an account's documents are made out to: name, address, tax code."""

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from services.portal.acts import Act
from services.portal.store import accounts, events
from services.portal.web.forms import form_key
from services.portal.web.pages import render
from services.portal.web.visits import Visit, for_customers, path_of
from shared.messages.upstream import AccountChanged, BillingDetails


def details_in(visit: Visit) -> BillingDetails:
    """What a form says.

    Raises:
        ValidationError: names the field that can't be.
    """
    lines = (line.strip() for line in visit.text("address").splitlines())
    return BillingDetails(
        legal_name=visit.text("legal_name") or None,
        address=tuple(line for line in lines if line),
        country=visit.text("country").upper() or "VN",
        tax_code=visit.text("tax_code").upper() or None,
    )


def field_of(error: ValidationError) -> str:
    """The field of the form that can't be."""
    return str(error.errors()[0]["loc"][0])


async def details(visit: Visit) -> Response:
    """The form as it was saved last, and what becomes of it."""
    if visit.request.method == "GET":
        return await _page(visit, None)
    if not (key := visit.text("key")):
        raise HTTPException(422)
    try:
        given = details_in(visit)
    except ValidationError as error:
        return await _page(visit, field_of(error))
    message = AccountChanged(
        account_id=visit.mine.account_id,
        billing_details=given,
        changed_by=visit.login.subject[:200],
    )
    done = await visit.act(Act("details", message, key, visit.mine.account_id))
    return RedirectResponse(path_of(visit, "/acts/{act_id}", act_id=done.act_id), 303)


async def _page(visit: Visit, wrong: str | None) -> Response:
    account_id = visit.mine.account_id
    async with visit.reading() as db:
        values = {
            "after": await events.get_position(db, account_id),
            "details": await accounts.find_billing_details(db, account_id, visit.at),
            "key": visit.text("key") or form_key(),
            "wrong": wrong,
        }
    return render(visit, "customer/details.html", values, status=422 if wrong else 200)


ROUTES = [Route("/accounts/{account_id}/details", for_customers(details), methods=["GET", "POST"])]
