"""Resources: the list, and each with its life, its orders and its invoices."""

import json
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from services.portal.acts import Act
from services.portal.customer.wishes import MONTHS
from services.portal.domain.lifecycle import offered
from services.portal.store import catalogue, events, invoices, orders, resources
from services.portal.web.files import csv_file
from services.portal.web.forms import form_key
from services.portal.web.pages import render
from services.portal.web.paging import PAGE, paged_by
from services.portal.web.visits import Visit, for_customers, path_of
from shared.messages.upstream import ResourceAutoRenewSet

_COLUMNS: Final = (
    "resource_id",
    "name",
    "product",
    "state",
    "user_type",
    "starts_at",
    "ends_at",
    "auto_renew_months",
)


async def index(visit: Visit) -> Response:
    """An account's resources by name, as far as they are wanted, a page at a time."""
    with_deleted = visit.asked("deleted") == "yes"
    async with visit.reading() as db:
        after = await events.get_position(db, visit.mine.account_id)
        found = await resources.find_resources(
            db,
            visit.mine.account_id,
            with_deleted=with_deleted,
            words=visit.asked("words")[:100] or None,
            after=visit.asked("behind") or None,
            limit=PAGE + 1,
        )
    values = {
        "page": paged_by(visit, found, "behind", "resource_id"),
        "with_deleted": with_deleted,
        "after": after,
    }
    return render(visit, "customer/resources.html", values)


async def table(visit: Visit) -> Response:
    """All resources, as a file."""
    async with visit.reading() as db:
        found = await resources.find_resources(
            db, visit.mine.account_id, with_deleted=True, limit=100_000
        )
    return csv_file("resources", _COLUMNS, ([row[name] for name in _COLUMNS] for row in found))


async def show(visit: Visit) -> Response:
    """One resource."""
    account_id, resource_id = visit.mine.account_id, visit.request.path_params["resource_id"]
    async with visit.reading() as db:
        after = await events.get_position(db, account_id)
        row = await resources.find_resource(db, account_id, resource_id)
        if row is None:
            raise HTTPException(404)
        on_sale = await catalogue.find_products(db, visit.mine.currency, visit.at, row["product"])
        ordered = await orders.find_orders_of_resource(db, account_id, resource_id)
        invoiced = await invoices.find_invoices_of_resource(db, account_id, resource_id)
    product = on_sale.get(row["product"])
    resource: dict[str, Any] = {**row, "components": json.loads(row["components"])}
    return render(
        visit,
        "customer/resource.html",
        {
            "after": after,
            "resource": resource,
            "product": product,
            "actions": offered(
                state=row["state"],
                user_type=row["user_type"],
                account_type=visit.mine.user_type,
                allowed=product.actions if product else (),
                on_trial=row["poc"] == "running",
            ),
            "orders": ordered,
            "invoices": invoiced,
            "months": MONTHS,
            "key": form_key(),
            "busy": any(one["state"] in ("placed", "provisioning") for one in ordered),
        },
    )


async def set_auto_renewal(visit: Visit) -> Response:
    """Switch automatic renewal on, off, or to other months (domain 7)."""
    account_id, resource_id = visit.mine.account_id, visit.request.path_params["resource_id"]
    async with visit.reading() as db:
        if await resources.find_resource(db, account_id, resource_id) is None:
            raise HTTPException(404)
    months = visit.text("months")
    if months and (not months.isdecimal() or int(months) not in MONTHS):
        raise HTTPException(422)
    message = ResourceAutoRenewSet.model_validate(
        {
            "account_id": account_id,
            "resource_id": resource_id,
            "months": int(months) if months else None,
        }
    )
    await visit.act(Act("auto_renew", message, visit.text("key"), account_id))
    return RedirectResponse(path_of(visit, f"/resources/{resource_id}"), 303)


ROUTES = [
    Route("/accounts/{account_id}/resources", for_customers(index)),
    Route("/accounts/{account_id}/resources.csv", for_customers(table)),
    Route("/accounts/{account_id}/resources/{resource_id}", for_customers(show)),
    Route(
        "/accounts/{account_id}/resources/{resource_id}/auto-renewal",
        for_customers(set_auto_renewal),
        methods=["POST"],
    ),
]
