"""The HTTP API as a document: of this release, and true."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from services.portal.api.app import PREFIX
from services.portal.api.models import EndpointShown, OrderShown
from services.portal.api.openapi import document
from services.portal.api.operations import OPERATIONS

ROOT = Path(__file__).parents[3]


def test_the_committed_document_is_that_of_this_release() -> None:
    written = subprocess.run(
        [sys.executable, "-m", "services.cli", "openapi"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout
    assert (ROOT / "docs" / "openapi.json").read_text() == written, (
        "`cloudtill openapi --out docs/openapi.json` brings it up to date"
    )


def test_every_operation_is_there_under_a_name_of_its_own() -> None:
    described = [
        (method.upper(), path, one["operationId"])
        for path, methods in document(PREFIX)["paths"].items()
        for method, one in methods.items()
    ]
    assert described == sorted(
        ((one.method, one.path, one.name) for one in OPERATIONS),
        key=lambda one: [*dict.fromkeys(o.path for o in OPERATIONS)].index(one[1]),
    )
    assert len({name for _, _, name in described}) == len(OPERATIONS)
    assert all(one.purpose for one in OPERATIONS)


def test_every_reference_leads_somewhere() -> None:
    made = document(PREFIX)
    text = json.dumps(made)
    references = set(re.findall(r'"\$ref": "([^"]+)"', text))
    assert references
    for reference in references:
        target: Any = made
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]


def test_what_changes_something_takes_a_key_and_what_reads_does_not() -> None:
    for methods in document(PREFIX)["paths"].values():
        for one in methods.values():
            names = [place["name"] for place in one["parameters"]]
            assert ("Idempotency-Key" in names) == (one["x-scope"] == "write")


@pytest.mark.parametrize("model", [OrderShown, EndpointShown])
def test_amounts_are_integers_and_times_have_their_format(model: type[BaseModel]) -> None:
    schema = json.dumps(model.model_json_schema(mode="serialization"))
    assert '"number"' not in schema
    assert "date-time" in schema


def test_no_model_says_secret_but_the_one_that_is_shown_once() -> None:
    schemas = document(PREFIX)["components"]["schemas"]
    having = {name for name, schema in schemas.items() if "secret" in schema.get("properties", {})}
    assert having == {"Secret"}
