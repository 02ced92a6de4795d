"""Alerts and the dashboard ask for metrics that workers have, and alerts do what they say."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase

import services.cli.watch  # what it counts is registered when it is imported
import services.gateways.metrics
import services.notifications.metrics
import services.portal.metrics
import shared.metrics
from services.registry import SERVICES
from tests.unit.deploy.promtool import find_promtool

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "deploy" / "observability"
COUNTED = (
    services.cli.watch,
    services.gateways.metrics,
    services.notifications.metrics,
    services.portal.metrics,
    shared.metrics,
)
_ENDINGS = ("", "_total", "_bucket", "_sum", "_count")


@pytest.fixture(scope="module")
def alerts() -> dict[str, dict[str, Any]]:
    """The rules by their names."""
    (group,) = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"]
    return {rule["alert"]: rule for rule in group["rules"]}


@pytest.fixture(scope="module")
def dashboard() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text())
    return loaded


def metrics() -> dict[str, tuple[str, ...]]:
    """The names under which Prometheus sees our metrics, with their labels."""
    names: dict[str, tuple[str, ...]] = {}
    for module in COUNTED:
        for metric in vars(module).values():
            if isinstance(metric, MetricWrapperBase):
                (family,) = metric.describe()
                labels = tuple(metric._labelnames)
                names |= {f"{family.name}{ending}": labels for ending in _ENDINGS}
    assert all(name.startswith("cloudtill_") for name in names)
    return names


def assert_known(expression: str) -> None:
    """Every metric in an expression is one of ours, with the labels that it has."""
    known = metrics()
    found = re.findall(r"(cloudtill_\w+)(?:\{([^}]*)\})?", expression)
    assert found
    for name, selected in found:
        assert name in known, f"no worker counts {name}"
        for label in re.findall(r"(\w+)=", selected):
            assert label in known[name], f"{name} has no label {label}"


def test_alerts_ask_for_metrics_that_are_there(alerts: dict[str, dict[str, Any]]) -> None:
    for rule in alerts.values():
        assert_known(rule["expr"])
        assert rule["labels"]["severity"] in ("critical", "warning")


def test_the_dashboard_asks_for_metrics_that_are_there(dashboard: dict[str, Any]) -> None:
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            assert_known(target["expr"])
    places = [tuple(panel["gridPos"].values()) for panel in dashboard["panels"]]
    assert len(set(places)) == len(places), "no panel hides another"


def test_every_metric_is_on_the_dashboard_or_in_an_alert(
    alerts: dict[str, dict[str, Any]], dashboard: dict[str, Any]
) -> None:
    asked = json.dumps([alerts, dashboard])
    families = {family.name for family in REGISTRY.collect() if "cloudtill_" in family.name}
    unseen = {name for name in families if not re.search(rf"{name}(_|\b)", asked)}
    assert unseen == set()


def test_the_loss_of_every_service_is_noticed(alerts: dict[str, dict[str, Any]]) -> None:
    watched = set(re.findall(r'service="(\w+)"', alerts["CloudtillWorkersMissing"]["expr"]))
    assert watched == SERVICES.keys()


def test_every_alert_is_tried(alerts: dict[str, dict[str, Any]]) -> None:
    raised: set[str] = set()
    quiet: set[str] = set()
    for test in yaml.safe_load((FOLDER / "alerts_test.yaml").read_text())["tests"]:
        for one in test["alert_rule_test"]:
            (raised if one.get("exp_alerts") else quiet).add(one["alertname"])
    assert raised == quiet == alerts.keys()


def test_prometheus_itself_finds_the_alerts_to_do_what_they_say() -> None:
    promtool = find_promtool()
    if promtool is None:
        pytest.skip("there is no promtool, and no package of Debian's; rules were only read")
    for command in (["check", "rules", "alerts.yaml"], ["test", "rules", "alerts_test.yaml"]):
        done = subprocess.run(
            [promtool, *command], cwd=FOLDER, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
