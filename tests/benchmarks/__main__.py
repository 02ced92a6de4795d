"""`make bench`: what it costs, as ratios against named yardsticks in the same run."""

import argparse
import asyncio
import json
import os
import platform
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table

from shared.database import connect
from tests.benchmarks import hop

_ROUNDS = 3


def main() -> None:
    """Run the benchmarks, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--messages", type=int, default=10_000, help="a contender and round")
    parser.add_argument("--rounds", type=int, default=_ROUNDS, help="the best of which counts")
    parser.add_argument("--out", type=Path, default=Path(".local/bench.json"))
    options = parser.parse_args()
    result = _hop(options.messages, options.rounds)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(
        json.dumps({"python": platform.python_version(), "hop": result}, indent=2)
    )
    Console().print(f"written to {options.out}")


def _hop(messages: int, rounds: int) -> list[dict[str, Any]]:
    best: dict[str, hop.Timing] = {}
    for _ in range(rounds):
        for timing in _in_own_database(messages):
            if timing.name not in best or timing.rate > best[timing.name].rate:
                best[timing.name] = timing
    ours = best["cloudtill worker"].rate
    table = Table(title=f"The hop: {messages:,} messages, the best of {rounds} rounds")
    for column in ("", "messages/s", "cloudtill is", "goal"):
        table.add_column(column, justify="left" if not column else "right")
    rows: list[dict[str, Any]] = []
    for name, timing in best.items():
        goal = hop.GOALS.get(name)
        ratio = round(ours / timing.rate, 2)
        rows.append({"name": name, "rate": round(timing.rate), "ratio": ratio, "goal": goal})
        table.add_row(name, f"{timing.rate:,.0f}", f"{ratio}x", f"{goal}x" if goal else "")
    Console().print(table)
    return rows


def _in_own_database(messages: int) -> list[hop.Timing]:
    admin = os.environ["CLOUDTILL_DATABASE_URL"]
    name = f"bench_{uuid.uuid4().hex[:8]}"
    asyncio.run(_execute(admin, f"create database {name}"))
    try:
        url = urlsplit(admin)._replace(path=f"/{name}").geturl()
        return hop.measure(os.environ["CLOUDTILL_AMQP_URL"], url, messages)
    finally:
        asyncio.run(_execute(admin, f"drop database {name} with (force)"))


async def _execute(url: str, statement: str) -> None:
    db = await connect(url, wait_s=10)
    try:
        await db.execute(statement)
    finally:
        await db.close()


if __name__ == "__main__":
    main()
