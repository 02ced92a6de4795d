"""What all pages of the console have in common: who may see them, and doing something for why."""

from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from services.portal.acts import Act, Role
from services.portal.store import accounts, audit, events
from services.portal.store.accounts import Account
from services.portal.web.visits import Endpoint, Page, Visit, for_staff
from shared.messages import Message

STAFF: Final = ("support", "operator")
REASON_AT_MOST: Final = 1_000

for_all_staff = for_staff(*STAFF)


def about_account(page: Page, *roles: str) -> Endpoint:
    """A page about any account of which something was heard; 404 about others.

    Args:
        page: what is shown.
        roles: who may see it; without any, everybody at the desk.
    """

    async def guarded(visit: Visit) -> Response:
        account_id = visit.request.path_params["account_id"]
        async with visit.reading() as db:
            found = await accounts.find_account(db, account_id)
            if found is None and await events.get_position(db, account_id):
                found = Account.just_opened(account_id)
        if found is None:
            raise HTTPException(404)
        visit.account = found
        return await page(visit)

    return for_staff(*(roles or STAFF))(guarded)


def role_of(visit: Visit) -> Role:
    """In which role somebody acts here."""
    return "support" if "support" in visit.login.roles else "operator"


def is_support(visit: Visit) -> bool:
    """Whether somebody may do what is Support's alone."""
    return "support" in visit.login.roles


def why(visit: Visit) -> str:
    """The reason that somebody gave; empty where it is none."""
    given = visit.text("reason")
    return given if len(given) <= REASON_AT_MOST else ""


async def acted_before(visit: Visit) -> str | None:
    """The act that this very form was before, if it was sent already."""
    async with visit.reading() as db:
        return await audit.find_act_of_key(db, visit.login.subject, visit.text("key"))


async def act(
    visit: Visit, kind: str, message: Message, *, account_id: str | None, key: str = ""
) -> str:
    """Do something for the reason in the form.

    Args:
        visit: with the form.
        kind: of the act, as its words have it.
        message: what is said.
        account_id: for whom.
        key: tells apart several acts of one form.

    Returns:
        The act's id.

    Raises:
        HTTPException: 422 for a form without its key.
    """
    if not visit.text("key"):
        raise HTTPException(422)
    done = await visit.act(
        Act(kind, message, visit.text("key") + key, account_id, reason=why(visit)),
        role_of(visit),
    )
    return done.act_id
