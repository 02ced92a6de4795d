"""The picture of a benchmark's run shows what came of it, and the document names all of it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.__main__ import BENCHMARKS
from tests.benchmarks.chart import Standing, standings, svg

_DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture(name="committed", scope="module")
def _committed() -> dict[str, Any]:
    result: dict[str, Any] = json.loads((_DOCS / "benchmarks.json").read_text())
    return result


def test_the_committed_run_is_of_these_benchmarks(committed: dict[str, Any]) -> None:
    parts = committed.keys() - {"python", "cores"}
    assert parts
    assert parts <= BENCHMARKS.keys()


def test_the_committed_picture_is_that_of_the_committed_run(committed: dict[str, Any]) -> None:
    assert (_DOCS / "benchmarks.svg").read_text() == svg(committed)


def test_the_document_names_every_benchmark() -> None:
    text = (_DOCS / "benchmarks.md").read_text()
    assert [name for name in BENCHMARKS if f"`{name}`" not in text] == []


def test_a_figure_below_its_goal_is_drawn_in_another_colour_than_one_above() -> None:
    def hop(ratio: float) -> dict[str, Any]:
        return {"hop": {"rows": [{"name": "a", "rate": 1, "ratio": ratio, "goal": 2.0}]}}

    assert list(standings(hop(1.0))) == [Standing("hop / a", "1.0x of 2x", 0.5)]
    assert _bars(svg(hop(1.0))) == [("50.0", "#c73")]
    assert _bars(svg(hop(3.0))) == [("150.0", "#2a7")]


def _bars(picture: str) -> list[tuple[str, str]]:
    """Width and colour of each."""
    return re.findall(r'<rect x=.* width="([\d.]+)" .* fill="(#\w+)"', picture)
