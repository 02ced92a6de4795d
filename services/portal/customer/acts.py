"""Following an act: what it led to so far, step by step, until it is concluded."""

import json

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from services.portal.store import acts, events
from services.portal.web.pages import render
from services.portal.web.visits import Visit, for_customers


async def act(visit: Visit) -> Response:
    """An act of the account's, and the events that belong to it."""
    account_id = visit.mine.account_id
    async with visit.reading() as db:
        found = await acts.find_act(db, visit.request.path_params["act_id"])
        if found is None or found["account_id"] != account_id:
            raise HTTPException(404)
        after = await events.get_position(db, account_id)
        chain = await events.find_chain(db, account_id, found["correlation_id"])
    steps = [{**row, "payload": json.loads(row["payload"])} for row in chain]
    return render(visit, "customer/act.html", {"act": found, "steps": steps, "after": after})


ROUTES = [Route("/accounts/{account_id}/acts/{act_id}", for_customers(act))]
