"""The overview: what there is, what is held, what ends soon, and what the month comes to."""

import json
from datetime import timedelta
from typing import Final

from starlette.responses import Response
from starlette.routing import Route

from services.portal.customer.usage import report_of, this_month
from services.portal.store import answers, events, invoices, orders, resources, wallets
from services.portal.store.invoices import Wanted
from services.portal.web.pages import render
from services.portal.web.visits import Visit, for_customers

_SOON: Final = timedelta(days=14)
_LATEST: Final = 5


async def overview(visit: Visit) -> Response:
    """An account at a glance."""
    account_id = visit.mine.account_id
    async with visit.reading() as db:
        notices = await answers.find_notices(db, account_id, _LATEST)
        values = {
            "after": await events.get_position(db, account_id),
            "wallets": await wallets.find_wallets(db, account_id),
            "trial_ends_at": await wallets.find_poc_end(db, account_id),
            "ending": await resources.find_ending(db, account_id, visit.at + _SOON),
            "counts": await resources.count_states(db, account_id),
            "left": await invoices.get_outstanding(db, account_id),
            "orders": await orders.find_orders(db, account_id, limit=_LATEST),
            "notices": [{**one, "facts": json.loads(one["facts"])} for one in notices],
        }
    return render(visit, "customer/overview.html", values)


async def month_so_far(visit: Visit) -> Response:
    """What this month comes to so far: invoiced in it, and used but not invoiced yet."""
    now = this_month(visit)
    report = await report_of(visit, str(now))
    async with visit.reading() as db:
        issued = await invoices.find_invoices(
            db,
            visit.mine.account_id,
            Wanted(since=now.start(visit.billing_zone)),
            limit=10_000,
        )
    return render(
        visit,
        "customer/month_so_far.html",
        {
            "invoiced": sum(row["gross"] - row["credited"] for row in issued),
            "report": report,
            "period": str(now),
        },
    )


ROUTES = [
    Route("/accounts/{account_id}", for_customers(overview)),
    Route("/accounts/{account_id}/month-so-far", for_customers(month_so_far)),
]
