"""What invoicing shows to people: invoices, billing histories, use, runs."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from shared.database import Connection, Row
from shared.sql import Statements

sql = Statements("services.invoicing.store", "show.sql")

Rows = Sequence[Mapping[str, Any]]
Before = tuple[datetime, str] | None
"""Where a page begins: after the row with this time and id."""


async def show_invoice(db: Connection, invoice_id: str) -> Mapping[str, Any] | None:
    """One invoice, by its id or its number."""
    row = await db.fetchrow(sql.show_invoice, invoice_id)
    return None if row is None else dict(row)


async def show_lines(db: Connection, invoice_id: str) -> Rows:
    """An invoice's lines in their order."""
    return [dict(row) for row in await db.fetch(sql.show_lines, invoice_id)]


async def show_invoice_payments(db: Connection, invoice_id: str) -> Rows:
    """What was paid of an invoice, oldest first."""
    return [dict(row) for row in await db.fetch(sql.show_invoice_payments, invoice_id)]


async def show_credit_notes(db: Connection, invoice_id: str) -> Rows:
    """An invoice's credit notes, oldest first."""
    return [dict(row) for row in await db.fetch(sql.show_credit_notes, invoice_id)]


async def show_invoices(
    db: Connection,
    *,
    account_id: str | None = None,
    order_id: str | None = None,
    resource_id: str | None = None,
    before: Before = None,
    limit: int = 20,
) -> Rows:
    """The invoices of an account, an order or a resource, newest first, a page at a time.

    Raises:
        ValueError: if not exactly one of the three is named.
    """
    by = [
        (sql.show_invoices_of_account, account_id),
        (sql.show_invoices_of_order, order_id),
        (sql.show_invoices_of_resource, resource_id),
    ]
    try:
        ((statement, name),) = [one for one in by if one[1] is not None]
    except ValueError:
        raise ValueError("name one of account, order and resource") from None
    at, invoice_id = before or (None, None)
    return [dict(row) for row in await db.fetch(statement, name, at, invoice_id, limit)]


async def show_segments(db: Connection, resource_id: str) -> Rows:
    """A postpaid resource's use, newest first."""
    return [dict(row) for row in await db.fetch(sql.show_segments, resource_id)]


async def show_use(db: Connection, account_id: str, start: datetime, end: datetime) -> Rows:
    """What an account used in a stretch of time, stretch by stretch."""
    return [dict(row) for row in await db.fetch(sql.show_use, account_id, start, end)]


async def show_run(db: Connection, period: str) -> Mapping[str, Any] | None:
    """How far a month's run is, and what it has come to in each currency."""
    run = await db.fetchrow(sql.show_run, period)
    if run is None:
        return None
    totals = await db.fetch(sql.show_run_totals, period)
    return {
        **run,
        "totals": _by_currency(totals),
    }


def _by_currency(totals: Sequence[Row]) -> dict[str, dict[str, int]]:
    return {
        row["currency"]: {name: row[name] for name in ("invoices", "net", "vat", "gross")}
        for row in totals
    }


async def show_report(db: Connection, period: str) -> Mapping[str, Any] | None:
    """The close report of a month's run as it is now; None before the run is completed."""
    report = await db.fetchrow(sql.show_report, period)
    if report is None:
        return None
    totals = await db.fetch(sql.show_report_totals, period, report["revision"])
    return {**dict(report), "totals": _by_currency(totals)}


async def show_ranges_in_hand(db: Connection, period: str) -> Rows:
    """The ranges of a run that workers have, and the dead letters of those that are stuck."""
    dead: dict[tuple[object, object], Row] = {}
    for row in await db.fetch(sql.show_dead_ranges):
        with suppress(ValueError, KeyError, TypeError):
            data = json.loads(row["body"])["data"]
            dead[data["period"], data["range_number"]] = row
    return [
        {
            **dict(row),
            "dead_letter": stuck["number"] if stuck else None,
            "reason": f"{stuck['reason']}: {stuck['detail']}" if stuck else None,
        }
        for row in await db.fetch(sql.show_ranges_in_hand, period)
        for stuck in [dead.get((period, row["range_number"]))]
    ]


async def show_quarantine(db: Connection, period: str) -> Rows:
    """The accounts that a month's run, or one before it, had to leave out, with the reason."""
    return [dict(row) for row in await db.fetch(sql.show_quarantine, period)]


async def find_gaps(db: Connection) -> Rows:
    """Series of invoice numbers that lack a number."""
    return [dict(row) for row in await db.fetch(sql.find_gaps)]
