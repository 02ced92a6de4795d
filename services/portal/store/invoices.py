"""Invoices, as pages show them."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from services.portal.domain.costs import Cost
from services.portal.store.accounts import Account
from shared.database import Connection, Row
from shared.periods import BillingMonth
from shared.sql import Statements

sql = Statements("services.portal.store", "invoices.sql")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which invoices are to be shown; None: whatever it is."""

    status: str | None = None
    kind: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    words: str | None = None


async def find_invoices(
    db: Connection,
    account_id: str,
    wanted: Wanted = Wanted(),
    *,
    before: tuple[datetime, str] | None = None,
    limit: int = 50,
) -> list[Row]:
    """An account's invoices, newest first, a page at a time."""
    at, invoice_id = before or (None, None)
    return await db.fetch(
        sql.find_invoices,
        account_id,
        wanted.status,
        wanted.kind,
        wanted.since,
        wanted.until,
        wanted.words,
        at,
        invoice_id,
        limit,
    )


async def find_invoice(db: Connection, account_id: str, invoice_id: str) -> dict[str, Any] | None:
    """An invoice of an account, with its lines."""
    row = await db.fetchrow(sql.find_invoice, account_id, invoice_id)
    return {**row, "lines": json.loads(row["lines"])} if row else None


async def find_chosen(db: Connection, account_id: str, invoice_ids: Collection[str]) -> list[Row]:
    """Those of an account's invoices that were chosen and are not paid yet."""
    return await db.fetch(sql.find_chosen, account_id, list(invoice_ids))


async def find_payments_of(db: Connection, account_id: str, invoice_id: str) -> list[Row]:
    """What was paid of an invoice, oldest first. `payment_id` is None where it is not known yet."""
    return await db.fetch(sql.find_payments_of, account_id, invoice_id)


async def find_credit_notes_of(db: Connection, account_id: str, invoice_id: str) -> list[Row]:
    """What corrects an invoice, in its order."""
    return await db.fetch(sql.find_credit_notes_of, account_id, invoice_id)


async def find_invoices_of_resource(db: Connection, account_id: str, resource_id: str) -> list[Row]:
    """A resource's invoices, newest first."""
    return await db.fetch(sql.find_invoices_of_resource, account_id, resource_id)


async def get_outstanding(db: Connection, account_id: str) -> Row:
    """What is left of an account's invoices: `amount`, `count`, and the earliest `due_at`."""
    row = await db.fetchrow(sql.get_outstanding, account_id)
    assert row is not None
    return row


async def find_costs(
    db: Connection, account: Account, first: BillingMonth, zone: ZoneInfo
) -> list[Cost]:
    """What an account was invoiced in its currency from a billing month on, less credit notes: by
    month, product and resource."""
    rows = await db.fetch(sql.find_costs, account.account_id, zone.key, first.start(zone))
    return [
        Cost(row["month"], row["product"], row["resource_id"], row["name"], row["gross"])
        for row in rows
        if row["currency"] == account.currency
    ]
