"""A short campaign of each kind: `make faults` runs long ones."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.campaign import Plan, campaign
from tests.servers import Servers, ServersMissing, servers


@pytest.fixture(scope="module")
def own_servers() -> Iterator[Servers]:
    """Servers that may be stopped and killed."""
    try:
        with servers(ours_alone=True, durable=True) as running:
            yield running
    except ServersMissing as missing:
        pytest.exit(str(missing), returncode=1)


@pytest.mark.timeout(400)
async def test_every_order_is_concluded_and_the_books_are_right_whatever_is_killed_and_cut(
    own_servers: Servers, tmp_path: Path
) -> None:
    plan = Plan(
        seed=7,
        orders=200,
        kills=10,
        steps=0,
        kinds=(
            "broker killed",
            "postgres killed",
            "connections cut",
            "queues full",
            "transactions fail",
            "deadlocks",
        ),
        pause_s=0.5,
    )
    figures = await campaign(own_servers, tmp_path, plan)
    assert figures["faults"]["worker killed"] == 10
    assert figures["orders"] > 200
    assert sum(figures["retries"].values()) > 0
    assert figures["duplicates_dropped"] > 0


@pytest.mark.timeout(400)
async def test_workers_that_die_at_any_step_of_their_path_lose_and_double_nothing(
    own_servers: Servers, tmp_path: Path
) -> None:
    figures = await campaign(
        own_servers, tmp_path, Plan(seed=11, orders=12, kills=0, rounds=0, steps=12)
    )
    assert figures["steps"] == 60
    assert figures["faults"]["worker died at a step"] == 60
