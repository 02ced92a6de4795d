"""`make bench`: what it costs, as ratios against named yardsticks in the same run."""

import argparse
import asyncio
import json
import os
import platform
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from rich.console import Console

from shared.database import connect
from tests.benchmarks import (
    history,
    hop,
    idle,
    month,
    orders,
    pages,
    postings,
    soak,
    stored,
    usage,
)
from tests.benchmarks.chart import svg
from tests.benchmarks.timing import Timing, best_of, compare

_ROUNDS = 3
_WORKERS = (1, 2, 4)
"""Of each service, in turn: how whole orders scale."""

Rows: TypeAlias = list[dict[str, Any]]


def main() -> None:
    """Run the benchmarks that are named, all of them where none is; print tables, write JSON."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}")
    parser.add_argument("--messages", type=int, default=10_000, help="a contender and round")
    parser.add_argument("--orders", type=int, default=5_000, help="in a backlog")
    parser.add_argument("--reports", type=int, default=300_000, help="of usage, a round")
    parser.add_argument("--page-loads", type=int, default=200, help="of each page")
    parser.add_argument("--rounds", type=int, default=_ROUNDS, help="the best of which counts")
    parser.add_argument("--resources", type=int, default=1_000_000, help="of the month's end")
    parser.add_argument("--minutes", type=int, default=10, help="of the soak")
    parser.add_argument("--rate", type=int, default=100, help="orders a second of the soak")
    parser.add_argument("--out", type=Path, default=Path(".local/bench.json"))
    options = parser.parse_args()
    if unknown := set(options.names) - set(BENCHMARKS):
        parser.error(f"there is no benchmark called {', '.join(sorted(unknown))}")
    result: dict[str, Any] = {"python": platform.python_version(), "cores": os.cpu_count()}
    for name in options.names or BENCHMARKS:
        began = time.perf_counter()
        result[name] = {
            "load_before": os.getloadavg(),
            "rows": BENCHMARKS[name](options),
            "took_s": round(time.perf_counter() - began),
        }
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(result, indent=2) + "\n")
    picture = options.out.with_suffix(".svg")
    picture.write_text(svg(result))
    Console().print(f"written to {options.out} and {picture}")


def _hop(options: argparse.Namespace) -> Rows:
    messages, rounds = options.messages, options.rounds
    timings: list[Timing] = []
    for _ in range(rounds):
        with _own_database() as url:
            timings += hop.measure(_amqp_url(), url, messages)
    title = f"The hop: {messages:,} messages, the best of {rounds} rounds"
    return compare(title, "cloudtill worker", hop.GOALS, best_of(timings))


def _postings(options: argparse.Namespace, accounts: int) -> Rows:
    count, rounds = options.messages, options.rounds
    timings: list[Timing] = []
    with _own_database() as url:
        asyncio.run(postings.prepare(url))
        for _ in range(rounds):
            timings += postings.measure(url, accounts, count)
    title = f"Wallet postings on {accounts:,} accounts, the best of {rounds} rounds"
    return compare(title, postings.OURS, postings.GOALS[accounts], best_of(timings))


def _usage(options: argparse.Namespace) -> Rows:
    reports, rounds = options.reports, options.rounds
    timings: list[Timing] = []
    for _ in range(rounds):
        with _own_database() as url:
            timings += usage.measure(_amqp_url(), url, reports)
    best = best_of(timings)
    rate, promised = best[usage.OURS].rate, usage.REPORTS_A_SECOND
    title = (
        f"Usage reports in batches of 500, a fifth twice: {reports:,}, the best of {rounds} rounds;"
        f" {rate / promised:.2f} of the {promised:,} a second that are promised"
    )
    return compare(title, usage.OURS, usage.GOALS, best)


def _orders(options: argparse.Namespace) -> Rows:
    results: list[orders.Result] = []
    for workers in _WORKERS:
        with _own_database() as url:
            results.append(
                orders.measure(_amqp_url(), url, options.orders, options.orders // 5, workers)
            )
    return orders.show(results)


def _history(options: argparse.Namespace) -> Rows:
    with _own_database() as url:
        return history.show(history.measure(_amqp_url(), url, max(200, options.orders // 5)))


def _soak(options: argparse.Namespace) -> Rows:
    with _own_database() as url:
        seen = soak.measure(_amqp_url(), url, options.minutes, options.rate)
    return soak.show(seen, options.rate)


def _idle(_options: argparse.Namespace) -> Rows:
    with _own_database() as url:
        return idle.show(idle.measure(_amqp_url(), url))


def _stored(options: argparse.Namespace) -> Rows:
    orders = max(500, options.orders // 5)
    return stored.show(stored.measure(_amqp_url(), _own_database, orders))


def _pages(options: argparse.Namespace) -> Rows:
    with _own_database() as url:
        return pages.show(pages.measure(_amqp_url(), url, options.page_loads))


def _amqp_url() -> str:
    return os.environ["CLOUDTILL_AMQP_URL"]


def _month(options: argparse.Namespace) -> Rows:
    results: list[month.Result] = []
    for count in (options.resources // 10, options.resources):
        with _own_database() as url:
            results.append(month.measure(_amqp_url(), url, count))
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


BENCHMARKS: dict[str, Callable[[argparse.Namespace], Rows]] = {
    "hop": _hop,
    "postings_spread": lambda options: _postings(options, postings.SPREAD),
    "postings_hot": lambda options: _postings(options, postings.HOT),
    "orders": _orders,
    "history": _history,
    "soak": _soak,
    "idle": _idle,
    "stored": _stored,
    "usage": _usage,
    "pages": _pages,
    "month": _month,
}


if __name__ == "__main__":
    main()
