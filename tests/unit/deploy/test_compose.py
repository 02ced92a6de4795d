"""docker-compose.yml and the image name services, settings and files that exist."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from yarl import URL

from services.gateways.settings import GatewaySettings
from services.notifications.settings import NotificationSettings
from services.portal.settings import PortalSettings
from services.registry import SERVICES
from shared.settings import Settings

ROOT = Path(__file__).parents[3]
WORKERS = {*SERVICES, "scheduler"}
OURS = WORKERS | {"watch"}
SERVERS = {"rabbitmq", "postgres"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """docker-compose.yml with its anchors and merges resolved."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded


@pytest.fixture(scope="module")
def dockerfile() -> str:
    """deploy/Dockerfile, its continued lines joined."""
    return (ROOT / "deploy/Dockerfile").read_text().replace("\\\n", " ")


def test_each_service_has_its_worker_and_there_are_no_others(compose: dict[str, Any]) -> None:
    assert compose["services"].keys() == OURS | SERVERS | {"setup"}
    for name in WORKERS:
        assert compose["services"][name]["command"] == ["run", name]


def test_each_is_a_user_of_its_own_who_is_made_before_it_starts(compose: dict[str, Any]) -> None:
    setup = compose["services"]["setup"]
    assert setup["command"][0].endswith("&& cloudtill users apply")
    for name in OURS:
        environment = compose["services"][name]["environment"]
        servers = ("_AMQP_URL", "_DATABASE_URL")
        addresses = {key: one for key, one in environment.items() if key.endswith(servers)}
        own = [f"CLOUDTILL_{name.upper()}_AMQP_URL"] if name in WORKERS else []
        assert sorted(addresses) == [*own, f"CLOUDTILL_{name.upper()}_DATABASE_URL"]
        assert addresses.items() <= setup["environment"].items()
        assert all(URL(one).user == f"cloudtill_{name}" for one in addresses.values())


def test_workers_start_after_setup_and_healthy_servers(compose: dict[str, Any]) -> None:
    for name in OURS:
        assert compose["services"][name]["depends_on"] == {
            "setup": {"condition": "service_completed_successfully"},
            "rabbitmq": {"condition": "service_healthy"},
            "postgres": {"condition": "service_healthy"},
        }
    for name in SERVERS:
        assert compose["services"][name]["healthcheck"]["test"][0] == "CMD"


def test_a_worker_can_be_scaled(compose: dict[str, Any]) -> None:
    for name in WORKERS:
        fixed = {"container_name", "hostname"} | (set() if name == "portal" else {"ports"})
        assert not compose["services"][name].keys() & fixed
    (published,) = compose["services"]["portal"]["ports"]
    assert "-8000-8009}" in published, "each of several has a port of its own"


def test_servers_are_published_to_this_machine_only(compose: dict[str, Any]) -> None:
    for name in (*SERVERS, "portal"):
        for port in compose["services"][name]["ports"]:
            assert port.startswith("127.0.0.1:")


def test_settings_are_those_of_the_program(compose: dict[str, Any], dockerfile: str) -> None:
    fields = {
        *Settings.model_fields,
        *GatewaySettings.model_fields,
        *NotificationSettings.model_fields,
    }
    fields |= {f"portal_{name}" for name in PortalSettings.model_fields}
    known = {f"CLOUDTILL_{name.upper()}" for name in fields}
    known |= {
        f"CLOUDTILL_{name.upper()}_{kind}_URL" for name in OURS for kind in ("AMQP", "DATABASE")
    }
    named = set(re.findall(r"CLOUDTILL_[A-Z_]+", dockerfile))
    for name in OURS | {"setup"}:
        named |= compose["services"][name]["environment"].keys()
    assert {"CLOUDTILL_AMQP_URL", "CLOUDTILL_DATABASE_URL", "CLOUDTILL_OPS_PORT"} <= named <= known


def test_a_worker_may_finish_before_it_is_killed(compose: dict[str, Any]) -> None:
    worker_gives_up_after_s = 2 * Settings().shutdown_s
    for name in WORKERS:
        grace = compose["services"][name]["stop_grace_period"]
        assert float(grace.removesuffix("s")) > worker_gives_up_after_s


def test_every_volume_is_declared(compose: dict[str, Any]) -> None:
    used = {
        volume.partition(":")[0]
        for name in SERVERS
        for volume in compose["services"][name]["volumes"]
    }
    assert compose["volumes"].keys() == used


def test_the_image_is_built_from_files_that_exist_and_are_let_in(
    compose: dict[str, Any], dockerfile: str
) -> None:
    let_in = set(re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.MULTILINE)
        for source in line.split()[:-1]
    }
    assert copied == let_in
    for path in copied:
        assert (ROOT / path).exists()
    for name in OURS | {"setup"}:
        build = compose["services"][name]["build"]
        assert (ROOT / build["context"] / build["dockerfile"]).is_file()


def test_the_image_does_not_run_as_root(dockerfile: str) -> None:
    last_stage = dockerfile.rpartition("\nFROM ")[2]
    user = re.search(r"^USER (\d+)$", last_stage, re.MULTILINE)
    assert user
    assert int(user[1]) > 0
