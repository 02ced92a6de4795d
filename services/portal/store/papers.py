"""What documents say of an account, from the read tables. Times are the billing zone's, so that a
document is the same for whoever asks for it."""

import json
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from services.portal.documents.values import (
    CreditLine,
    CreditNoteDocument,
    InvoiceDocument,
    Line,
    Party,
    PaymentLine,
    StatementDocument,
    StatementEntry,
    StatementInvoice,
    StatementPayment,
)
from services.portal.store import accounts, invoices
from services.portal.store.accounts import Account
from shared.database import Connection
from shared.messages.items import InvoiceLine
from shared.messages.upstream import BillingDetails
from shared.periods import BillingMonth
from shared.sql import Statements

sql = Statements("services.portal.store", "papers.sql")


async def find_invoice(
    db: Connection, account: Account, invoice_id: str, seller: Party, zone: ZoneInfo
) -> InvoiceDocument | None:
    """An invoice of an account with what was paid of it so far, if there is such a one."""
    invoice = await db.fetchrow(sql.find_invoice, account.account_id, invoice_id)
    if invoice is None:
        return None
    payments = await invoices.find_payments_of(db, account.account_id, invoice_id)
    notes = await db.fetch(sql.find_credit_notes, account.account_id, invoice_id)
    return InvoiceDocument(
        invoice_id=invoice["invoice_id"],
        number=invoice["number"],
        kind=invoice["kind"],
        currency=invoice["currency"],
        issued_at=invoice["issued_at"],
        due_at=invoice["due_at"],
        period_from=invoice["period_from"],
        period_to=invoice["period_to"],
        resource_id=invoice["resource_id"],
        resource=invoice["resource"] or "",
        order_id=invoice["order_id"],
        seller=seller,
        buyer=_buyer(
            account,
            await find_details_of(db, account.account_id, invoice_id, invoice["issued_at"]),
        ),
        lines=_lines(invoice["lines"]),
        discount=invoice["discount"],
        net=invoice["net"],
        vat=invoice["vat"],
        gross=invoice["gross"],
        payments=tuple(
            PaymentLine(one["payment_id"] or "", one["at"], one["method"], one["amount"])
            for one in payments
        ),
        credits=tuple(CreditLine(one["number"], one["at"], one["amount"]) for one in notes),
        zone=zone,
    )


async def find_credit_note(
    db: Connection, account: Account, credit_note_id: str, seller: Party, zone: ZoneInfo
) -> CreditNoteDocument | None:
    """A credit note of an account, if there is such a one; made out to whom its invoice is."""
    note = await db.fetchrow(sql.find_credit_note, account.account_id, credit_note_id)
    if note is None:
        return None
    of_invoice = (note["invoice_id"], note["invoice_issued_at"])
    details = await find_details_of(db, account.account_id, *of_invoice)
    rates = [line.vat_rate for line in _lines(note["lines"])]
    return CreditNoteDocument(
        number=note["number"],
        invoice_number=note["invoice_number"],
        invoice_issued_at=note["invoice_issued_at"],
        currency=note["currency"],
        at=note["at"],
        reason=note["reason"],
        seller=seller,
        buyer=_buyer(account, details),
        net=note["net"],
        vat=note["vat"],
        amount=note["amount"],
        vat_rate=max(rates, default=Decimal(0)),
        given_back=note["given_back"],
        zone=zone,
    )


async def get_statement(
    db: Connection,
    account: Account,
    month: BillingMonth,
    made_at: datetime,
    seller: Party,
    zone: ZoneInfo,
) -> StatementDocument:
    """What happened to an account's money in a month, until `made_at`.

    Raises:
        DoesNotAddUp: if something that belongs to it was not heard of yet.
    """
    stretch = (account.account_id, month.start(zone), made_at)
    issued = await db.fetch(sql.find_invoices_of_month, *stretch)
    payments = await db.fetch(sql.find_payments_of_month, *stretch)
    movements = await db.fetch(sql.find_movements_of_month, *stretch)
    before = await db.fetchval(sql.find_balance_before, account.account_id, month.start(zone))
    return StatementDocument(
        month=month,
        made_at=made_at,
        currency=account.currency,
        seller=seller,
        buyer=_buyer(account, await accounts.find_billing_details(db, account.account_id, made_at)),
        invoices=tuple(
            StatementInvoice(
                number=one["number"],
                issued_at=one["issued_at"],
                resource=one["resource"],
                net=one["net"],
                vat=one["vat"],
                gross=one["gross"],
                paid=one["paid"],
                credited=one["credited"],
            )
            for one in issued
        ),
        payments=tuple(
            StatementPayment(
                one["payment_id"], one["at"], one["method"], one["amount"], one["what"]
            )
            for one in payments
        ),
        opening_balance=before or 0,
        entries=tuple(
            StatementEntry(one["at"], one["reason"], one["amount"], one["balance"])
            for one in movements
        ),
        zone=zone,
    )


async def find_details_of(
    db: Connection, account_id: str, invoice_id: str, issued_at: datetime
) -> BillingDetails | None:
    """Whom an invoice is made out to: what was known when it came. What is told later, be it of a
    time before, changes nothing that was issued."""
    kept = await db.fetchval(sql.find_made_out_to, account_id, invoice_id)
    if kept is None:
        return await accounts.find_billing_details(db, account_id, issued_at)
    told = json.loads(kept)
    return BillingDetails.model_validate(told) if told else None


def _buyer(account: Account, details: BillingDetails | None) -> Party:
    if details is None:
        return Party(name=account.name, email=account.email, account_id=account.account_id)
    return Party(
        name=details.legal_name or account.name,
        address=details.address,
        country=details.country,
        tax_code=details.tax_code,
        email=account.email,
        account_id=account.account_id,
    )


def _lines(written: str) -> tuple[Line, ...]:
    lines = [InvoiceLine.model_validate(one) for one in json.loads(written)]
    return tuple(
        Line(
            sku=line.sku,
            description=line.description,
            quantity=line.quantity,
            unit_price=line.unit_price,
            amount=line.amount,
            vat=line.vat,
            vat_rate=line.vat_rate,
            vat_included=line.vat_included,
            minutes=line.minutes,
            discount_rate=line.discount_rate,
            period_from=line.period_from,
            period_to=line.period_to,
            month=line.month,
        )
        for line in lines
    )
