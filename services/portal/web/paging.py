"""Pages of long tables: where one ended is where the next begins."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.portal.web.visits import Visit
from shared.database import Row

PAGE = 50
FILE = 10_000
"""Rows of a page, and of a file, at most."""


@dataclass(frozen=True, slots=True)
class Paged:
    """Rows of a page; `following` is the address of the next, if there are more."""

    rows: Sequence[Row]
    following: str | None


def place_of(visit: Visit) -> tuple[datetime, str] | None:
    """Where a page begins, as its address says: `?before=2026-11-02T12:00:00+00:00~id`."""
    at, _, key = visit.asked("before").partition("~")
    try:
        moment = datetime.fromisoformat(at.replace(" ", "+"))
    except ValueError:
        return None
    return (moment, key) if moment.tzinfo else None


def paged(visit: Visit, rows: Sequence[Row], at: str, key: str) -> Paged:
    """A page of the rows, of which one more than a page was asked for.

    Args:
        visit: whose address is kept.
        rows: newest first.
        at: the column by which they are ordered.
        key: the column that breaks ties.
    """
    return _paged(visit, rows, "before", lambda last: f"{last[at].isoformat()}~{last[key]}")


def paged_by(visit: Visit, rows: Sequence[Row], name: str, key: str) -> Paged:
    """A page of rows in another order than time's, of which one more than a page was asked for.

    Args:
        visit: whose address is kept.
        rows: in their order.
        name: of the parameter that says behind which row the next page begins.
        key: the column with what it says.
    """
    return _paged(visit, rows, name, lambda last: str(last[key]))


def _paged(visit: Visit, rows: Sequence[Row], name: str, place: Callable[[Row], str]) -> Paged:
    if len(rows) <= PAGE:
        return Paged(rows, None)
    address = visit.request.url.include_query_params(**{name: place(rows[PAGE - 1])})
    return Paged(rows[:PAGE], f"{address.path}?{address.query}")
