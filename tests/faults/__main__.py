"""`make faults`: real workers, real servers, every kind of fault, and the books at the end."""

import argparse
import asyncio
import json
import logging
import shutil
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from tests.faults.campaign import Plan, campaign, table_of
from tests.servers import servers


def main() -> int:
    """Run a campaign, print its figures, write them as JSON; returns 1 where anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="draws orders, faults and moments")
    parser.add_argument(
        "--orders",
        type=int,
        default=20_000,
        help="creations; about half as many orders change them",
    )
    parser.add_argument("--kills", type=int, default=200, help="workers killed at random")
    parser.add_argument("--rounds", type=int, default=3, help="how often each other fault strikes")
    parser.add_argument("--no-steps", action="store_true", help="do not kill workers at every step")
    parser.add_argument("--out", type=Path, default=Path(".local/faults.json"))
    options = parser.parse_args()
    plan = Plan(
        seed=options.seed,
        orders=options.orders,
        kills=options.kills,
        rounds=options.rounds,
        steps=0 if options.no_steps else None,
    )
    logging.getLogger("aiormq").setLevel(logging.CRITICAL)  # connections break on purpose
    options.out.parent.mkdir(parents=True, exist_ok=True)
    logs = Path(tempfile.mkdtemp(prefix="faults-", dir=options.out.parent)).absolute()
    print(f"seed {plan.seed}; what workers log is in {logs} while it runs, and where it fails")
    with servers(ours_alone=True, durable=True) as running:
        figures = asyncio.run(campaign(running, logs, plan))
    shutil.rmtree(logs)
    Console().print(table_of(figures))
    options.out.write_text(json.dumps(figures, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
