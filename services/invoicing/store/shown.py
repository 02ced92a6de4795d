"""Invoices, use and runs, for people."""

from datetime import datetime

from shared.database import Connection, Row
from shared.sql import Statements

sql = Statements("services.invoicing.store", "shown.sql")


async def show_invoices(
    db: Connection,
    *,
    account_id: str | None = None,
    resource_id: str | None = None,
    order_id: str | None = None,
    before: tuple[datetime, str] | None = None,
    limit: int = 20,
) -> list[Row]:
    """Invoices of an account, a resource or an order, newest first."""
    at, invoice_id = before or (None, None)
    return await db.fetch(
        sql.show_invoices, account_id, resource_id, order_id, at, invoice_id, limit
    )


async def show_invoice(db: Connection, name: str) -> Row | None:
    """One invoice by its id or its number."""
    return await db.fetchrow(sql.show_invoice, name)


async def show_lines(db: Connection, invoice_id: str) -> list[Row]:
    """The lines of an invoice."""
    return await db.fetch(sql.show_lines, invoice_id)


async def show_invoice_payments(db: Connection, invoice_id: str) -> list[Row]:
    """What was paid of an invoice, oldest first."""
    return await db.fetch(sql.show_invoice_payments, invoice_id)


async def show_segments(db: Connection, resource_id: str) -> list[Row]:
    """The stretches of use of a postpaid resource, oldest first."""
    return await db.fetch(sql.show_segments, resource_id)


async def show_run(db: Connection, period: str) -> Row | None:
    """How far a month's run is."""
    return await db.fetchrow(sql.show_run, period)


async def show_run_totals(db: Connection, period: str) -> list[Row]:
    """What a month's run has issued, by currency."""
    return await db.fetch(sql.show_run_totals, period)


async def show_quarantine(db: Connection, period: str) -> list[Row]:
    """Accounts whose month could not be invoiced, and why."""
    return await db.fetch(sql.show_quarantine, period)
