"""The OpenAPI 3.1 document, made from the table of operations and the models that validate."""

import re
from collections.abc import Iterator
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Final, TypeAlias

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from services.portal.api.calls import Operation
from services.portal.api.operations import OPERATIONS
from services.portal.api.problems import MEDIA_TYPE, Problem

Names: TypeAlias = dict[tuple[type[BaseModel], JsonSchemaMode], dict[str, Any]]
_REFERENCE: Final = "#/components/schemas/{model}"
_PLACE: Final = re.compile(r"{(\w+)}")
_ID: Final = {"type": "string", "minLength": 1, "maxLength": 64, "pattern": r"^[^\x00-\x1f\x7f]+$"}
_DESCRIPTION: Final = """\
What a customer's programs, and those of product teams, read and do of an account. Amounts are \
integers in the currency's smallest unit, quantities and prices decimal strings, times RFC 3339. \
Errors are `application/problem+json` with a stable `code`. Whatever changes something takes an \
`Idempotency-Key`: the same again is the same."""


def document(prefix: str) -> dict[str, Any]:
    """The document as JSON."""
    schemas, names = _schemas()
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        described = _operation(operation, names)
        paths.setdefault(operation.path, {})[operation.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Cloudtill",
            "version": version("cloudtill"),
            "description": _DESCRIPTION,
        },
        "servers": [{"url": prefix}],
        "security": [{"key": []}, {"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "A key of the account."},
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "An access token of the OpenID Connect provider, where the"
                    " operator takes them.",
                },
            },
            "schemas": schemas,
        },
    }


def _models() -> Iterator[tuple[type[BaseModel], JsonSchemaMode]]:
    yield Problem, "serialization"
    for operation in OPERATIONS:
        if operation.answer:
            yield operation.answer, "serialization"
        if operation.followed:
            yield operation.followed, "serialization"
        if operation.body:
            yield operation.body, "validation"


def _schemas() -> tuple[dict[str, Any], Names]:
    """All schemas, and where each model's is."""
    models = list(dict.fromkeys(_models()))
    names, definitions = models_json_schema(models, ref_template=_REFERENCE)
    return definitions["$defs"], {one: names[one] for one in models}


def _operation(operation: Operation, names: Names) -> dict[str, Any]:
    def content(model: type[BaseModel], mode: JsonSchemaMode = "serialization") -> dict[str, Any]:
        return {"application/json": {"schema": names[model, mode]}}

    answers: dict[str, Any] = {}
    answers[str(operation.status)] = {
        "description": HTTPStatus(operation.status).phrase,
        "content": content(operation.answer)
        if operation.answer
        else {
            kind: {"schema": {"type": "string", "format": "binary", "description": what}}
            for kind, what in operation.files.items()
        },
    }
    if operation.followed:
        answers["200"] = {
            "description": "What it came to, where `Prefer: wait` was given and it took no longer.",
            "content": content(operation.followed),
        }
    answers["default"] = {
        "description": "A problem: `code` says which.",
        "content": {MEDIA_TYPE: {"schema": names[Problem, "serialization"]}},
    }
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.purpose.partition(". ")[0].rstrip("."),
        "description": operation.purpose,
        "tags": [operation.path.split("/")[3] if operation.path.count("/") > 2 else "account"],
        "parameters": list(_parameters(operation)),
        "responses": answers,
        "x-scope": operation.scope,
    }
    if operation.body:
        described["requestBody"] = {
            "required": True,
            "content": content(operation.body, "validation"),
        }
    return described


def _parameters(operation: Operation) -> Iterator[dict[str, Any]]:
    for name in _PLACE.findall(operation.path):
        yield {"name": name, "in": "path", "required": True, "schema": _ID}
    if operation.query:
        schema = operation.query.model_json_schema(ref_template=_REFERENCE)
        for name, described in schema["properties"].items():
            # What may be left out is not null but left out.
            shapes = [one for one in described.get("anyOf", []) if one.get("type") != "null"]
            plain = shapes[0] if len(shapes) == 1 else described
            yield {"name": name, "in": "query", "required": False, "schema": plain}
    if operation.scope == "write":
        yield {
            "name": "Idempotency-Key",
            "in": "header",
            "required": True,
            "description": "Of your own making: the same with the same body is the same act.",
            "schema": {"type": "string", "pattern": r"^[\x21-\x7e]{1,200}$"},
        }
    if operation.follow:
        yield {
            "name": "Prefer",
            "in": "header",
            "required": False,
            "description": "`wait=N`: answer once it is concluded, after at most N (30) seconds.",
            "schema": {"type": "string"},
        }
