"""`python -m tests.samples`: write a sample of each message type that has none yet.

A sample that is there is never written anew: it stands for what publishers have sent.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from pydantic import TypeAdapter

from shared.messages import MESSAGE_TYPES, Message
from shared.wire import parse
from tests.samples import sample_of

_TEXTS: Final = {
    "email": "an@example.com",
    "currency": "VND",
    "period": "2026-11",
    "month": "2026-10",
    "product": "vserver",
    "service": "wallet",
    "products": "vserver",
    "sku": "cpu",
    "driver": "simulated",
    "time_zone": "Asia/Ho_Chi_Minh",
    "country": "VN",
    "tax_code": "0312345678",
    "vat_rate": "0.1",
    "rate": "0.1",
    "discount_rate": "0.05",
    "value": "20000",
    "recipients": "an@example.com",
    "unit_price": "90000",
    "quantity": "2",
    "price_minutes": "43200",
}
_NOT_TOGETHER: Final = {"OrderItem": ("ends_at",)}
"""Fields that are left out, because the model has others that exclude them."""


def main() -> None:
    """Write what is missing."""
    for name, message_type in MESSAGE_TYPES.items():
        if sample_of(name).exists():
            continue
        text = json.dumps(_event(message_type), indent=2, ensure_ascii=False) + "\n"
        parse(text.encode())
        sample_of(name).write_text(text)
        print(f"written: {sample_of(name).name}")


def _event(message_type: type[Message]) -> dict[str, Any]:
    schema = TypeAdapter(message_type).json_schema()
    return {
        "specversion": "1.0",
        "id": "sample-1",
        "source": message_type.source,
        "type": message_type.type,
        "time": "2026-11-02T12:00:00Z",
        "subject": "account-1",
        "datacontenttype": "application/json",
        "correlationid": "order-1",
        "causationid": "cause-1",
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "data": _value("", schema, schema.get("$defs", {})),
    }


def _value(name: str, schema: Mapping[str, Any], models: Mapping[str, Any]) -> Any:
    """A value that the schema of a field allows; the same each time."""
    match schema:
        case {"$ref": str(reference)}:
            return _value(name, models[reference.rpartition("/")[2]], models)
        case {"const": value} | {"enum": [value, *_]}:
            return value
        case {"anyOf": choices}:
            chosen = [one for one in choices if one.get("type") not in ("null", "number")]
            return _value(name, chosen[0], models)
        case {"prefixItems": members}:
            return [_value(name, one, models) for one in members]
        case {"type": "array"}:
            return [_value(name, schema["items"], models)]
        case {"type": "object"}:
            return _object(name, schema, models)
        case _:
            return _plain(name, schema)


def _object(name: str, schema: Mapping[str, Any], models: Mapping[str, Any]) -> dict[str, Any]:
    match schema:
        case {"properties": fields}:
            left_out = _NOT_TOGETHER.get(schema.get("title", ""), ())
            return {one: _value(one, fields[one], models) for one in fields if one not in left_out}
        case {"additionalProperties": Mapping() as values}:
            return {"VND" if "amount" in name else "some": _value(name, values, models)}
        case _:
            return {}


def _plain(name: str, schema: Mapping[str, Any]) -> Any:
    match schema:
        case {"type": "integer"}:
            return max(1, int(schema.get("minimum", 1)))
        case {"type": "boolean"}:
            return True
        case {"type": "string", "format": "date-time"}:
            return "2026-11-02T12:00:00Z"
        case {"type": "string", "format": "date"}:
            return "2026-11-02"
        case _:
            return _TEXTS.get(name, f"{name.removesuffix('_id').replace('_', '-')}-1"[:64])


if __name__ == "__main__":
    main()
