"""Three RabbitMQ nodes, with the settings of `deploy/`: one is killed under load, then another."""

import asyncio
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.registry import SERVICES
from shared.messages import Message
from shared.messages.upstream import OrderPlaced
from tests.faults.creations import changes, creations
from tests.faults.life import CONCLUDE_S, wind_up
from tests.faults.load import Load
from tests.faults.mixing import shuffled
from tests.faults.site import Site, open_site
from tests.servers import Servers, ServersMissing
from tests.servers.cluster import NODES, cluster
from tests.servers.private import RabbitMQ

DEPLOYED = Path(__file__).parents[2] / "deploy/kubernetes/examples/rabbitmq.yaml"
OF_THE_CLUSTER = "cluster_"
ORDERS = 100
HEARD_S = 60


def settings_of_deploy() -> str:
    """What the example in `deploy/` sets for clusters."""
    (deployed,) = (
        one for one in yaml.safe_load_all(DEPLOYED.read_text()) if one["kind"] == "RabbitmqCluster"
    )
    assert deployed["spec"]["replicas"] == NODES
    lines: list[str] = deployed["spec"]["rabbitmq"]["additionalConfig"].splitlines()
    return "".join(f"{line}\n" for line in lines if line.startswith(OF_THE_CLUSTER))


@pytest.fixture(scope="module")
def nodes() -> Iterator[tuple[Servers, list[RabbitMQ]]]:
    """A cluster whose nodes may be killed."""
    assert "pause_minority" in settings_of_deploy()
    try:
        with cluster(settings_of_deploy()) as running:
            yield running
    except ServersMissing as missing:
        pytest.exit(str(missing), returncode=1)


def members_of_queues(node: RabbitMQ) -> dict[str, int]:
    """How many nodes have each queue."""
    listed = node.rabbitmqctl("list_queues", "name", "members", "--quiet", "--formatter", "json")
    rows: list[dict[str, Any]] = json.loads(listed)
    return {row["name"]: len(row["members"]) for row in rows}


@pytest.mark.timeout(400)
async def test_a_cluster_that_loses_one_node_and_then_another_goes_on_and_loses_nothing(
    nodes: tuple[Servers, list[RabbitMQ]], tmp_path: Path
) -> None:
    running, (first, second, _) = nodes
    async with open_site(running, tmp_path, seed=5) as site:
        members = await asyncio.to_thread(members_of_queues, first)
        assert members.keys() >= SERVICES.keys()
        assert set(members.values()) == {NODES}
        load = Load("cluster", ORDERS, random.Random(5))
        async with site.staffed({name: (name,) for name in SERVICES}):
            await site.publish(shuffled(load.opening(), site.chance))
            await site.conclude(CONCLUDE_S)
            orders = shuffled([*creations(load), *changes(load)], site.chance)
            pieces = iter([orders[start::4] for start in range(4)])
            await _kill_under_load(site, second, next(pieces))
            taking = asyncio.create_task(site.publish(next(pieces)))
            await asyncio.to_thread(second.start)
            await asyncio.to_thread(second.wait_for_quorum)  # as operators do before the next
            await site.recovered("node back")
            await taking
            await _kill_under_load(site, first, next(pieces))
            await site.publish(next(pieces))
            await wind_up(site, load)
            await site.assert_all_is_well(load.placed)
    assert len(site.figures.recoveries_s["node killed"]) == 2


async def _kill_under_load(site: Site, node: RabbitMQ, orders: Sequence[Message]) -> None:
    """Kill a node while orders come; publishing and all that follows go on without it."""
    taking = asyncio.create_task(site.publish(orders))
    await site.house.ear.wait_for(OrderPlaced, lambda placed: placed in orders, HEARD_S)
    await asyncio.to_thread(node.kill)
    await site.recovered("node killed")
    await taking
