"""What kustomize makes of a folder, as far as our folders use it: `kubectl` need not be there."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import yaml

Resource: TypeAlias = dict[str, Any]

_BY_NAME = {"name", "mountPath", "containerPort"}
"""What tells apart the entries of lists that strategic merges go into."""


class UnknownFeature(Exception):
    """A folder uses more of kustomize than we know."""


def build(folder: Path) -> list[Resource]:
    """All resources of a folder, composed and patched."""
    return _compose(folder, [])


def documents(file: Path) -> list[Resource]:
    """The documents of a YAML file."""
    return [one for one in yaml.safe_load_all(file.read_text()) if one]


def _compose(folder: Path, resources: list[Resource]) -> list[Resource]:
    plan = yaml.safe_load((folder / "kustomization.yaml").read_text())
    known = {"apiVersion", "kind", "namespace", "labels", "resources", "patches", "images"}
    if unknown := plan.keys() - known - {"components"}:
        raise UnknownFeature(f"{folder}: {', '.join(unknown)}")
    for name in plan.get("resources", ()):
        path = folder / name
        resources += build(path) if path.is_dir() else documents(path)
    for name in plan.get("components", ()):
        resources = _compose(folder / name, resources)
    for patch in plan.get("patches", ()):
        (change,) = documents(folder / patch["path"])
        resources = list(_patched(resources, change, patch.get("target")))
    for resource in resources:
        _place(resource, plan)
    return resources


def _patched(
    resources: list[Resource], change: Resource, target: dict[str, str] | None
) -> Iterator[Resource]:
    hit = 0
    for resource in resources:
        if not _is_meant(resource, change, target):
            yield resource
            continue
        hit += 1
        if change.get("$patch") != "delete":
            named = {"kind", "apiVersion"} if target is None else {"kind", "apiVersion", "metadata"}
            yield _merged(resource, {k: v for k, v in change.items() if k not in named})
    if not hit:
        raise UnknownFeature(f"a patch for nothing: {change['kind']} {change['metadata']['name']}")


def _is_meant(resource: Resource, change: Resource, target: dict[str, str] | None) -> bool:
    if target is None:
        return (resource["kind"], resource["metadata"]["name"]) == (
            change["kind"],
            change["metadata"]["name"],
        )
    key, _, value = target.get("labelSelector", "").partition("=")
    labels = resource["metadata"].get("labels", {})
    return resource["kind"] == target["kind"] and (not key or labels.get(key) == value)


def _merged(below: Any, above: Any) -> Any:
    if isinstance(below, dict) and isinstance(above, dict):
        together = {**below, **{k: v for k, v in above.items() if k not in below}}
        together |= {k: _merged(below[k], above[k]) for k in below.keys() & above.keys()}
        return copy.deepcopy(together)
    if isinstance(below, list) and isinstance(above, list) and (key := _key(below, above)):
        left = {one[key]: one for one in below}
        merged = [_merged(left[one[key]], one) if one[key] in left else one for one in above]
        return merged + [one for one in below if one[key] not in {one[key] for one in above}]
    return copy.deepcopy(above)


def _key(below: list[Any], above: list[Any]) -> str | None:
    entries = [*below, *above]
    if not all(isinstance(one, dict) for one in entries):
        return None
    keys = [key for key in _BY_NAME if all(key in one for one in entries)]
    return "name" if "name" in keys else next(iter(keys), None)


def _place(resource: Resource, plan: dict[str, Any]) -> None:
    if "namespace" in plan and resource["kind"] != "PriorityClass":
        resource["metadata"]["namespace"] = plan["namespace"]
    for labels in plan.get("labels", ()):
        resource["metadata"].setdefault("labels", {}).update(labels["pairs"])
    for image in plan.get("images", ()):
        for container in containers(resource):
            if container["image"] == image["name"]:
                container["image"] = f"{image['newName']}:{image['newTag']}"


def pods(resource: Resource) -> list[dict[str, Any]]:
    """The pod templates in a resource."""
    spec = resource.get("spec", {})
    spec = spec.get("jobTemplate", {}).get("spec", spec)
    return [spec["template"]] if "template" in spec else []


def containers(resource: Resource) -> list[dict[str, Any]]:
    """The containers of a resource's pods."""
    return [one for pod in pods(resource) for one in pod["spec"]["containers"]]
