"""An account's invoices as it sees them: what they are for, what paid them, and as documents."""

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from services.portal.customer import papers
from services.portal.store import events, invoices
from services.portal.support.desk import about_account
from services.portal.web.pages import render
from services.portal.web.visits import Visit


async def show(visit: Visit) -> Response:
    """One invoice, with its lines, payments and credit notes."""
    account_id, invoice_id = visit.mine.account_id, visit.request.path_params["invoice_id"]
    async with visit.reading() as db:
        after = await events.get_position(db, account_id)
        invoice = await invoices.find_invoice(db, account_id, invoice_id)
        if invoice is None:
            raise HTTPException(404)
        values = {
            "after": after,
            "invoice": invoice,
            "payments": await invoices.find_payments_of(db, account_id, invoice_id),
            "notes": await invoices.find_credit_notes_of(db, account_id, invoice_id),
        }
    return render(visit, "support/invoice.html", values)


_ACCOUNT = "/support/accounts/{account_id}"
ROUTES = [
    Route(f"{_ACCOUNT}/invoices/{{invoice_id}}.pdf", about_account(papers.invoice_as_pdf)),
    Route(f"{_ACCOUNT}/invoices/{{invoice_id}}.xml", about_account(papers.invoice_as_ubl)),
    Route(f"{_ACCOUNT}/invoices/{{invoice_id}}", about_account(show)),
    Route(
        f"{_ACCOUNT}/credit-notes/{{credit_note_id}}.pdf", about_account(papers.credit_note_as_pdf)
    ),
]
