"""What is applied to Kubernetes names services, queues, settings and ports that exist, is valid by
Kubernetes' own models, and asks for no more rights than it needs."""

import dataclasses
import keyword
import re
import shutil
import subprocess
import typing
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from cloudcoil.models.keda.v1alpha1 import ScaledObject, TriggerAuthentication
from pydantic import BaseModel

from services.cli.watch import USER as WATCH
from services.gateways.settings import GatewaySettings
from services.notifications.settings import NotificationSettings
from services.portal.settings import PortalSettings
from services.registry import SCHEMAS, SERVICES
from shared.settings import ServiceAddresses, Settings
from tests.unit.deploy.kustomize import Resource, build, containers, documents, pods

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "deploy" / "kubernetes"
WORKERS = {one.name for one in SCHEMAS}
ADDRESSES = {"amqp_url", "database_url"}
CUSTOM = {"ScaledObject", "TriggerAuthentication", "RabbitmqCluster", "Cluster"}
KEDA: dict[str, type[BaseModel]] = {
    "ScaledObject": ScaledObject,
    "TriggerAuthentication": TriggerAuthentication,
}
KNOWN_TO_RABBITMQ_SCALER = {
    *("queueName", "mode", "value", "activationValue", "host", "hostFromEnv", "protocol"),
    *("vhostName", "useRegex", "excludeUnacknowledged", "pageSize", "operation", "timeout"),
}
"""KEDA's CRD takes any names in a trigger's metadata; these are what its scaler reads (KEDA 2.16,
`pkg/scalers/rabbitmq_scaler.go`), and passes over all others without a word."""
MODELS = {
    "v1": "kube_models.api_v1.io.k8s.api.core.v1",
    "apps/v1": "kube_models.apis_apps_v1.io.k8s.api.apps.v1",
    "batch/v1": "kube_models.apis_batch_v1.io.k8s.api.batch.v1",
    "policy/v1": "kube_models.apis_policy_v1.io.k8s.api.policy.v1",
    "networking.k8s.io/v1": "kube_models.apis_networking_k8s_io_v1.io.k8s.api.networking.v1",
    "scheduling.k8s.io/v1": "kube_models.apis_scheduling_k8s_io_v1.io.k8s.api.scheduling.v1",
    "postgresql.cnpg.io/v1": "tests.unit.deploy.operator_models",
    "rabbitmq.com/v1beta1": "tests.unit.deploy.operator_models",
}


def with_cron(folder: Path) -> Path:
    """A folder of an overlay that ticks by CronJobs."""
    plan = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [relative(folder, FOLDER / "base")],
        "components": [relative(folder, FOLDER / "components" / "ticks-by-cron")],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(plan))
    return folder


def relative(folder: Path, target: Path) -> str:
    up = "../" * (len(folder.resolve().parts) - 1)
    return up + str(target).lstrip("/")


