"""The one statement that invoices the use of a range of accounts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from services.invoicing.store.invoices import Numbers, take_numbers, use_numbers
from shared.database import Connection
from shared.messages.invoicing import InvoiceKind
from shared.sql import Statements

sql = Statements("services.invoicing.store", "month.sql")

FIRST_TIME: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""No message has an earlier time."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What is to be invoiced: the use of some accounts, or of some of one's resources, in a
    stretch of time.

    `corrections_of` is the period whose corrections are due with it; `period` is set for those of a
    billing month.
    """

    kind: InvoiceKind
    first_account: str
    next_account: str | None
    start: datetime
    end: datetime
    corrections_of: str
    period: str | None = None
    resource_ids: Sequence[str] | None = None
    left_out: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Issued:
    """Invoices that were issued, and the accounts whose use could not be invoiced."""

    numbers: Numbers
    unbillable: Sequence[str]

    @property
    def invoices(self) -> int:
        return self.numbers.end - self.numbers.first


async def lock_accounts_of_range(
    db: Connection, first_account: str, next_account: str | None
) -> None:
    """Hold the accounts of a range, so that their use does not change while it is invoiced."""
    await db.execute(sql.lock_accounts_of_range, first_account, next_account)


async def find_earliest_open_use(
    db: Connection, first_account: str, next_account: str | None, time_zone: str
) -> datetime | None:
    """Since when an account of a range has, or may have, use that is not invoiced.

    `time_zone` is the billing zone, in which the months of reports begin.
    """
    earliest: datetime | None = await db.fetchval(
        sql.find_earliest_open_use, first_account, next_account, time_zone
    )
    return earliest


async def issue_invoices(
    db: Connection, stretch: Stretch, year: int, issued_at: datetime, due_at: datetime
) -> Issued:
    """Invoice use: one unpaid invoice for each resource with use in the stretch (domain 3.3).

    For kind `usage` the accounts' month is closed; those that can't be invoiced are left as they
    are and put in quarantine.

    Args:
        db: whose accounts are held.
        stretch: whose use, and when.
        year: of the invoices' numbers.
        issued_at: business time.
        due_at: business time.
    """
    series, first = await take_numbers(db, year, 0)
    (row,) = await db.fetch(
        sql.issue_invoices,
        stretch.first_account,
        stretch.next_account,
        list(stretch.left_out),
        stretch.start,
        stretch.end,
        stretch.corrections_of,
        stretch.kind,
        stretch.period,
        None if stretch.resource_ids is None else list(stretch.resource_ids),
        series,
        first,
        issued_at,
        due_at,
    )
    if row["invoices"]:
        await use_numbers(db, series, row["invoices"])
    return Issued(Numbers(series, first, first + row["invoices"]), row["unbillable"])


async def conclude_final_invoices(db: Connection, numbers: Numbers, corrections_of: str) -> None:
    """Note that the use on final invoices is not the month's run's any more."""
    await db.execute(
        sql.conclude_final_invoices, numbers.series, numbers.first, numbers.end, corrections_of
    )
