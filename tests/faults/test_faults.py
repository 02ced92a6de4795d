"""A short campaign of each kind: `make faults` runs long ones."""

from pathlib import Path

import pytest

from services.registry import SERVICES
from tests.faults.campaign import Plan, campaign
from tests.servers import Servers

KILLS = 8
CASES_OF_A_SERVICE = 8


@pytest.mark.timeout(900)
async def test_every_order_is_concluded_and_the_books_are_right_whatever_is_killed_and_cut(
    own_servers: Servers, tmp_path: Path
) -> None:
    plan = Plan(
        seed=7,
        orders=120,
        kills=KILLS,
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
    assert figures["faults"]["worker killed"] == KILLS
    assert figures["orders"] > 120
    assert sum(figures["retries"].values()) > 0
    assert figures["duplicates_dropped"] > 0


@pytest.mark.timeout(900)
async def test_workers_that_die_at_any_step_of_their_path_lose_and_double_nothing(
    own_servers: Servers, tmp_path: Path
) -> None:
    plan = Plan(seed=11, orders=12, kills=0, rounds=0, steps=CASES_OF_A_SERVICE)
    figures = await campaign(own_servers, tmp_path, plan)
    assert figures["steps"] == CASES_OF_A_SERVICE * len(SERVICES)
    assert figures["faults"]["worker died at a step"] == figures["steps"]
