"""Invoices, their lines, and their numbers without gaps."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.invoicing.domain.invoices import PaidInvoice, series_name
from shared.database import Connection
from shared.sql import Statements

sql = Statements("services.invoicing.store", "invoices.sql")


class AllSeriesInUseError(Exception):
    """More transactions number invoices at once than a year can have series."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """A run of numbers of one series, from `first` up to but not `end`."""

    series: str
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class Owed:
    """What an invoice below 0 gives back, and what created its resource."""

    invoice_id: str
    account_id: str
    amount: int
    order_id: str
    item_id: str


async def take_numbers(db: Connection, year: int, count: int) -> tuple[str, int]:
    """Take numbers of a series of this year, and hold it to the commit, so that it has no gaps.

    A series that somebody else holds is passed over; where all are held, a new one begins.

    Args:
        db: in a transaction.
        year: of the invoices' issue.
        count: of invoices; 0 where that is not known yet, and `use_numbers` tells it.

    Returns:
        The series' name, and the first number.

    Raises:
        AllSeriesInUseError: if there can be no more.
    """
    while True:
        if row := await db.fetchrow(sql.take_numbers, year, count):
            return row["series"], row["first"]
        place = await db.fetchval(sql.find_place, year)
        if place is None:
            raise AllSeriesInUseError(year)
        await db.execute(sql.open_series, series_name(year, place), year, place)


async def use_numbers(db: Connection, series: str, count: int) -> None:
    """Move a held series on by as many numbers as were given to invoices."""
    await db.execute(sql.use_numbers, series, count)


async def append_paid_invoices(
    db: Connection, invoices: Sequence[PaidInvoice], year: int
) -> Numbers:
    """Issue invoices for what was paid when it was ordered, numbered in their order."""
    series, first = await take_numbers(db, year, len(invoices))
    lines = [
        (invoice, position, line)
        for invoice in invoices
        for position, line in enumerate(invoice.item.lines, start=1)
    ]
    await db.execute(
        sql.append_paid_invoices,
        series,
        first,
        [one.invoice_id for one in invoices],
        [one.account_id for one in invoices],
        [one.resource_id for one in invoices],
        [one.order_id for one in invoices],
        [one.item.item_id for one in invoices],
        [one.payment_id for one in invoices],
        [one.period_from for one in invoices],
        [one.period_to for one in invoices],
        [one.item.currency for one in invoices],
        [one.item.discount for one in invoices],
        [one.item.net for one in invoices],
        [one.item.vat for one in invoices],
        [one.item.amount for one in invoices],
        [one.issued_at for one in invoices],
        [invoice.account_id for invoice, _, _ in lines],
        [invoice.invoice_id for invoice, _, _ in lines],
        [position for _, position, _ in lines],
        [line.sku for _, _, line in lines],
        [line.description for _, _, line in lines],
        [line.quantity for _, _, line in lines],
        [line.minutes for _, _, line in lines],
        [line.unit_price for _, _, line in lines],
        [line.discount_rate for _, _, line in lines],
        [line.amount for _, _, line in lines],
        [line.vat for _, _, line in lines],
        [line.vat_rate for _, _, line in lines],
        [line.vat_included for _, _, line in lines],
        [line.period_from for _, _, line in lines],
        [line.period_to for _, _, line in lines],
    )
    return Numbers(series, first, first + len(invoices))


async def write_invoices(db: Connection, numbers: Numbers) -> list[str]:
    """Invoices just issued, each a JSON object that Postgres writes."""
    rows = await db.fetch(sql.write_invoices, numbers.series, numbers.first, numbers.end)
    return [row["body"] for row in rows]


async def find_owed_to_customers(db: Connection, numbers: Numbers) -> list[Owed]:
    """Those of the invoices just issued that came out below 0."""
    rows = await db.fetch(sql.find_owed_to_customers, numbers.series, numbers.first, numbers.end)
    return [
        Owed(row["invoice_id"], row["account_id"], row["amount"], row["order_id"], row["item_id"])
        for row in rows
    ]
