"""`python -m tests.simulation`: what was lived through, and what went wrong."""

import argparse
import random
import sys

from tests.simulation.bugs import BUGS
from tests.simulation.simulate import Finding, Report, simulate


def main() -> int:
    """Returns 1 if something went wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument(
        "--seed", default=str(random.randrange(10**6)), help="7, or 7.13: one world"
    )
    parser.add_argument("--steps", type=int, default=1_000_000, help="at least; worlds are whole")
    parser.add_argument("--bug", choices=sorted(BUGS), help="plant a bug that is to be found")
    told = parser.parse_args()
    report = simulate(told.seed, steps=told.steps, bug=told.bug)
    print(_told(told.seed, report))
    if report.finding:
        print(_found(report.finding, told.bug))
    return 1 if report.finding else 0


def _told(seed: str, report: Report) -> str:
    lived = (
        f"seed {seed}: {report.steps:,} steps in {report.real_s:.1f} s"
        f" ({report.steps / report.real_s:,.0f} a second), {report.worlds} worlds of together"
        f" {report.virtual_s / 60:,.0f} virtual minutes, {report.messages:,} messages,"
        f" {report.effects:,} effects; digest {report.digest & 0xFFFFFFFF:08x}"
    )
    faults = [f"{times:>8,}  {kind}" for kind, times in report.faults.most_common()]
    return "\n".join([lived, *faults])


def _found(finding: Finding, bug: str | None) -> str:
    again = f"python -m tests.simulation --seed {finding.seed}"
    lines = [
        *("  " + " ".join(map(str, event)) for event in finding.events),
        f"VIOLATED at step {finding.step:,} of world {finding.seed}: {finding.invariant}",
        f"  {finding.detail}",
        f"  once more: {again}" + (f" --bug {bug!r}" if bug else ""),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
