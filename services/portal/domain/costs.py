"""Costs as charts and tables show them: by month, by product, by resource; and what is to come."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Cost:
    """What one resource cost in a month, VAT included, in smallest units."""

    month: str
    product: str
    resource_id: str
    name: str
    gross: int


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a bar: whose it is, and how much of it."""

    key: str
    value: int


def by_month(costs: Iterable[Cost]) -> dict[str, list[Slice]]:
    """What each month cost, product by product, the months in order."""
    months: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for cost in costs:
        months[cost.month][cost.product] += cost.gross
    return {
        month: [Slice(product, value) for product, value in sorted(months[month].items())]
        for month in sorted(months)
    }


def by_product(costs: Iterable[Cost]) -> list[Slice]:
    """What each product cost, the dearest first."""
    totals: Counter[str] = Counter()
    for cost in costs:
        totals[cost.product] += cost.gross
    return [Slice(key, value) for key, value in totals.most_common()]


def by_resource(costs: Iterable[Cost], at_most: int) -> list[tuple[Cost, int]]:
    """What the dearest resources cost, each with its latest name."""
    totals: Counter[str] = Counter()
    latest: dict[str, Cost] = {}
    for cost in costs:
        totals[cost.resource_id] += cost.gross
        latest[cost.resource_id] = cost
    return [(latest[key], value) for key, value in totals.most_common(at_most)]


def expected(invoiced: int, used: int, start: datetime, until: datetime, end: datetime) -> int:
    """What a month that is under way is expected to come to (smallest units, rounded down).

    Args:
        invoiced: what was invoiced in it already.
        used: what was used of it and is not invoiced yet.
        start: of the month.
        until: up to when `used` is.
        end: of the month.
    """
    elapsed, whole = _seconds(start, until), _seconds(start, end)
    return invoiced + (used * whole // elapsed if elapsed > 0 and used > 0 else used)


def _seconds(start: datetime, end: datetime) -> int:
    return int((end - start).total_seconds())


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a month that is under way comes to, and the next one, in smallest units.

    `expected` is if use goes on as so far, `next_month` the mean of the last three months that are
    over; None where none of them cost anything.
    """

    invoiced: int
    used: int
    expected: int
    next_month: int | None


def forecast(
    totals: Sequence[int], used: int, start: datetime, until: datetime, end: datetime
) -> Forecast:
    """What is to come.

    Args:
        totals: what each month was invoiced, the present one last.
        used: what was used of it and is not invoiced yet.
        start: of the present month.
        until: up to when `used` is.
        end: of the present month.
    """
    *past, invoiced = totals
    begun = next((place for place, value in enumerate(past) if value), len(past))
    return Forecast(
        invoiced, used, expected(invoiced, used, start, until, end), typical(past[begun:])
    )


def typical(months: Sequence[int]) -> int | None:
    """What a month to come is expected to cost: the mean of the last three, if there are any."""
    last = months[-3:]
    return sum(last) // len(last) if last else None
