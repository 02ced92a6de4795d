"""Documents to take along: invoices and credit notes as PDF and UBL, monthly statements as PDF."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from services.portal.documents.pdf import credit_note_pdf, invoice_pdf, statement_pdf
from services.portal.documents.settings import seller
from services.portal.documents.ubl import credit_note_ubl, invoice_ubl
from services.portal.documents.values import (
    CreditNoteDocument,
    DoesNotAddUp,
    InvoiceDocument,
    Language,
)
from services.portal.store import papers
from services.portal.web.visits import Visit, for_customers
from shared.periods import BillingMonth
from shared.settings import settings

_PDF: Final = "application/pdf"
_UBL: Final = "application/xml"
_POLICY: Final = (
    "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'"
)
"""What a browser's own viewer of PDFs needs."""


async def invoice_as_pdf(visit: Visit) -> Response:
    """An invoice for people."""
    invoice = await _invoice(visit)
    return await _document(partial(invoice_pdf, invoice, language_of(visit)), invoice.number, _PDF)


async def invoice_as_ubl(visit: Visit) -> Response:
    """An invoice for machines, as it was issued."""
    invoice = await _invoice(visit)
    return await _document(partial(invoice_ubl, invoice), invoice.number, _UBL)


async def credit_note_as_pdf(visit: Visit) -> Response:
    """A credit note for people."""
    note = await _credit_note(visit)
    return await _document(partial(credit_note_pdf, note, language_of(visit)), note.number, _PDF)


async def credit_note_as_ubl(visit: Visit) -> Response:
    """A credit note for machines."""
    note = await _credit_note(visit)
    return await _document(partial(credit_note_ubl, note), note.number, _UBL)


async def statement_as_pdf(visit: Visit) -> Response:
    """A month of the account, or what there is of it so far."""
    zone = _zone()
    try:
        month = BillingMonth.parse(visit.request.path_params["period"])
        begins, ends = month.start(zone), month.end(zone)
    except (ValueError, OverflowError):
        raise HTTPException(404) from None
    if visit.at < begins:
        raise HTTPException(404)
    made_at = min(ends, visit.at.replace(microsecond=0))
    async with visit.reading() as db:
        try:
            statement = await papers.get_statement(db, visit.mine, month, made_at, seller(), zone)
        except DoesNotAddUp:
            raise _not_yet() from None
    printed = partial(statement_pdf, statement, language_of(visit))
    return await _document(printed, f"{visit.mine.account_id} {month}", _PDF)


async def _invoice(visit: Visit) -> InvoiceDocument:
    invoice_id = visit.request.path_params["invoice_id"]
    async with visit.reading() as db:
        try:
            found = await papers.find_invoice(db, visit.mine, invoice_id, seller(), _zone())
        except DoesNotAddUp:
            raise _not_yet() from None
    if found is None:
        raise HTTPException(404)
    return found


async def _credit_note(visit: Visit) -> CreditNoteDocument:
    note_id = visit.request.path_params["credit_note_id"]
    async with visit.reading() as db:
        found = await papers.find_credit_note(db, visit.mine, note_id, seller(), _zone())
    if found is None:
        raise HTTPException(404)
    return found


def language_of(visit: Visit) -> Language:
    """The language in which a visitor reads."""
    return "vi" if visit.language.code == "vi" else "en"


def _zone() -> ZoneInfo:
    return ZoneInfo(settings().billing_time_zone)


def _not_yet() -> HTTPException:
    """Something that belongs to a document is still on its way here."""
    return HTTPException(503, headers={"Retry-After": "5"})


async def _document(made: Callable[[], bytes], name: str, media_type: str) -> Response:
    """A document, made beside what else the worker does."""
    ending = "pdf" if media_type == _PDF else "xml"
    file = "".join(one if one.isalnum() and one.isascii() else "-" for one in name)
    return Response(
        await asyncio.to_thread(made),
        media_type=media_type,
        headers={
            "Content-Disposition": f'inline; filename="{file}.{ending}"',
            "Content-Security-Policy": _POLICY,
            "Cache-Control": "private, no-store",
        },
    )


_ACCOUNT: Final = "/accounts/{account_id}"
ROUTES: Final = [
    Route(f"{_ACCOUNT}/invoices/{{invoice_id}}.pdf", for_customers(invoice_as_pdf)),
    Route(f"{_ACCOUNT}/invoices/{{invoice_id}}.xml", for_customers(invoice_as_ubl)),
    Route(f"{_ACCOUNT}/credit-notes/{{credit_note_id}}.pdf", for_customers(credit_note_as_pdf)),
    Route(f"{_ACCOUNT}/credit-notes/{{credit_note_id}}.xml", for_customers(credit_note_as_ubl)),
    Route(f"{_ACCOUNT}/statements/{{period}}.pdf", for_customers(statement_as_pdf)),
]
