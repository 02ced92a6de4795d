"""Invoices: the billing history, each invoice, and paying several of them."""

from datetime import datetime, timedelta
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from services.portal.acts import Act
from services.portal.customer.usage import this_month
from services.portal.store import events, invoices, payments, wallets
from services.portal.store.invoices import Wanted
from services.portal.web.files import csv_file
from services.portal.web.forms import form_key
from services.portal.web.pages import render
from services.portal.web.paging import FILE, PAGE, paged, place_of
from services.portal.web.visits import Visit, for_customers, path_of
from shared.database import Connection
from shared.messages.upstream import InvoicePaymentRequested

_COLUMNS: Final = (
    "number",
    "invoice_id",
    "kind",
    "status",
    "name",
    "resource_id",
    "period_from",
    "period_to",
    "net",
    "vat",
    "gross",
    "paid",
    "outstanding",
    "currency",
    "issued_at",
    "due_at",
)
_STATUSES: Final = ("open", "unpaid", "partially_paid", "paid")
_KINDS: Final = ("prepaid", "usage", "final")
_AT_ONCE: Final = 100


async def index(visit: Visit) -> Response:
    """The billing history, as far as it is wanted, newest first."""
    account_id = visit.mine.account_id
    async with visit.reading() as db:
        after = await events.get_position(db, account_id)
        rows = await invoices.find_invoices(
            db, account_id, _wanted(visit), before=place_of(visit), limit=PAGE + 1
        )
        left = await invoices.get_outstanding(db, account_id)
        held = await wallets.find_wallets(db, account_id)
    return render(
        visit,
        "customer/invoices.html",
        {
            "after": after,
            "page": paged(visit, rows, "issued_at", "invoice_id"),
            "left": left,
            "statuses": _STATUSES,
            "kinds": _KINDS,
            "wallets": held,
            "key": form_key(),
            "query": visit.request.url.query,
            "last_month": str(this_month(visit).previous()),
        },
    )


def _wanted(visit: Visit) -> Wanted:
    status, kind = visit.asked("status"), visit.asked("kind")
    until = _day(visit, "until")
    return Wanted(
        status=status if status in _STATUSES else None,
        kind=kind if kind in _KINDS else None,
        since=_day(visit, "since"),
        until=until + timedelta(days=1) if until else None,
        words=visit.asked("words")[:100] or None,
    )


def _day(visit: Visit, name: str) -> datetime | None:
    try:
        return datetime.fromisoformat(visit.asked(name)).replace(tzinfo=visit.language.zone)
    except ValueError:
        return None


async def table(visit: Visit) -> Response:
    """The billing history, as a file."""
    async with visit.reading() as db:
        rows = await invoices.find_invoices(db, visit.mine.account_id, _wanted(visit), limit=FILE)
    return csv_file("invoices", _COLUMNS, ([row[name] for name in _COLUMNS] for row in rows))


async def read_invoice(visit: Visit, db: Connection) -> dict[str, Any]:
    """What every page of an invoice shows: its lines, payments and credit notes.

    Raises:
        HTTPException: 404 if the account has no such invoice.
    """
    of_invoice = (visit.mine.account_id, visit.request.path_params["invoice_id"])
    after = await events.get_position(db, visit.mine.account_id)
    invoice = await invoices.find_invoice(db, *of_invoice)
    if invoice is None:
        raise HTTPException(404)
    return {
        "after": after,
        "invoice": invoice,
        "payments": await invoices.find_payments_of(db, *of_invoice),
        "notes": await invoices.find_credit_notes_of(db, *of_invoice),
    }


async def show(visit: Visit) -> Response:
    """One invoice, and how it can be paid."""
    account_id, invoice_id = visit.mine.account_id, visit.request.path_params["invoice_id"]
    async with visit.reading() as db:
        values = await read_invoice(visit, db)
        values |= {
            "to_pay": await payments.find_open_payments(db, account_id, invoice_id=invoice_id),
            "wallets": await wallets.find_wallets(db, account_id),
            "key": form_key(),
        }
    return render(visit, "customer/invoice.html", values)


async def pay(visit: Visit) -> Response:
    """Pay the chosen invoices, the older first, each in full."""
    chosen = list(dict.fromkeys(visit.texts("invoice")))[:_AT_ONCE]
    method = visit.text("method", "credit")
    if method not in ("credit", "gateway") or not visit.text("key"):
        raise HTTPException(422)
    async with visit.reading() as db:
        open_ = await invoices.find_chosen(db, visit.mine.account_id, chosen)
    if not open_:
        return RedirectResponse(path_of(visit, "/invoices"), 303)
    done = [
        await visit.act(
            Act(
                kind="pay_invoice",
                message=InvoicePaymentRequested.model_validate(
                    {
                        "invoice_id": one["invoice_id"],
                        "account_id": visit.mine.account_id,
                        "method": method,
                    }
                ),
                key=f"{visit.text('key')} {one['invoice_id']}",
                account_id=visit.mine.account_id,
            )
        )
        for one in open_
    ]
    if len(done) == 1:
        return RedirectResponse(path_of(visit, f"/acts/{done[0].act_id}"), 303)
    return RedirectResponse(path_of(visit, "/invoices"), 303)


ROUTES = [
    Route("/accounts/{account_id}/invoices", for_customers(index)),
    Route("/accounts/{account_id}/invoices.csv", for_customers(table)),
    Route("/accounts/{account_id}/invoices/pay", for_customers(pay), methods=["POST"]),
    Route("/accounts/{account_id}/invoices/{invoice_id}", for_customers(show)),
]
