"""The overview: what there is, what is held, and what ends soon."""

from datetime import timedelta
from typing import Final

from starlette.responses import Response
from starlette.routing import Route

from services.portal.store import events, resources, wallets
from services.portal.web.pages import render
from services.portal.web.visits import Visit, for_customers

_SOON: Final = timedelta(days=14)


async def overview(visit: Visit) -> Response:
    """An account at a glance."""
    account_id = visit.mine.account_id
    async with visit.reading() as db:
        values = {
            "after": await events.get_position(db, account_id),
            "wallets": await wallets.find_wallets(db, account_id),
            "ending": await resources.find_ending(db, account_id, visit.at + _SOON),
            "counts": await resources.count_states(db, account_id),
        }
    return render(visit, "customer/overview.html", values)


ROUTES = [Route("/accounts/{account_id}", for_customers(overview))]
