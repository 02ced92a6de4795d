"""Following an act: what it led to so far, step by step, until it is concluded."""

import json

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from services.portal.domain.conclusions import concluded
from services.portal.store import acts, events, payments
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
        details = json.loads(found["details"])
        to_pay = await payments.find_open_payments(
            db,
            account_id,
            order_id=details.get("order_id"),
            invoice_id=details.get("invoice_id"),
            payment_id=details.get("top_up_id"),
        )
    steps = [{**row, "payload": json.loads(row["payload"])} for row in chain]
    end = concluded(found["kind"], [(one["type"], one["payload"]) for one in steps])
    return render(
        visit,
        "customer/act.html",
        {
            "act": found,
            "steps": steps,
            "after": after,
            "to_pay": to_pay,
            "outcome": end.outcome,
            "reason": end.reason,
            "given_back": end.given_back,
            "link": end.link,
        },
    )


ROUTES = [Route("/accounts/{account_id}/acts/{act_id}", for_customers(act))]
