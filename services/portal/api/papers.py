"""Invoices as documents: PDF for people, UBL for machines."""

import asyncio
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

from starlette.responses import Response

from services.portal.api.bodies import DocumentQuery
from services.portal.api.calls import Call
from services.portal.api.problems import Refusal, not_there
from services.portal.documents.pdf import invoice_pdf
from services.portal.documents.settings import seller
from services.portal.documents.ubl import invoice_ubl
from services.portal.documents.values import DoesNotAddUp, InvoiceDocument
from services.portal.store import accounts, papers
from services.portal.store.accounts import Account
from shared.settings import settings

PDF: Final = "application/pdf"
UBL: Final = "application/xml"


async def get_invoice_pdf(call: Call) -> Response:
    """An invoice as PDF, with what was paid of it so far. The same bytes for the same invoice."""
    invoice = await _invoice(call)
    made = partial(invoice_pdf, invoice, call.asked(DocumentQuery).language)
    return Response(await asyncio.to_thread(made), headers=_headers(), media_type=PDF)


async def get_invoice_ubl(call: Call) -> Response:
    """An invoice as UBL 2.1, as it was issued."""
    return Response(invoice_ubl(await _invoice(call)), headers=_headers(), media_type=UBL)


def _headers() -> dict[str, str]:
    return {"Cache-Control": "private, no-store"}


async def _invoice(call: Call) -> InvoiceDocument:
    zone = ZoneInfo(settings().billing_time_zone)
    async with call.reading() as db:
        account = await accounts.find_account(db, call.account_id)
        mine = account or Account.just_opened(call.account_id)
        try:
            found = await papers.find_invoice(db, mine, call.named("invoice_id"), seller(), zone)
        except DoesNotAddUp:
            detail = "something that belongs to it is still on its way"
            raise Refusal(409, "not_yet", detail, headers={"Retry-After": "5"}) from None
    if found is None:
        raise not_there("invoice")
    return found
