"""The payment history: what was paid, for what, and how (domain 2.3)."""

from starlette.responses import Response
from starlette.routing import Route

from services.portal.store import events, payments
from services.portal.web.files import csv_file
from services.portal.web.pages import render
from services.portal.web.paging import FILE, PAGE, paged, place_of
from services.portal.web.visits import Visit, for_customers

_COLUMNS = (
    "at",
    "payment_id",
    "state",
    "method",
    "amount",
    "currency",
    "order_id",
    "invoice_id",
    "reason",
)


async def index(visit: Visit) -> Response:
    """Payments, newest first."""
    account_id = visit.mine.account_id
    async with visit.reading() as db:
        after = await events.get_position(db, account_id)
        rows = await payments.find_payments(db, account_id, before=place_of(visit), limit=PAGE + 1)
    page = paged(visit, rows, "at", "payment_id")
    return render(visit, "customer/payments.html", {"page": page, "after": after})


async def table(visit: Visit) -> Response:
    """Payments, as a file."""
    async with visit.reading() as db:
        rows = await payments.find_payments(db, visit.mine.account_id, limit=FILE)
    return csv_file("payments", _COLUMNS, ([row[name] for name in _COLUMNS] for row in rows))


ROUTES = [
    Route("/accounts/{account_id}/payments", for_customers(index)),
    Route("/accounts/{account_id}/payments.csv", for_customers(table)),
]
