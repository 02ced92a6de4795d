"""The month's runs: how far each is, whom it left out and why, who was run again (domain 3.3)."""

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from services.portal.domain.events import OF_NO_ACCOUNT
from services.portal.store import events, runs
from services.portal.support.desk import for_all_staff
from services.portal.web.pages import render
from services.portal.web.visits import Visit

_AT_ONCE = 100


async def listed(visit: Visit) -> Response:
    """All runs, the latest first."""
    async with visit.reading() as db:
        values = {
            "after": await events.get_position(db, OF_NO_ACCOUNT),
            "runs": await runs.find_runs(db),
        }
    return render(visit, "support/runs.html", values)


async def one(visit: Visit) -> Response:
    """A run, with its quarantine."""
    period = visit.request.path_params["period"]
    async with visit.reading() as db:
        after = await events.get_position(db, OF_NO_ACCOUNT)
        found = await runs.find_runs(db, period)
        if not found:
            raise HTTPException(404)
        left_out = await runs.find_quarantined(db, period, visit.asked("from"), _AT_ONCE + 1)
        reruns = await runs.find_reruns(db, period)
    values = {
        "after": after,
        "run": found[0],
        "left_out": left_out[:_AT_ONCE],
        "following": left_out[_AT_ONCE - 1]["account_id"] if len(left_out) > _AT_ONCE else None,
        "reruns": reruns,
    }
    return render(visit, "support/run.html", values)


ROUTES = [
    Route("/support/runs", for_all_staff(listed)),
    Route("/support/runs/{period}", for_all_staff(one)),
]
