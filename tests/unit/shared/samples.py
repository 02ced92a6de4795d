"""Samples of every message of the contract, drawn from the schema of its data."""

from typing import Any

from hypothesis import strategies as st

from shared.messages import Message

Schema = dict[str, Any]

_TEXTS = {
    r"^[^\x00-\x1f\x7f]+$": ["acc-1", "Ω", 'a "quoted" id', "đơn-hàng", "\\u0000"],
    r"^[^\x00]*$": ["", "line one\nline two", "tiếng Việt", 'say "no"'],
    r"^[^\x00]+$": ["An", "Công ty\tABC"],
    r"^[^@\s\x00]+@[^@\s\x00]+$": ["an@example.com"],
    r"^[a-z0-9][a-z0-9_-]*$": ["vserver", "v-storage_2"],
    r"^[a-z][a-z0-9_-]{0,62}$": ["wallet", "billing_2"],
    r"^[A-Z]{2}$": ["VN", "SG"],
    r"^[0-9A-Z-]{3,20}$": ["0312345678", "0312345678-001"],
    r"^20[0-9]{2}-(0[1-9]|1[0-2])$": ["2026-11", "2028-02"],
    r"^[^\x00-\x09\x0b-\x1f\x7f]+$": ["report-1", "/team\nreport 1"],
    r"^(0{0,11}[1-9][0-9]{0,11}(\.[0-9]{1,12})?|0{1,12}\.0{0,11}[1-9][0-9]{0,11})$": [
        "1",
        "0.5",
        "0.000000000001",
    ],
}
_LONGEST_LIST = 3


def data_of(message_type: type[Message]) -> st.SearchStrategy[dict[str, Any]]:
    """JSON data of this type, with and without what is optional.

    What only a validator knows (an order's items must fit its action) is not in the schema.
    """
    schema = message_type.model_json_schema(mode="validation")
    return _of(schema, schema.get("$defs", {}))


def _of(schema: Schema, definitions: dict[str, Schema]) -> st.SearchStrategy[Any]:
    if "$ref" in schema:
        return _of(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "anyOf" in schema:
        choices = schema["anyOf"]
        if any("number" in str(one.get("type")) for one in choices):
            return st.sampled_from(["1", "0.5", "0.000000000001"])
        return st.one_of(*(_of(one, definitions) for one in choices))
    if schema.get("type") in ("object", "array"):
        return _container(schema, definitions)
    return _scalar(schema)


def _container(schema: Schema, definitions: dict[str, Schema]) -> st.SearchStrategy[Any]:
    if schema["type"] == "object":
        return _object(schema, definitions)
    lowest = schema.get("minItems", 0)
    highest = min(schema.get("maxItems", _LONGEST_LIST), max(lowest, _LONGEST_LIST))
    return st.lists(_of(schema["items"], definitions), min_size=lowest, max_size=highest)


def _scalar(schema: Schema) -> st.SearchStrategy[Any]:
    match schema.get("type"):
        case "integer":
            lowest = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
            return st.integers(lowest, schema.get("maximum", 10**15))
        case "string":
            return _text(schema)
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
        case _:
            return st.sampled_from([1, "text", True, None, {"nested": ["ü"]}])


def _object(schema: Schema, definitions: dict[str, Schema]) -> st.SearchStrategy[dict[str, Any]]:
    if "properties" not in schema:
        by_pattern: Schema = next(iter(schema.get("patternProperties", {}).values()), {})
        values = schema.get("additionalProperties", by_pattern)
        of_any_kind = _of(values if isinstance(values, dict) else by_pattern, definitions)
        keys = ["VND", "USD"] if schema.get("propertyNames") else ["ram", "số"]
        return st.dictionaries(st.sampled_from(keys), of_any_kind, max_size=2)
    fields = {name: _of(one, definitions) for name, one in schema["properties"].items()}
    needed = set(schema.get("required", ()))
    return st.fixed_dictionaries(
        {name: one for name, one in fields.items() if name in needed},
        optional={name: one for name, one in fields.items() if name not in needed},
    )


def _text(schema: Schema) -> st.SearchStrategy[str]:
    if schema.get("format") == "date-time":
        return st.sampled_from(["2026-11-02T12:00:00Z", "2028-02-29T23:59:59.999999+07:00"])
    if "pattern" in schema:
        return st.sampled_from(_TEXTS[schema["pattern"]])
    return st.sampled_from(["VND", "USD"])
