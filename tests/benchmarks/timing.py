"""What is measured, and how it is shown: as ratios against yardsticks of the same run."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a contender took for `count` messages or postings."""

    name: str
    count: int
    seconds: float
    cpu_s: float | None = None
    """Of all cores, with what the servers used; None where it is not known."""

    @property
    def rate(self) -> float:
        return self.count / self.seconds

    @property
    def figures(self) -> dict[str, float]:
        """What else there is to tell, by its unit."""
        if self.cpu_s is None:
            return {}
        return {"CPU us": self.cpu_s / self.count * 1e6}


def best_of(timings: Iterable[Timing]) -> dict[str, Timing]:
    """The quickest timing of each contender."""
    best: dict[str, Timing] = {}
    for timing in timings:
        if timing.name not in best or timing.rate > best[timing.name].rate:
            best[timing.name] = timing
    return best


def compare(
    title: str, ours: str, goals: dict[str, float], best: dict[str, Timing]
) -> list[dict[str, Any]]:
    """Print a table of what `ours` is against each of the others.

    Returns:
        The same as rows for JSON.
    """
    table = Table(title=title)
    units = best[ours].figures
    for column in ("", "a second", "cloudtill is", "goal", *units):
        table.add_column(column, justify="left" if not column else "right")
    rows: list[dict[str, Any]] = []
    for name, timing in best.items():
        goal = goals.get(name)
        ratio = round(best[ours].rate / timing.rate, 2)
        rows.append(
            {"name": name, "rate": round(timing.rate), "ratio": ratio, "goal": goal}
            | {unit: round(figure, 1) for unit, figure in timing.figures.items()}
        )
        told = (f"{figure:,.0f}" for figure in timing.figures.values())
        table.add_row(name, f"{timing.rate:,.0f}", f"{ratio}x", f"{goal:g}x" if goal else "", *told)
    Console().print(table)
    return rows
