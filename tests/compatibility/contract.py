"""The contract as flat fields, and what a change of it would break.

Workers of two releases run side by side on one queue, and upstream services upgrade when they like:
whatever was published by the last release must be read by this one, and the other way round.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias

from shared.messages import MESSAGE_TYPES, Message

RELEASED: Final = Path(__file__).with_name("released.json")

Field: TypeAlias = dict[str, Any]
"""`types`, `required`, and the limits that the JSON schema names."""
Contract: TypeAlias = dict[str, dict[str, Field]]
"""Fields by their path (`items[].quantity`), by message type."""

_UPPER: Final = ("maxLength", "maximum", "maxItems", "exclusiveMaximum")
_LOWER: Final = ("minLength", "minimum", "minItems", "exclusiveMinimum")


def contract_of(message_types: list[type[Message]] | None = None) -> Contract:
    """The contract of this release."""
    chosen = message_types or [
        one for one in MESSAGE_TYPES.values() if one.__module__.startswith("shared.messages.")
    ]
    return {one.type: dict(_fields_of(one)) for one in sorted(chosen, key=lambda one: one.type)}


def released() -> Contract:
    """The contract of the last release."""
    loaded: Contract = json.loads(RELEASED.read_text())
    return loaded


def breaks(before: Contract, now: Contract) -> Iterator[str]:
    """What whoever relies on `before` could stumble over in `now`, one line each."""
    for message_type, fields in before.items():
        if message_type not in now:
            yield f"{message_type} is gone"
            continue
        for path, field in fields.items():
            if path not in now[message_type]:
                yield f"{message_type}: {path} is gone"
            else:
                for change in _changes(field, now[message_type][path]):
                    yield f"{message_type}: {path} {change}"
        for path in now[message_type].keys() - fields.keys():
            parent = path.rpartition(".")[0].removesuffix("[]")
            if now[message_type][path]["required"] and (not parent or parent in fields):
                yield f"{message_type}: {path} is new and required: nobody sends it yet"


def _changes(before: Field, now: Field) -> Iterator[str]:
    if gone := set(before["types"]) - set(now["types"]):
        yield f"may no longer be {', '.join(sorted(gone))}"
    if now["required"] and not before["required"]:
        yield "became required"
    if before["required"] and not now["required"]:
        yield "may be missing, and was always there"
    allowed: list[str] = before.get("enum", [])
    if "enum" in now and (gone := set(allowed) - set(now["enum"])):
        yield f"may no longer be {', '.join(sorted(gone))}"
    if "enum" in now and "enum" not in before:
        yield "is limited to some values"
    if before.get("pattern") != now.get("pattern") and "pattern" in now:
        yield f"must look otherwise: {now['pattern']}"
    for limit in (*_UPPER, *_LOWER):
        if limit in now and _is_tighter(limit, before.get(limit), now[limit]):
            yield f"has a tighter {limit}: {now[limit]}"


def _is_tighter(limit: str, before: float | None, now: float) -> bool:
    if before is None:
        return True
    return now < before if limit in _UPPER else now > before


def _fields_of(message_type: type[Message]) -> Iterator[tuple[str, Field]]:
    schema = message_type.model_json_schema(mode="validation", by_alias=True)
    yield from _properties(schema, schema.get("$defs", {}), "")


def _properties(schema: Field, definitions: Field, path: str) -> Iterator[tuple[str, Field]]:
    for name, inner in schema.get("properties", {}).items():
        yield from _field(
            inner, definitions, f"{path}{name}", required=name in schema.get("required", ())
        )


def _field(
    schema: Field, definitions: Field, path: str, *, required: bool
) -> Iterator[tuple[str, Field]]:
    shapes = list(_shapes(schema, definitions))
    field: Field = {"types": sorted({_type_of(one) for one in shapes}), "required": required}
    values = {str(v) for one in shapes for v in (*one.get("enum", ()), *_const(one))}
    if values and all("enum" in one or "const" in one or _is_null(one) for one in shapes):
        field["enum"] = sorted(values)
    limited = [one for one in shapes if not _is_null(one)]
    for limit in (*_UPPER, *_LOWER, "pattern"):
        if len(limited) == 1 and limit in limited[0]:
            field[limit] = limited[0][limit]
    yield path, field
    for one in shapes:
        yield from _properties(one, definitions, f"{path}.")
        if "items" in one:
            for item in _shapes(one["items"], definitions):
                yield from _properties(item, definitions, f"{path}[].")


def _shapes(schema: Field, definitions: Field) -> Iterator[Field]:
    """The alternatives that a schema allows, references followed."""
    if "$ref" in schema:
        yield from _shapes(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    elif "anyOf" in schema or "oneOf" in schema:
        for one in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
            yield from _shapes(one, definitions)
    else:
        yield schema


def _type_of(shape: Field) -> str:
    return str(shape.get("type") or ("const" if "const" in shape else "anything"))


def _const(shape: Field) -> tuple[Any, ...]:
    return (shape["const"],) if "const" in shape else ()


def _is_null(shape: Field) -> bool:
    return shape.get("type") == "null"
