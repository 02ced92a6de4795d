"""`make bench`: what it costs, as ratios against named yardsticks in the same run."""

import argparse
import asyncio
import json
import os
import platform
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rich.console import Console

from shared.database import connect
from tests.benchmarks import hop, month, postings, usage
from tests.benchmarks.timing import Timing, best_of, compare

_ROUNDS = 3


def main() -> None:
    """Run the benchmarks, print tables, write JSON."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--messages", type=int, default=10_000, help="a contender and round")
    parser.add_argument("--reports", type=int, default=300_000, help="of usage, a round")
    parser.add_argument("--rounds", type=int, default=_ROUNDS, help="the best of which counts")
    parser.add_argument("--resources", type=int, default=1_000_000, help="of the month's end")
    parser.add_argument("--out", type=Path, default=Path(".local/bench.json"))
    options = parser.parse_args()
    result = {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "hop": _hop(options.messages, options.rounds),
        "postings_spread": _postings(postings.SPREAD, options.messages, options.rounds),
        "postings_hot": _postings(postings.HOT, options.messages, options.rounds),
        "usage_reports": _usage(options.reports, options.rounds),
        "month": _month(options.resources),
        "load": os.getloadavg(),
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=2))
    Console().print(f"written to {options.out}")


def _hop(messages: int, rounds: int) -> list[dict[str, Any]]:
    timings: list[Timing] = []
    for _ in range(rounds):
        with _own_database() as url:
            timings += hop.measure(os.environ["CLOUDTILL_AMQP_URL"], url, messages)
    title = f"The hop: {messages:,} messages, the best of {rounds} rounds"
    return compare(title, "cloudtill worker", hop.GOALS, best_of(timings))


def _postings(accounts: int, count: int, rounds: int) -> list[dict[str, Any]]:
    timings: list[Timing] = []
    with _own_database() as url:
        asyncio.run(postings.prepare(url))
        for _ in range(rounds):
            timings += postings.measure(url, accounts, count)
    title = f"Wallet postings on {accounts:,} accounts, the best of {rounds} rounds"
    return compare(title, postings.OURS, postings.GOALS[accounts], best_of(timings))


def _usage(reports: int, rounds: int) -> list[dict[str, Any]]:
    timings: list[Timing] = []
    for _ in range(rounds):
        with _own_database() as url:
            timings += usage.measure(os.environ["CLOUDTILL_AMQP_URL"], url, reports)
    best = best_of(timings)
    rate, promised = best[usage.OURS].rate, usage.REPORTS_A_SECOND
    title = (
        f"Usage reports in batches of 500, a fifth twice: {reports:,}, the best of {rounds} rounds;"
        f" {rate / promised:.2f} of the {promised:,} a second that are promised"
    )
    return compare(title, usage.OURS, usage.GOALS, best)


def _month(resources: int) -> list[dict[str, Any]]:
    results: list[month.Result] = []
    for count in (resources // 10, resources):
        with _own_database() as url:
            results.append(month.measure(os.environ["CLOUDTILL_AMQP_URL"], url, count))
    return month.show(*results)


@contextmanager
def _own_database() -> Iterator[str]:
    """The URL of a new, empty database."""
    admin = os.environ["CLOUDTILL_DATABASE_URL"]
    name = f"bench_{uuid.uuid4().hex[:8]}"
    asyncio.run(_execute(admin, f"create database {name}"))
    try:
        yield urlsplit(admin)._replace(path=f"/{name}").geturl()
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
