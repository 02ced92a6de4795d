"""Amounts explained: each line of an invoice derived again from what it stands for, to the last
unit, by other arithmetic than that which computed it (domain 6, 8)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Final, Literal

from shared.periods import to_minute

PURCHASE_MINUTES: Final = (43_200, 60, None)
"""A purchase is priced per 30 days, per hour, or per unit whatever the time (domain 6)."""
QUANTITY_DIGITS: Final = 12
"""Of a metered quantity, after the point."""
_MINUTE: Final = timedelta(minutes=1)
_INSTANT: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it was issued; amounts in smallest units."""

    position: int
    sku: str
    quantity: Decimal
    minutes: int | None
    unit_price: Decimal
    discount_rate: Decimal
    amount: int
    vat: int
    vat_rate: Decimal
    vat_included: bool
    period_from: datetime | None
    period_to: datetime | None
    month: str | None


@dataclass(frozen=True, slots=True)
class Use:
    """A component's stretch of use: of a segment, or of a correction of the invoiced `month`.

    `end` is None where the use goes on. `sign` is -1 for what is given back.
    """

    version: int
    sku: str
    quantity: Decimal
    discount_rate: Decimal
    start: datetime
    end: datetime | None
    month: str | None = None
    sign: int = 1


@dataclass(frozen=True, slots=True)
class Tariff:
    """A price version and its VAT, in force from `start`, or ever, until `end`, or for ever.

    The price is for `price_minutes`, or for a unit where that is None.
    """

    sku: str
    start: datetime | None
    end: datetime | None
    unit_price: Decimal
    price_minutes: int | None
    vat_rate: Decimal
    vat_included: bool

    def covers(self, start: datetime, end: datetime) -> bool:
        return (self.start is None or self.start <= start) and (self.end is None or end <= self.end)

    def is_of(self, line: Line) -> bool:
        """Whether a line has this price and this VAT."""
        return (self.sku, self.unit_price, self.vat_rate, self.vat_included) == (
            line.sku,
            line.unit_price,
            line.vat_rate,
            line.vat_included,
        )

    def minutes_of(self, start: datetime, end: datetime) -> int:
        """Whole minutes of a stretch in which it was in force."""
        first = to_minute(start if self.start is None else max(start, self.start))
        last = to_minute(end if self.end is None else min(end, self.end))
        return max(0, (last - first) // _MINUTE)


@dataclass(frozen=True, slots=True)
class Report:
    """A report of metered use in `month`, which is on the invoice of `period`."""

    report_id: str
    sku: str
    aggregation: Literal["time_weighted", "cumulative"]
    quantity: Decimal
    used_from: datetime
    used_to: datetime
    month: str
    period: str
    discount_rate: Decimal

    @property
    def used_at(self) -> datetime:
        """The last instant of the use, at whose price a cumulative report is charged."""
        return max(self.used_from, self.used_to - _INSTANT)


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a prepaid term: what was bought on an earlier invoice, coupons taken off."""

    number: str
    start: datetime
    end: datetime
    paid: int


@dataclass(frozen=True, slots=True)
class Sources:
    """What an invoice was made of. `subunits`: smallest units of one unit of its currency."""

    kind: Literal["prepaid", "usage", "final"]
    period: str | None
    subunits: int
    uses: Sequence[Use]
    tariffs: Sequence[Tariff]
    reports: Sequence[Report]
    pieces: Sequence[Piece]


@dataclass(frozen=True, slots=True)
class Derived:
    """A line derived again, in words; `fault` says why it could not be, or what came out."""

    position: int
    words: str
    fault: str | None = None


def derive(lines: Iterable[Line], sources: Sources) -> list[Derived]:
    """Derive each line of an invoice again, from its use, reports or purchase and its price."""
    return [_derived(line, sources) for line in lines]


def _derived(line: Line, sources: Sources) -> Derived:
    if sources.kind == "prepaid":
        return _purchased(line, sources)
    if line.minutes is not None:
        return _used(line, sources)
    return _reported(line, sources)


def _purchased(line: Line, sources: Sources) -> Derived:
    """What was bought, at the price that its order fixed; or what is given back of it."""
    if line.amount < 0:
        return _unused(line, sources)
    per_unit = Fraction(line.unit_price * line.quantity * (1 - line.discount_rate))
    derived: list[Derived] = []
    for price_minutes in PURCHASE_MINUTES:
        share = Fraction(line.minutes or 0, price_minutes) if price_minutes else Fraction(1)
        value = per_unit * share * sources.subunits
        words = _words(line, "price fixed by its order", price_minutes, value)
        derived.append(_compared(line, words, 1, value))
    return next((one for one in derived if one.fault is None), derived[0])


def _unused(line: Line, sources: Sources) -> Derived:
    """The unused part of a stretch of the term is worth what was paid for it (domain 6)."""
    for piece in sources.pieces:
        minutes = (piece.end - piece.start) // _MINUTE
        if not line.minutes or line.minutes > minutes:
            continue
        value = Fraction(piece.paid * line.minutes, minutes)
        words = (
            f"{line.sku} (unused part of {piece.number}): {piece.paid} paid x {line.minutes} /"
            f" {minutes} minutes = {_exact(value)}, rounded half up {_half_up(value)};"
            f" {_vat_words(line)}"
        )
        derived = _compared(line, words, -1, value)
        if derived.fault is None:
            return derived
    return Derived(line.position, f"{line.sku}: unused part", "no earlier invoice is worth that")


def _used(line: Line, sources: Sources) -> Derived:
    """Use of a configuration: its segment, or its correction, at the price version in force."""
    start, end = line.period_from, line.period_to
    if start is None or end is None:
        return Derived(line.position, f"{line.sku}: use", "it names no stretch of time")
    candidates = (one for one in sources.uses if _is_source(one, line, start, end, sources.uses))
    use = next(candidates, None)
    if use is None:
        return Derived(line.position, f"{line.sku}: use", "no use is recorded for it")
    tariff = next(
        (one for one in sources.tariffs if one.is_of(line) and one.covers(start, end)), None
    )
    if tariff is None or tariff.price_minutes is None:
        return Derived(line.position, f"{line.sku}: use", "no such price was in force throughout")
    minutes = (end - start) // _MINUTE
    if minutes != line.minutes:
        return Derived(line.position, f"{line.sku}: use", f"that is {minutes} minutes")
    exact = tariff.unit_price * use.quantity * (1 - use.discount_rate)
    value = Fraction(exact) * minutes / tariff.price_minutes * sources.subunits
    source = f"{'segment' if use.month is None else 'correction'} {use.version}, {_since(tariff)}"
    words = _words(line, source, tariff.price_minutes, value)
    return _compared(line, words, use.sign, value)


def _is_source(use: Use, line: Line, start: datetime, end: datetime, uses: Sequence[Use]) -> bool:
    if (use.sku, use.quantity, use.discount_rate, use.month) != (
        line.sku,
        line.quantity,
        line.discount_rate,
        line.month,
    ):
        return False
    until = _invoiced_until(use, uses)
    return (
        use.start <= start
        and (until is None or end <= until)
        and (line.amount == 0 or use.sign * line.amount > 0)
    )


def _invoiced_until(use: Use, uses: Sequence[Use]) -> datetime | None:
    """The end of a stretch as it was known when it was invoiced: an end that was learnt of too
    late cuts the segment, and what had been charged beyond it is a correction (domain 3)."""
    end = use.end
    if use.month is not None:
        return end
    given_back = {
        one.start: one.end
        for one in uses
        if one.sign < 0
        and (one.sku, one.quantity, one.discount_rate) == (use.sku, use.quantity, use.discount_rate)
    }
    while end is not None and given_back.get(end):
        end = given_back[end]
    return end


def _reported(line: Line, sources: Sources) -> Derived:
    """Metered use: what reports come to at the price version of the line."""
    month = line.month or sources.period
    reports = [one for one in sources.reports if (one.sku, one.month) == (line.sku, month)]
    tariffs = [one for one in sources.tariffs if one.is_of(line)]
    if not reports:
        return Derived(line.position, f"{line.sku}: metered", "no report is recorded for it")
    if not tariffs:
        return Derived(line.position, f"{line.sku}: metered", "no such price was ever in force")
    minutes = tariffs[0].price_minutes
    if minutes is not None:
        on_it = [
            one
            for one in reports
            if one.aggregation == "time_weighted"
            and one.period == sources.period
            and one.discount_rate == line.discount_rate
        ]
        amounts = [
            Fraction(one.quantity) * tariff.minutes_of(one.used_from, one.used_to)
            for one in on_it
            for tariff in tariffs
        ]
        quantity = sum(amounts, Fraction(0)) / minutes
        rounded = Fraction(round(quantity * 10**QUANTITY_DIGITS), 10**QUANTITY_DIGITS)
        sign = 1
    else:
        units = _units(reports, tariffs, line.discount_rate, sources.period or "")
        quantity = rounded = Fraction(abs(units))
        sign = -1 if units < 0 else 1
    if rounded != Fraction(line.quantity):
        found = f"the reports come to {float(quantity)!r}"
        return Derived(line.position, f"{line.sku}: metered", found)
    exact = Fraction(tariffs[0].unit_price * (1 - line.discount_rate))
    value = exact * quantity * sources.subunits
    words = _words(line, f"{len(reports)} reports, {_since(tariffs[0])}", None, value)
    return _compared(line, words, sign, value)


def _units(
    reports: Iterable[Report], tariffs: Sequence[Tariff], discount_rate: Decimal, period: str
) -> int:
    """Whole units that reports of a month complete at a price and a discount, less those invoiced
    before."""
    total = before = Fraction(0)
    units = 0
    for one in sorted(reports, key=lambda one: (one.used_to, one.report_id)):
        if one.aggregation != "cumulative" or one.period > period:
            continue
        here = one.discount_rate == discount_rate and any(
            (tariff.start is None or tariff.start <= one.used_at)
            and (tariff.end is None or one.used_at < tariff.end)
            for tariff in tariffs
        )
        added = Fraction(one.quantity)
        units += here * (floor(total + added) - floor(total))
        total += added
        if one.period < period:
            units -= here * (floor(before + added) - floor(before))
            before += added
    return units


def _compared(line: Line, words: str, sign: int, value: Fraction) -> Derived:
    amount = _half_up(value)
    rate = Fraction(line.vat_rate)
    vat = _half_up(amount * rate / (1 + rate) if line.vat_included else amount * rate)
    if (sign * amount, sign * vat) == (line.amount, line.vat):
        return Derived(line.position, words)
    fault = f"that makes {sign * amount} and VAT of {sign * vat}, not {line.amount} and {line.vat}"
    return Derived(line.position, words, fault)


def _half_up(value: Fraction) -> int:
    """Round 0 or more to a whole number, halves up (domain 6)."""
    return floor(value + Fraction(1, 2))


def _since(tariff: Tariff) -> str:
    if tariff.start is None:
        return "price ever in force"
    return f"price in force since {tariff.start:%Y-%m-%d %H:%M} UTC"


def _words(line: Line, source: str, price_minutes: int | None, value: Fraction) -> str:
    """`cpu (segment 1, ...): 300000 x 2 x 60 / 43200 minutes = 833.3333, rounded half up 833; ...`

    Args:
        line: whose price, quantity and discount are multiplied.
        source: what it stands for.
        price_minutes: for which the price is; None: for a unit.
        value: the exact amount, in smallest units.
    """
    factors = [f"{line.unit_price:f}", f"{line.quantity:f}"]
    if line.discount_rate:
        factors.append(f"(1 - {line.discount_rate:f})")
    if price_minutes:
        factors.append(f"{line.minutes} / {price_minutes} minutes")
    month = f", of {line.month}" if line.month else ""
    return (
        f"{line.sku} ({source}{month}): {' x '.join(factors)} = {_exact(value)} smallest units,"
        f" rounded half up {_half_up(value)}; {_vat_words(line)}"
    )


def _exact(value: Fraction) -> str:
    """With four digits after the point, none rounded."""
    text = f"{floor(value * 10**4)}".rjust(5, "0")
    return f"{text[:-4]}.{text[-4:]}".rstrip("0").rstrip(".")


def _vat_words(line: Line) -> str:
    return f"VAT of {line.vat_rate:f} {'included' if line.vat_included else 'on top'}: {line.vat}"
