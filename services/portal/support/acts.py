"""Who did what, for whom, when and why, and what became of it; and following an act until then."""

from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from services.portal.domain.events import OF_NO_ACCOUNT
from services.portal.domain.outcomes import outcome_of
from services.portal.store import acts as store
from services.portal.store import audit, events, letters, timeline
from services.portal.support.desk import STAFF, for_all_staff
from services.portal.web.pages import render
from services.portal.web.paging import PAGE, paged, place_of
from services.portal.web.visits import Visit

_ROLES: Final = {"staff": STAFF, "customers": ("customer", "program")}


async def trail(visit: Visit) -> Response:
    """The audit trail, newest first."""
    actor, account_id = (visit.asked(name)[:200] or None for name in ("actor", "account"))
    whose = visit.asked("whose", "staff")
    async with visit.reading() as db:
        rows = await audit.find_audit(
            db,
            actor=actor,
            account_id=account_id,
            roles=_ROLES.get(whose),
            before=place_of(visit),
            limit=PAGE + 1,
        )
    page = paged(visit, rows, "at", "act_id")
    outcomes = {
        row["act_id"]: outcome_of(
            row["kind"], row["types"], is_dead=row["is_dead"], is_stuck=row["is_stuck"]
        )
        for row in page.rows
    }
    values = {
        "page": page,
        "outcomes": outcomes,
        "actor": actor or "",
        "of_account": account_id or "",
        "whose": whose,
    }
    return render(visit, "support/audit.html", values)


async def act(visit: Visit) -> Response:
    """An act: who, why, and what it led to so far, step by step."""
    async with visit.reading() as db:
        found = await store.find_act(db, visit.request.path_params["act_id"])
        if found is None:
            raise HTTPException(404)
        whose = found["account_id"] or OF_NO_ACCOUNT
        after = await events.get_position(db, whose)
        kin = await timeline.find_kin(db, list({whose, OF_NO_ACCOUNT}), found["correlation_id"])
        dead = await letters.find_letters_of_act(
            db, found["message_id"], found["account_id"], found["correlation_id"]
        )
    steps = list({(one["source"], one["event_id"]): one for one in kin}.values())
    waiting = [one for one in dead if one["conclusion"] is None]
    outcome = outcome_of(
        found["kind"],
        [step["type"] for step in steps],
        is_dead=any(one["letter_id"] == found["message_id"] for one in waiting),
        is_stuck=bool(waiting),
    )
    values = {
        "act": found,
        "steps": steps,
        "letters": dead,
        "outcome": outcome,
        "after": after,
        "follow_at": f"/support/accounts/{whose}/follow" if whose else "/support/follow",
    }
    return render(visit, "support/act.html", values)


ROUTES = [
    Route("/support/acts", for_all_staff(trail)),
    Route("/support/acts/{act_id}", for_all_staff(act)),
]
