"""A benchmark's result as a picture: how far each figure is above or below what it should be."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from xml.sax.saxutils import escape

from tests.benchmarks import orders, pages, usage

_NAMES_WIDTH: Final = 420
_BARS_WIDTH: Final = 400
_FIGURES_WIDTH: Final = 180
_ROW: Final = 24
_MOST: Final = 4.0
"""Bars end at so many times the goal."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A figure beside its goal. `reached`: 1 is the goal, more is better."""

    name: str
    figure: str
    reached: float


def standings(result: Mapping[str, Any]) -> Iterator[Standing]:
    """The figures of a result that have a goal."""
    for part in ("hop", "postings_spread", "postings_hot"):
        for row in _rows(result, part):
            if row["goal"]:
                name = f"{part.replace('_', ', ')} / {row['name']}"
                figure = f"{row['ratio']:.1f}x of {row['goal']:g}x"
                yield Standing(name, figure, row["ratio"] / row["goal"])
    for row in _rows(result, "usage"):
        if row["name"] == usage.OURS:
            figure = f"{row['rate']:,}/s of {usage.REPORTS_A_SECOND:,}/s"
            yield Standing("usage reports", figure, row["rate"] / usage.REPORTS_A_SECOND)
    for row in _rows(result, "month"):
        if "goal" in row:
            figure = f"{row['figure']:.3g}, at most {row['goal']:g}"
            yield Standing(f"month's end: {row['name']}", figure, row["goal"] / row["figure"])
    if rows := _rows(result, "pages"):
        slowest = max(rows, key=lambda row: float(row["p99_ms"]))
        figure = f"{slowest['p99_ms']:,.0f} ms, at most {pages.P99_AT_MOST_MS} ms"
        yield Standing("the slowest page, p99", figure, pages.P99_AT_MOST_MS / slowest["p99_ms"])
    for row in _rows(result, "orders"):
        goal = orders.P99_AT_MOST_S
        figure = f"{row['p99_s'] * 1000:,.0f} ms, at most {goal * 1000:g} ms"
        name = f"whole orders at half load, p99, {row['workers']} workers a service"
        yield Standing(name, figure, goal / row["p99_s"])


def _rows(result: Mapping[str, Any], part: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = result.get(part, {"rows": []})["rows"]
    return rows


def svg(result: Mapping[str, Any]) -> str:
    """A bar for each figure; the line is where its goal is."""
    rows = list(standings(result))
    rates = [(row["workers"], row["drained_rate"]) for row in _rows(result, "orders")]
    width = _NAMES_WIDTH + _BARS_WIDTH + _FIGURES_WIDTH
    height = _ROW * (len(rows) + len(rates) + 5)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">',
        "<style>text { font: 13px sans-serif } .title { font-weight: bold }</style>",
        '<rect width="100%" height="100%" fill="white"/>',
        _text(_NAMES_WIDTH, 1, "Against the goal (the line); longer is better", "start", bold=True),
    ]
    for place, one in enumerate(rows, 2):
        share = min(one.reached, _MOST) / _MOST
        parts += _bar(place, one.name, one.figure, share, "#2a7" if one.reached >= 1 else "#c73")
    line = _NAMES_WIDTH + _BARS_WIDTH / _MOST
    parts.append(
        f'<line x1="{line}" x2="{line}" y1="{_ROW * 1.4}" y2="{_ROW * (len(rows) + 2)}"'
        ' stroke="black" stroke-dasharray="4 3"/>'
    )
    if rates:
        place = len(rows) + 3
        parts.append(_text(_NAMES_WIDTH, place, "Whole orders a second", "start", bold=True))
        most = max(rate for _, rate in rates)
        for number, (workers, rate) in enumerate(rates, place + 1):
            name = f"{workers} worker{'s' if workers > 1 else ''} a service"
            parts += _bar(number, name, f"{rate:,.0f}/s", rate / most, "#37a")
    return "\n".join([*parts, "</svg>", ""])


def _bar(place: int, name: str, figure: str, share: float, colour: str) -> Iterator[str]:
    width = round(share * _BARS_WIDTH, 1)
    yield _text(_NAMES_WIDTH - 10, place, name, "end")
    yield (
        f'<rect x="{_NAMES_WIDTH}" y="{place * _ROW + 4}" width="{width}" height="{_ROW - 8}"'
        f' fill="{colour}"/>'
    )
    yield _text(_NAMES_WIDTH + width + 8, place, figure, "start")


def _text(x: float, place: int, text: str, anchor: str, *, bold: bool = False) -> str:
    kind = ' class="title"' if bold else ""
    where = f'x="{x}" y="{place * _ROW + 17}" text-anchor="{anchor}"'
    return f"<text {where}{kind}>{escape(text)}</text>"
