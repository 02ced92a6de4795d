"""Ordering: forms whose price follows what is filled in, and orders once it is confirmed.

Prices are billing's. A form asks for a quote each time that it changes, and shows what comes back
beside the button that confirms; an order is priced anew when it is placed.
"""

import json
import uuid
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from services.portal import acts
from services.portal.customer.wishes import MONTHS, TERMS, Wish, methods, wish_of
from services.portal.store import answers, catalogue, resources, wallets
from services.portal.web.forms import form_key
from services.portal.web.pages import render
from services.portal.web.visits import Visit, for_customers, path_of
from shared.messages.billing import QuoteGiven

_QUOTES_A_MINUTE: Final = 240
_OFFERED: Final = ("resize", "renew", "recover", "delete", "stop_poc")


async def create(visit: Visit) -> Response:
    """The form to create a resource: a product first, then its parts."""
    async with visit.reading() as db:
        on_sale = await catalogue.find_products(db, visit.mine.currency, visit.at)
        held = await wallets.find_wallets(db, visit.mine.account_id)
    offered = {name: one for name, one in on_sale.items() if "create" in one.actions and one.parts}
    chosen = offered.get(visit.asked("product")) or next(iter(offered.values()), None)
    return _form(
        visit,
        "create",
        {"products": offered, "product": chosen, "wallets": held, "resource": None},
    )


async def change(visit: Visit) -> Response:
    """The form to resize, renew, recover or delete a resource."""
    action = visit.request.path_params["action"]
    resource = await _resource(visit)
    if action not in _OFFERED:
        raise HTTPException(404)
    async with visit.reading() as db:
        on_sale = await catalogue.find_products(
            db, visit.mine.currency, visit.at, resource["product"]
        )
        held = await wallets.find_wallets(db, visit.mine.account_id)
    return _form(
        visit,
        action,
        {
            "product": on_sale.get(resource["product"]),
            "wallets": held,
            "resource": resource,
            "chosen": [resource],
        },
    )


async def match(visit: Visit) -> Response:
    """The form to renew several resources to one end (domain 6: match end time)."""
    async with visit.reading() as db:
        mine = await resources.find_resources(db, visit.mine.account_id)
        held = await wallets.find_wallets(db, visit.mine.account_id)
    with_end = [one for one in mine if one["ends_at"] is not None and one["poc"] != "running"]
    asked = set(visit.request.query_params.getlist("resource"))
    return _form(
        visit,
        "renew",
        {
            "product": None,
            "wallets": held,
            "resource": None,
            "chosen": [one for one in with_end if one["resource_id"] in asked] or with_end,
            "matching": True,
        },
    )


def _form(visit: Visit, action: str, values: dict[str, Any], status: int = 200) -> Response:
    ends = [one["ends_at"] for one in values.get("chosen", []) if one["ends_at"]]
    on_trial = values["resource"] is not None and values["resource"]["poc"] == "running"
    return render(
        visit,
        "customer/order_form.html",
        {
            "action": action,
            "key": form_key(),
            "terms": TERMS,
            "months": MONTHS,
            "methods": methods(action, on_trial=on_trial, has_trial="poc" in values["wallets"]),
            "on_trial": on_trial,
            "chosen": [],
            "matching": False,
            "latest_end": max(ends, default=None),
            **values,
        },
        status=status,
    )


async def _resource(visit: Visit) -> dict[str, Any]:
    """The resource that a page is about.

    Raises:
        HTTPException: 404 where the account has none of this id.
    """
    resource_id = visit.request.path_params["resource_id"]
    async with visit.reading() as db:
        row = await resources.find_resource(db, visit.mine.account_id, resource_id)
    if row is None:
        raise HTTPException(404)
    return {**row, "components": json.loads(row["components"])}


async def quote(visit: Visit) -> Response:
    """What the form would cost now, with the button that confirms it."""
    action = visit.text("action")
    wish = wish_of(visit, action)
    given = await _quoted(visit, wish) if wish else None
    async with visit.reading() as db:
        held = await wallets.find_wallets(db, visit.mine.account_id)
    method = visit.text("payment_method") or "credit"
    pays = held.get("poc" if method == "poc" else "credit")
    return render(
        visit,
        "customer/quote.html",
        {
            "action": action,
            "complete": wish is not None,
            "quote": given,
            "available": pays["available"] if pays else 0,
            "method": method,
        },
    )


async def _quoted(visit: Visit, wish: Wish) -> QuoteGiven | None:
    """Ask billing, and wait a little; None where it does not answer in time."""
    quote_id = uuid.uuid4().hex
    question = wish.question(quote_id)
    await visit.ask(
        lambda db: acts.say(db, question, quote_id, quote_id, visit.at),
        limit=(f"quote {visit.login.subject}", _QUOTES_A_MINUTE),
    )
    return await visit.portal.until(
        lambda db: answers.find_quote(db, visit.mine.account_id, quote_id),
        visit.portal.settings.quote_wait_s,
    )


async def place(visit: Visit) -> Response:
    """Place what a form wants."""
    action = visit.text("action")
    wish = wish_of(visit, action)
    if wish is None or not visit.text("key"):
        raise HTTPException(422)
    await _assert_mine(visit, wish)
    done = await visit.act(wish.act(visit))
    return RedirectResponse(path_of(visit, f"/acts/{done.act_id}"), 303)


async def _assert_mine(visit: Visit, wish: Wish) -> None:
    """Whoever names another account's resource is answered as if there were none."""
    async with visit.reading() as db:
        for item in wish.items:
            if item.resource_id is not None and not await resources.find_resource(
                db, visit.mine.account_id, item.resource_id
            ):
                raise HTTPException(404)


ROUTES = [
    Route("/accounts/{account_id}/resources/new", for_customers(create)),
    Route("/accounts/{account_id}/resources/match", for_customers(match)),
    Route("/accounts/{account_id}/quotes", for_customers(quote), methods=["POST"]),
    Route("/accounts/{account_id}/orders", for_customers(place), methods=["POST"]),
    Route("/accounts/{account_id}/resources/{resource_id}/{action}", for_customers(change)),
]
