"""An account's invoices as it sees them: what they are for, what paid them, and as documents."""

from starlette.responses import Response
from starlette.routing import Route

from services.portal.customer import papers
from services.portal.customer.invoices import read_invoice
from services.portal.support.desk import about_account
from services.portal.web.pages import render
from services.portal.web.visits import Visit


async def show(visit: Visit) -> Response:
    """One invoice, as the customer sees it, but for what can be done with it."""
    async with visit.reading() as db:
        values = await read_invoice(visit, db)
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
