"""Documents: invoices, credit notes and statements as PDF for people, invoices as UBL too."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

from starlette.responses import Response

from services.portal.api.bodies import DocumentQuery
from services.portal.api.calls import Call
from services.portal.api.problems import Refusal, not_there
from services.portal.documents.pdf import credit_note_pdf, invoice_pdf, statement_pdf
from services.portal.documents.settings import seller
from services.portal.documents.ubl import invoice_ubl
from services.portal.documents.values import DoesNotAddUp, InvoiceDocument
from services.portal.store import accounts, papers
from shared.periods import BillingMonth
from shared.settings import settings

PDF: Final = "application/pdf"
UBL: Final = "application/xml"


async def get_invoice_pdf(call: Call) -> Response:
    """An invoice as PDF, with what was paid of it so far. The same bytes for the same invoice."""
    invoice = await _invoice(call)
    return await _printed(partial(invoice_pdf, invoice, call.asked(DocumentQuery).language))


async def get_invoice_ubl(call: Call) -> Response:
    """An invoice as UBL 2.1, as it was issued."""
    return Response(invoice_ubl(await _invoice(call)), headers=_headers(), media_type=UBL)


async def get_credit_note_pdf(call: Call) -> Response:
    """A credit note as PDF."""
    async with call.reading() as db:
        mine = await accounts.get_account(db, call.account_id)
        note_id = call.named("credit_note_id")
        found = await papers.find_credit_note(db, mine, note_id, seller(), _zone())
    if found is None:
        raise not_there("credit note")
    return await _printed(partial(credit_note_pdf, found, call.asked(DocumentQuery).language))


async def get_statement_pdf(call: Call) -> Response:
    """What happened to the account's money in a billing month, as PDF: so far, while it is under
    way."""
    zone = _zone()
    try:
        month = BillingMonth.parse(call.named("period"))
        begins, ends = month.start(zone), month.end(zone)
    except (ValueError, OverflowError):
        raise not_there("billing month") from None
    if call.at < begins:
        raise not_there("billing month")
    made_at = min(ends, call.at.replace(microsecond=0))
    async with call.reading() as db:
        mine = await accounts.get_account(db, call.account_id)
        try:
            found = await papers.get_statement(db, mine, month, made_at, seller(), zone)
        except DoesNotAddUp:
            raise _not_yet() from None
    return await _printed(partial(statement_pdf, found, call.asked(DocumentQuery).language))


def _zone() -> ZoneInfo:
    return ZoneInfo(settings().billing_time_zone)


async def _printed(made: Callable[[], bytes]) -> Response:
    return Response(await asyncio.to_thread(made), headers=_headers(), media_type=PDF)


def _headers() -> dict[str, str]:
    return {"Cache-Control": "private, no-store"}


def _not_yet() -> Refusal:
    detail = "something that belongs to it is still on its way"
    return Refusal(409, "not_yet", detail, headers={"Retry-After": "5"})


async def _invoice(call: Call) -> InvoiceDocument:
    async with call.reading() as db:
        mine = await accounts.get_account(db, call.account_id)
        try:
            found = await papers.find_invoice(db, mine, call.named("invoice_id"), seller(), _zone())
        except DoesNotAddUp:
            raise _not_yet() from None
    if found is None:
        raise not_there("invoice")
    return found
