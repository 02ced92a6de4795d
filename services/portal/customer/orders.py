"""Orders: the list, and each with its items and what became of them."""

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from services.portal.store import events, orders, payments
from services.portal.web.files import csv_file
from services.portal.web.pages import render
from services.portal.web.paging import FILE, PAGE, paged, place_of
from services.portal.web.visits import Visit, for_customers

_COLUMNS = (
    "order_id",
    "action",
    "state",
    "reason",
    "payment_method",
    "amount",
    "currency",
    "placed_at",
)


async def index(visit: Visit) -> Response:
    """What was ordered, newest first."""
    account_id = visit.mine.account_id
    async with visit.reading() as db:
        after = await events.get_position(db, account_id)
        rows = await orders.find_orders(db, account_id, before=place_of(visit), limit=PAGE + 1)
    page = paged(visit, rows, "placed_at", "order_id")
    return render(visit, "customer/orders.html", {"page": page, "after": after})


async def table(visit: Visit) -> Response:
    """What was ordered, as a file."""
    async with visit.reading() as db:
        rows = await orders.find_orders(db, visit.mine.account_id, limit=FILE)
    return csv_file("orders", _COLUMNS, ([row[name] for name in _COLUMNS] for row in rows))


async def show(visit: Visit) -> Response:
    """One order."""
    account_id, order_id = visit.mine.account_id, visit.request.path_params["order_id"]
    async with visit.reading() as db:
        after = await events.get_position(db, account_id)
        order = await orders.find_order(db, account_id, order_id)
        if order is None:
            raise HTTPException(404)
        items = await orders.find_items(db, account_id, order_id)
        to_pay = await payments.find_open_payments(db, account_id, order_id=order_id)
    return render(
        visit,
        "customer/order.html",
        {"order": order, "items": items, "to_pay": to_pay, "after": after},
    )


ROUTES = [
    Route("/accounts/{account_id}/orders", for_customers(index)),
    Route("/accounts/{account_id}/orders.csv", for_customers(table)),
    Route("/accounts/{account_id}/orders/{order_id}", for_customers(show)),
]
