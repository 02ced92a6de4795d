"""Invoices as documents, written to files: what `cloudtill show invoice --pdf` gives."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from services.billing import store as billing
from services.cli.console import Failure, database, errors, schema, settings
from services.invoicing import store as invoicing
from services.portal.documents.pdf import invoice_pdf
from services.portal.documents.settings import seller
from services.portal.documents.ubl import invoice_ubl
from services.portal.documents.values import (
    CreditLine,
    InvoiceDocument,
    Language,
    Line,
    Party,
    PaymentLine,
)
from services.portal.store import papers
from shared.database import Connection, Row
from shared.messages.upstream import BillingDetails

LANGUAGES: Final[Mapping[str, Language]] = {"en": "en", "vi": "vi"}
_Kind = Literal["prepaid", "usage", "final"]


def language_named(name: str) -> Language:
    """
    Raises:
        Failure: if documents are not written in it.
    """
    if name not in LANGUAGES:
        raise Failure(f"--language: {name!r} is none of {', '.join(LANGUAGES)}", code=2)
    return LANGUAGES[name]


async def write_invoice(
    invoice_id: str, pdf: Path | None, ubl: Path | None, language: Language
) -> None:
    """Write an invoice to files, with what was paid of it so far.

    Raises:
        Failure: if there is no such invoice, or a file can't be written.
    """
    invoice = await _find_invoice(invoice_id)
    if invoice is None:
        raise Failure(f"there is no invoice {invoice_id}")
    if pdf is not None:
        _write(pdf, await asyncio.to_thread(invoice_pdf, invoice, language))
    if ubl is not None:
        _write(ubl, invoice_ubl(invoice))


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise Failure(f"can't write {path}: {error.strerror}") from None
    errors.print(f"written: {path}", soft_wrap=True)


async def _find_invoice(invoice_id: str) -> InvoiceDocument | None:
    async with database() as db:
        async with schema(db, "invoicing"):
            invoice = await invoicing.show_invoice(db, invoice_id)
            if invoice is None:
                return None
            lines = await invoicing.show_lines(db, invoice["invoice_id"])
            payments = await invoicing.show_invoice_payments(db, invoice["invoice_id"])
            notes = await invoicing.show_credit_notes(db, invoice["invoice_id"])
        async with schema(db, "billing"):
            account = await billing.accounts.show_account(db, invoice["account_id"])
            before = await _paid_before(db, invoice)
        async with schema(db, "portal"):
            details = await papers.find_details_of(
                db, invoice["account_id"], invoice["invoice_id"], invoice["issued_at"]
            )
    kind: _Kind = invoice["kind"]
    return InvoiceDocument(
        invoice_id=invoice["invoice_id"],
        number=invoice["number"],
        kind=kind,
        currency=invoice["currency"],
        issued_at=invoice["issued_at"],
        due_at=invoice["due_at"],
        period_from=invoice["period_from"],
        period_to=invoice["period_to"],
        resource_id=invoice["resource_id"],
        resource=invoice["resource"],
        order_id=invoice["order_id"],
        seller=seller(),
        buyer=_buyer(invoice["account_id"], account, details),
        lines=tuple(_line(line) for line in lines),
        discount=invoice["discount"],
        net=invoice["net"],
        vat=invoice["vat"],
        gross=invoice["gross"],
        payments=(
            *before,
            *(
                PaymentLine(one["payment_id"], one["at"], one["method"], one["amount"])
                for one in payments
                if one["amount"] > 0
            ),
        ),
        credits=tuple(
            CreditLine(f"{invoice['number']}-C{one['position']}", one["at"], one["amount"])
            for one in notes
        ),
        zone=ZoneInfo(settings().billing_time_zone),
    )


async def _paid_before(db: Connection, invoice: Mapping[str, Any]) -> tuple[PaymentLine, ...]:
    """What had paid an invoice before it was issued: its share of the payment (domain 2.4)."""
    if invoice["kind"] != "prepaid" or invoice["gross"] <= 0:
        return ()
    payment_id = invoice["payment_id"]
    payment = await billing.payments.show_payment(db, payment_id) if payment_id else None
    if payment is None:
        return (PaymentLine("", invoice["issued_at"], "order", invoice["gross"]),)
    at = payment["concluded_at"] or invoice["issued_at"]
    return (PaymentLine(payment["payment_id"], at, payment["method"], invoice["gross"]),)


def _buyer(account_id: str, account: Row | None, details: BillingDetails | None) -> Party:
    """Whom it was made out to when it was issued."""
    name = account["name"] if account else account_id  # billing may not have heard of it yet
    told = details or BillingDetails()
    return Party(
        name=told.legal_name or name,
        address=told.address,
        country=told.country,
        tax_code=told.tax_code,
        email=account["email"] if account else None,
        account_id=account_id,
    )


def _line(row: Mapping[str, Any]) -> Line:
    return Line(
        sku=row["sku"],
        description=row["description"],
        quantity=row["quantity"],
        unit_price=row["unit_price"],
        amount=row["amount"],
        vat=row["vat"],
        vat_rate=row["vat_rate"],
        vat_included=row["vat_included"],
        minutes=row["minutes"],
        discount_rate=row["discount_rate"],
        period_from=row["period_from"],
        period_to=row["period_to"],
        month=row["month"],
    )
