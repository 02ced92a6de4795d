"""The wallet: what is in it, topping it up, and its history."""

import re
from decimal import Decimal

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from services.portal.acts import Act
from services.portal.customer.wishes import id_of
from services.portal.store import events, resources, wallets
from services.portal.web.files import csv_file
from services.portal.web.forms import form_key
from services.portal.web.pages import render
from services.portal.web.paging import FILE, PAGE, paged, place_of
from services.portal.web.visits import Visit, for_customers, path_of
from shared.messages.upstream import TopUpRequested
from shared.money import Currency, currency

_COLUMNS = ("at", "kind", "amount", "balance", "held", "available", "reason", "reference")
_KINDS = ("credit", "poc")
_LARGEST = 10**12
_TYPED = re.compile(r"[0-9]{1,15}(\.[0-9]{1,3})?", re.ASCII)


async def show(visit: Visit) -> Response:
    """Balances and history of a wallet."""
    account_id, kind = visit.mine.account_id, _kind(visit)
    async with visit.reading() as db:
        after = await events.get_position(db, account_id)
        held = await wallets.find_wallets(db, account_id)
        rows = await wallets.find_entries(
            db, account_id, kind, before=place_of(visit), limit=PAGE + 1
        )
        grants = await wallets.find_pocs(db, account_id)
        on_trial = await resources.find_on_trial(db, account_id) if kind == "poc" else []
    return render(
        visit,
        "customer/wallet.html",
        {
            "after": after,
            "wallets": held,
            "kind": kind,
            "page": paged(visit, rows, "at", "event_id"),
            "grants": grants,
            "ends_at": max((grant["ends_at"] for grant in grants), default=None),
            "on_trial": on_trial,
            "key": form_key(),
        },
    )


def _kind(visit: Visit) -> str:
    asked = visit.asked("wallet", "credit")
    return asked if asked in _KINDS else "credit"


async def table(visit: Visit) -> Response:
    """A wallet's history, as a file."""
    async with visit.reading() as db:
        rows = await wallets.find_entries(db, visit.mine.account_id, _kind(visit), limit=FILE)
    return csv_file(
        f"wallet-{_kind(visit)}", _COLUMNS, ([row[name] for name in _COLUMNS] for row in rows)
    )


async def top_up(visit: Visit) -> Response:
    """Ask a gateway to take money that becomes credit."""
    amount = amount_of(visit.text("amount"), currency(visit.mine.currency))
    if not 0 < amount <= _LARGEST or not visit.text("key"):
        raise HTTPException(422)
    top_up_id = id_of("top-up", visit.login.subject, visit.text("key"))
    message = TopUpRequested(
        top_up_id=top_up_id,
        account_id=visit.mine.account_id,
        amount=amount,
        currency=visit.mine.currency,
    )
    done = await visit.act(Act("top_up", message, visit.text("key"), visit.mine.account_id))
    return RedirectResponse(path_of(visit, f"/acts/{done.act_id}"), 303)


def amount_of(text: str, of: Currency) -> int:
    """Smallest units of what somebody typed: `500,000`, `500.000` for dong; `12.50` for dollars.

    0 where it is no amount.
    """
    plain = text.replace(" ", "").replace(",", "")
    if of.digits == 0:
        plain = plain.replace(".", "")
    return of.round(Decimal(plain)) if _TYPED.fullmatch(plain) else 0


ROUTES = [
    Route("/accounts/{account_id}/wallet", for_customers(show)),
    Route("/accounts/{account_id}/wallet.csv", for_customers(table)),
    Route("/accounts/{account_id}/wallet/top-up", for_customers(top_up), methods=["POST"]),
]
