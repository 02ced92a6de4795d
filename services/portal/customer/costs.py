"""The cost explorer: by month, product and resource, and what is to come."""

from typing import Final

from starlette.responses import Response
from starlette.routing import Route

from services.portal.customer.usage import report_of, this_month
from services.portal.domain import charts, costs
from services.portal.domain.costs import Cost
from services.portal.store import catalogue, events, invoices
from services.portal.web.files import csv_file
from services.portal.web.pages import render
from services.portal.web.visits import Visit, for_customers

_MONTHS: Final = 12
_RESOURCES: Final = 20
_COLUMNS: Final = ("month", "product", "resource_id", "name", "gross")


async def _costs(visit: Visit) -> list[Cost]:
    first, *_ = this_month(visit).last(_MONTHS)
    async with visit.reading() as db:
        return await invoices.find_costs(db, visit.mine, first, visit.billing_zone)


async def explore(visit: Visit) -> Response:
    """What was invoiced, and what the month is expected to come to."""
    now = this_month(visit)
    months = [str(one) for one in now.last(_MONTHS)]
    found = await _costs(visit)
    async with visit.reading() as db:
        after = await events.get_position(db, visit.mine.account_id)
        on_sale = await catalogue.find_products(db, visit.mine.currency, visit.at)
    report = await report_of(visit, months[-1])
    stacked = costs.by_month(found)
    totals = {month: sum(part.value for part in stacked.get(month, [])) for month in months}
    forecast = costs.forecast(
        list(totals.values()),
        report.gross if report else 0,
        now.start(visit.billing_zone),
        report.until if report else visit.at,
        now.end(visit.billing_zone),
    )
    return render(
        visit,
        "customer/costs.html",
        {
            "after": after,
            "chart": charts.columns({month: stacked.get(month, []) for month in months}),
            "products": costs.by_product(found),
            "resources": (dearest := costs.by_resource(found, _RESOURCES)),
            "shares": charts.shares([value for _, value in dearest]),
            "names": {name: one.name for name, one in on_sale.items()},
            "totals": totals,
            "forecast": forecast,
        },
    )


async def table(visit: Visit) -> Response:
    """What was invoiced, as a file."""
    found = await _costs(visit)
    return csv_file("costs", _COLUMNS, ([getattr(one, name) for name in _COLUMNS] for one in found))


ROUTES = [
    Route("/accounts/{account_id}/costs", for_customers(explore)),
    Route("/accounts/{account_id}/costs.csv", for_customers(table)),
]
