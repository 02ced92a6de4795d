"""Geometry of bar charts: whole numbers that a template draws as SVG."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.portal.domain.costs import Slice

_NICE = (1, 2, 5, 10)


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of a column: where it stands, whose it is and what it stands for."""

    x: int
    y: int
    width: int
    height: int
    series: int
    key: str
    value: int


@dataclass(frozen=True, slots=True)
class Column:
    """A month's column: its middle, its parts from below, and their sum."""

    label: str
    middle: int
    bars: Sequence[Bar]
    total: int


@dataclass(frozen=True, slots=True)
class Chart:
    """Columns over a base line, and the lines behind them, each with its value."""

    width: int
    height: int
    base: int
    columns: Sequence[Column]
    lines: Sequence[tuple[int, int]]
    keys: Sequence[str]


def columns(months: Mapping[str, Sequence[Slice]], *, width: int = 720, height: int = 260) -> Chart:
    """A column for each month, its parts stacked; what is below 0 is not drawn."""
    keys = sorted({part.key for parts in months.values() for part in parts})
    top = nice(max((_sum(parts) for parts in months.values()), default=0))
    left, above, below = 8, 12, 28
    room, base = height - above - below, height - below
    step = (width - left) // max(1, len(months))
    drawn: list[Column] = []
    for place, (month, parts) in enumerate(months.items()):
        bar_width = min(64, step * 2 // 3)
        x = left + place * step + (step - bar_width) // 2
        drawn.append(_column(month, parts, keys, x, bar_width, base, room, top))
    lines = [(base - room * part // 4, top * part // 4) for part in range(5)]
    return Chart(width, height, base, drawn, lines, keys)


def _column(
    month: str,
    parts: Sequence[Slice],
    keys: Sequence[str],
    x: int,
    width: int,
    base: int,
    room: int,
    top: int,
) -> Column:
    bars: list[Bar] = []
    done = 0
    for part in parts:
        if part.value <= 0:
            continue
        low, high = room * done // top, room * (done + part.value) // top
        bars.append(
            Bar(x, base - high, width, high - low, keys.index(part.key) % 8, part.key, part.value)
        )
        done += part.value
    return Column(month, x + width // 2, bars, sum(part.value for part in parts))


def _sum(parts: Sequence[Slice]) -> int:
    return sum(max(0, part.value) for part in parts)


def nice(value: int) -> int:
    """A round number that is not less: 1, 2 or 5 with zeros, and at least 4."""
    if value <= 4:
        return 4
    power = int("1" + "0" * (len(str(value)) - 1))
    return next(step * power for step in _NICE if step * power >= value)


def shares(values: Sequence[int], *, width: int = 100) -> list[int]:
    """The lengths of lying bars, the longest being `width`; what is below 0 has none."""
    longest = max((value for value in values if value > 0), default=1)
    return [max(0, value) * width // longest for value in values]
