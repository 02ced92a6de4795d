"""Payments, as pages show them."""

from datetime import datetime

from shared.database import Connection, Row
from shared.sql import Statements

sql = Statements("services.portal.store", "payments.sql")


async def find_payments(
    db: Connection, account_id: str, *, before: tuple[datetime, str] | None = None, limit: int = 50
) -> list[Row]:
    """An account's payments, newest first, a page at a time."""
    at, payment_id = before or (None, None)
    return await db.fetch(sql.find_payments, account_id, at, payment_id, limit)


async def find_open_payments(
    db: Connection,
    account_id: str,
    *,
    order_id: str | None = None,
    invoice_id: str | None = None,
    payment_id: str | None = None,
) -> list[Row]:
    """Payments that wait for their payer at a gateway: of an order, an invoice, or by their id."""
    return await db.fetch(sql.find_open_payments, account_id, order_id, invoice_id, payment_id)