@pytest.fixture(params=["base", "overlays/small", "overlays/production", "by cron"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Each way of installing it."""
    name: str = request.param
    return with_cron(tmp_path) if name == "by cron" else FOLDER / name


@pytest.fixture
def resources(folder: Path) -> list[Resource]:
    return build(folder)


def of_kind(resources: list[Resource], kind: str) -> dict[str, Resource]:
    return {one["metadata"]["name"]: one for one in resources if one["kind"] == kind}


def environment(container: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["value"] for one in container.get("env", ())}


def test_kustomize_itself_makes_the_same_of_it(folder: Path, resources: list[Resource]) -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed; all other tests build the folders themselves")
    built = subprocess.run(
        [kubectl, "kustomize", "--load-restrictor=LoadRestrictionsNone", folder],
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    def by_name(all_: list[Resource]) -> dict[tuple[str, str], Resource]:
        return {(one["kind"], one["metadata"]["name"]): one for one in all_}

    ours, theirs = by_name(resources), by_name(list(yaml.safe_load_all(built)))
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert ours[name] == theirs[name]


def test_every_resource_is_valid_by_kubernetes_own_models(resources: list[Resource]) -> None:
    for resource in resources:
        if resource["kind"] not in CUSTOM:
            assert_valid(resource)


def test_what_scales_workers_is_valid_by_keda_s_own_models(resources: list[Resource]) -> None:
    for resource in resources:
        if model := KEDA.get(resource["kind"]):
            understood = model.model_validate(resource)
            said = understood.model_dump(mode="json", by_alias=True, exclude_unset=True)
            assert said == resource, "a field that KEDA does not know is lost"


def test_each_service_has_its_worker_and_a_budget_and_there_are_no_others(
    folder: Path, resources: list[Resource]
) -> None:
    by_cron = bool(of_kind(resources, "CronJob"))
    workers = WORKERS - {"scheduler"} if by_cron else WORKERS
    deployments = of_kind(resources, "Deployment")
    assert containers(deployments.pop("watch"))[0]["args"][0] == "watch"
    assert deployments.keys() == workers == of_kind(resources, "PodDisruptionBudget").keys()
    for name, deployment in deployments.items():
        (container,) = containers(deployment)
        assert container["args"] == ["run", name]
        (pod,) = pods(deployment)
        (volume,) = pod["spec"]["volumes"]
        assert volume["secret"]["secretName"] == f"cloudtill-{name}"
        assert pod["spec"]["serviceAccountName"] == name
        selector = deployment["spec"]["selector"]["matchLabels"]
        assert selector.items() <= pod["metadata"]["labels"].items()
        budget = of_kind(resources, "PodDisruptionBudget")[name]["spec"]
        assert budget == {"maxUnavailable": 1, "selector": {"matchLabels": selector}}
        assert "replicas" not in deployment["spec"] or name == "scheduler", "KEDA counts workers"
    if by_cron:
        ticks = {one["metadata"]["name"]: one for one in of_kind(resources, "CronJob").values()}
        assert ticks.keys() == {"tick-minute", "tick-day", "tick-month"}
        for tick in ticks.values():
            assert tick["spec"]["timeZone"] == settings_of(resources)["CLOUDTILL_BILLING_TIME_ZONE"]


def test_cron_ticks_come_when_the_scheduler_would_say_them(tmp_path: Path) -> None:
    at = Settings().day_tick_at
    schedules = {
        name: one["spec"]["schedule"]
        for name, one in of_kind(build(with_cron(tmp_path)), "CronJob").items()
    }
    assert schedules == {
        "tick-minute": "* * * * *",
        "tick-day": f"{at.minute} {at.hour} * * *",
        "tick-month": f"{at.minute} {at.hour} 1 * *",
    }


def test_every_queue_is_scaled_by_what_is_ready_and_what_workers_hold(
    folder: Path, resources: list[Resource]
) -> None:
    scaled = of_kind(resources, "ScaledObject")
    assert scaled.keys() == (set() if folder.name == "small" else SERVICES.keys())
    sent_ahead = Settings().group_size * Settings().groups_ahead
    for name, one in scaled.items():
        spec = one["spec"]
        assert spec["scaleTargetRef"] == {"name": name}
        assert 1 <= spec["minReplicaCount"] < spec["maxReplicaCount"]
        (trigger,) = spec["triggers"]
        assert trigger["type"] == "rabbitmq"
        assert trigger["metadata"].keys() <= KNOWN_TO_RABBITMQ_SCALER
        assert trigger["metadata"]["queueName"] == name
        assert trigger["metadata"]["protocol"] == "http"
        assert trigger["metadata"]["excludeUnacknowledged"] == "false"
        assert int(trigger["metadata"]["value"]) > sent_ahead, "one worker holds as many"
        assert trigger["authenticationRef"]["name"] in of_kind(resources, "TriggerAuthentication")


def test_settings_are_those_of_the_program(resources: list[Resource]) -> None:
    known = {f"CLOUDTILL_{name.upper()}" for name in (*Settings.model_fields, *service_fields())}
    own = {
        f"CLOUDTILL_{service.upper()}_{name.upper()}"
        for service in (*WORKERS, WATCH)
        for name in ServiceAddresses.model_fields
    }
    assert settings_of(resources).keys() <= known
    for resource in resources:
        for container in containers(resource):
            named = environment(container)
            assert {name.removesuffix("_FILE") for name in named} <= known | own
            assert container["envFrom"] == [{"configMapRef": {"name": "cloudtill-settings"}}]
    assert ServiceAddresses.model_fields.keys() == ADDRESSES


def test_the_settings_themselves_make_sense(
    resources: list[Resource], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings_of(resources).items():
        monkeypatch.setenv(name, value)
    assert Settings().log_format == "json"
    assert GatewaySettings().gateway == "simulated"
    assert NotificationSettings().mail_language == "en"


def test_probes_ask_where_the_worker_answers(resources: list[Resource]) -> None:
    port = int(settings_of(resources)["CLOUDTILL_OPS_PORT"])
    for name, deployment in of_kind(resources, "Deployment").items():
        (container,) = containers(deployment)
        ports = {one["name"]: one["containerPort"] for one in container["ports"]}
        assert ports["ops"] == port
        asked = {
            probe: container[f"{probe}Probe"]["httpGet"] for probe in ("liveness", "readiness")
        }
        assert asked["liveness"] == {"path": "/livez", "port": "ops"}
        assert asked["readiness"] == {"path": "/readyz", "port": "ops"}
        if name == "gateways":
            assert str(ports["callbacks"]) == environment(container)["CLOUDTILL_GATEWAYS_PORT"]
        if name == "portal":
            assert str(ports["pages"]) == environment(container)["CLOUDTILL_PORTAL_PORT"]


def test_a_worker_may_finish_before_it_is_killed(resources: list[Resource]) -> None:
    gives_up_after_s = 2 * float(settings_of(resources)["CLOUDTILL_SHUTDOWN_S"])
    for deployment in of_kind(resources, "Deployment").values():
        (pod,) = pods(deployment)
        assert pod["spec"]["terminationGracePeriodSeconds"] > gives_up_after_s


def test_nothing_runs_as_root_writes_to_its_disk_or_may_ask_kubernetes(
    resources: list[Resource],
) -> None:
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    user = int(re.findall(r"^USER (\d+)$", dockerfile, re.MULTILINE)[-1])
    for account in of_kind(resources, "ServiceAccount").values():
        assert account["automountServiceAccountToken"] is False
    for resource in resources:
        for pod in pods(resource):
            assert pod["spec"]["automountServiceAccountToken"] is False
            assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
            assert pod["spec"]["securityContext"]["runAsUser"] == user
            assert pod["spec"]["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in containers(resource):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["limits"]["memory"]


def test_secrets_are_named_and_never_written_down(resources: list[Resource]) -> None:
    assert not of_kind(resources, "Secret")
    (setup,) = of_kind(resources, "Job").values()
    (container,) = containers(setup)
    (pod,) = pods(setup)
    (volume,) = pod["spec"]["volumes"]
    mounted = {
        f"/run/cloudtill/{item['path']}"
        for source in volume["projected"]["sources"]
        for item in source["secret"]["items"]
    }
    assert mounted == set(environment(container).values()), "each file is named, and each is there"
    named = {source["secret"]["name"] for source in volume["projected"]["sources"]}
    assert named == {f"cloudtill-{name}" for name in (*WORKERS, WATCH, "administrator")}
    for service in WORKERS:
        for name in ADDRESSES:
            variable = f"CLOUDTILL_{service.upper()}_{name.upper()}_FILE"
            assert environment(container)[variable] == f"/run/cloudtill/{service}/{name}"


def test_network_policies_name_pods_and_ports_that_exist(resources: list[Resource]) -> None:
    labels = [pod["metadata"]["labels"] for one in resources for pod in pods(one)]
    policies = of_kind(resources, "NetworkPolicy")
    nothing_else = policies["nothing-else"]["spec"]
    assert nothing_else.keys() == {"podSelector", "policyTypes"}
    assert nothing_else["policyTypes"] == ["Ingress", "Egress"]
    (ours,) = nothing_else["podSelector"]["matchExpressions"]
    assert {one["app.kubernetes.io/component"] for one in labels} <= set(ours["values"])
    for policy in policies.values():
        wanted = policy["spec"]["podSelector"].get("matchLabels", {})
        assert any(wanted.items() <= one.items() for one in labels)


def test_servers_outlive_the_loss_of_a_machine() -> None:
    rabbitmq, budget = documents(FOLDER / "examples" / "rabbitmq.yaml")
    assert rabbitmq["spec"]["replicas"] == 3
    assert "pause_minority" in rabbitmq["spec"]["rabbitmq"]["additionalConfig"]
    assert_valid(rabbitmq)
    assert_valid(budget)
    (postgres,) = documents(FOLDER / "examples" / "postgres.yaml")
    assert_valid(postgres)
    assert postgres["spec"]["instances"] == 3
    synchronous = postgres["spec"]["postgresql"]["synchronous"]
    assert (synchronous["method"], synchronous["number"]) == ("any", 1)
    assert synchronous["dataDurability"] == "required"
    assert synchronous["failoverQuorum"], "a standby that lacks a commit is not promoted"


def settings_of(resources: list[Resource]) -> dict[str, str]:
    data: dict[str, str] = of_kind(resources, "ConfigMap")["cloudtill-settings"]["data"]
    return data


def service_fields() -> Iterator[str]:
    yield from GatewaySettings.model_fields
    yield from NotificationSettings.model_fields
    yield from (f"portal_{name}" for name in PortalSettings.model_fields)


def assert_valid(resource: Resource) -> None:
    """A resource has the fields of its kind, and each is of its type."""
    module = import_module(MODELS[resource["apiVersion"]])
    model = getattr(module, resource["kind"])
    where = f"{resource['kind']} {resource['metadata']['name']}"
    fields = {key: value for key, value in resource.items() if key not in ("apiVersion", "kind")}
    assert_fits(fields, model, where)


def assert_fits(value: Any, expected: Any, where: str) -> None:
    arguments = [one for one in typing.get_args(expected) if one is not type(None)]
    origin = typing.get_origin(expected)
    if dataclasses.is_dataclass(expected):
        assert isinstance(value, dict), where
        hints = typing.get_type_hints(expected)
        for name, inner in value.items():
            field = f"{name}_" if keyword.iskeyword(name) else name
            assert field in hints, f"{where} has no field {name}"
            assert_fits(inner, hints[field], f"{where}.{name}")
    elif origin in (list, dict):
        assert isinstance(value, origin), where
        for inner in value.values() if isinstance(value, dict) else value:
            assert_fits(inner, arguments[-1], where)
    elif origin is typing.Literal:
        assert value in arguments, f"{where} is {value!r}, not one of {arguments}"
    elif arguments:
        if len(arguments) == 1:
            assert_fits(value, arguments[0], where)
        else:
            assert isinstance(value, tuple(one for one in arguments if isinstance(one, type))), (
                where
            )
    elif isinstance(expected, type) and expected is not object:
        assert isinstance(value, expected), f"{where} is {value!r}, not {expected.__name__}"


def test_a_field_that_kubernetes_does_not_know_is_found() -> None:
    worker = of_kind(build(FOLDER / "base"), "Deployment")["wallet"]
    containers(worker)[0]["livenesProbe"] = {}
    with pytest.raises(AssertionError, match=r"has no field livenesProbe"):
        assert_valid(worker)
    (postgres,) = documents(FOLDER / "examples" / "postgres.yaml")
    postgres["spec"]["postgresql"]["synchronous"]["dataDurability"] = "sometimes"
    with pytest.raises(AssertionError, match=r"dataDurability is 'sometimes'"):
        assert_valid(postgres)
    worker = of_kind(build(FOLDER / "base"), "Deployment")["wallet"]
    containers(worker)[0]["args"] = "run wallet"
    with pytest.raises(AssertionError, match=r"containers\.args"):
        assert_valid(worker)
