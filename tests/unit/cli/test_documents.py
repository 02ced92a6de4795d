"""The contract as a document, and as messages that were once published."""

import json
import subprocess
import sys
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from services.registry import SERVICES
from shared.messages import MESSAGE_TYPES, Message
from shared.wire import parse
from tests.samples import FOLDER, sample_of

ROOT = Path(__file__).parents[3]
TYPES = sorted(
    (one for one in MESSAGE_TYPES.values() if one.__module__.startswith("shared.messages.")),
    key=lambda one: one.type,
)


@pytest.fixture(scope="module")
def written() -> str:
    """The document as the program writes it."""
    return subprocess.run(
        [sys.executable, "-m", "services.cli", "asyncapi"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout


@pytest.fixture(scope="module")
def document(written: str) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(written)
    return parsed


def test_the_committed_document_is_that_of_this_release(written: str) -> None:
    assert (ROOT / "docs" / "asyncapi.json").read_text() == written, (
        "`cloudtill asyncapi --out docs/asyncapi.json` brings it up to date"
    )


def test_the_document_is_valid_asyncapi_3(document: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # its models shadow names of pydantic's
        asyncapi3 = import_module("asyncapi3")
    asyncapi3.AsyncAPI3.model_validate(document)


def test_every_reference_in_the_document_leads_somewhere(document: dict[str, Any]) -> None:
    def references(value: Any) -> list[str]:
        match value:
            case {"$ref": str(reference)}:
                return [reference]
            case dict():
                return [one for inner in value.values() for one in references(inner)]
            case list():
                return [one for inner in value for one in references(inner)]
            case _:
                return []

    found = set(references(document))
    assert len(found) > len(TYPES)
    for reference in found:
        target: Any = document
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]


def test_the_document_says_who_handles_each_message_and_who_says_it(
    document: dict[str, Any],
) -> None:
    operations = document["operations"]
    for service in SERVICES.values():
        for message in service.handlers:
            operation = operations[f"{service.name}_handles_{message.__name__}"]
            assert operation["action"] == "receive"
    for message in TYPES:
        who = message.source.rpartition("/")[2]
        assert operations[f"{who}_says_{message.__name__}"]["action"] == "send"


def test_messages_of_one_product_have_its_name_in_their_address(document: dict[str, Any]) -> None:
    channel = document["channels"]["ProductRequested"]
    assert channel["address"] == "product.requested.{product}"
    assert set(channel["parameters"]) == {"product"}
    assert document["channels"]["OrderPlaced"]["address"] == "order.placed"


@pytest.mark.parametrize("message_type", TYPES, ids=lambda one: one.type)
def test_what_was_once_published_can_be_read_and_nothing_of_it_is_lost(
    message_type: type[Message],
) -> None:
    sample = sample_of(message_type.type)
    assert sample.exists(), "`python -m tests.samples` writes the sample of a new type"
    message = parse(sample.read_bytes())
    assert type(message) is message_type
    said_again = json.loads(message.encode())
    assert said_again == without_nothing(json.loads(sample.read_text()))


def without_nothing(value: Any) -> Any:
    """JSON without its nulls, which are not sent."""
    if isinstance(value, dict):
        return {name: without_nothing(one) for name, one in value.items() if one is not None}
    return value


def test_no_message_type_of_the_contract_has_gone() -> None:
    assert {file.stem for file in FOLDER.glob("*.json")} == {one.type for one in TYPES}
