"""`cloudtill asyncapi` and `cloudtill openapi`: the contract and the HTTP API as documents, made
from the models that validate."""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic.json_schema import models_json_schema

from services.cli.console import Failure, console
from services.portal.api.app import PREFIX
from services.portal.api.openapi import document as api_document
from services.registry import SERVICES
from shared.messages import MESSAGE_TYPES, Message
from shared.outbox import EXCHANGE

_TEXT = {"type": "string"}
_ENVELOPE: dict[str, Any] = {
    "specversion": {"const": "1.0"},
    "id": {"type": "string", "maxLength": 64, "description": "With source: names it for ever."},
    "source": {"type": "string", "maxLength": 200},
    "time": {"type": "string", "format": "date-time", "description": "Business time."},
    "subject": {"type": "string", "description": "The account."},
    "datacontenttype": {"const": "application/json"},
    "correlationid": _TEXT,
    "causationid": _TEXT,
    "traceparent": _TEXT,
}


def asyncapi(
    out: Annotated[Path | None, typer.Option(help="A file to write; else standard output.")] = None,
) -> None:
    """Write the AsyncAPI 3.0 document of every message: who says it, who handles it, its fields."""
    _write(document(), out)


def openapi(
    out: Annotated[Path | None, typer.Option(help="A file to write; else standard output.")] = None,
) -> None:
    """Write the OpenAPI 3.1 document of the HTTP API: what programs can ask, and its answers."""
    _write(api_document(PREFIX), out)


def _write(made: dict[str, Any], out: Path | None) -> None:
    text = json.dumps(made, indent=2, ensure_ascii=False) + "\n"
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        out.write_text(text)
    except OSError as error:
        raise Failure(f"--out: {error}", code=2) from None
    console.print(f"written to {out}")


def document() -> dict[str, Any]:
    """The AsyncAPI document as JSON."""
    types = list(MESSAGE_TYPES.values())
    _, schemas = models_json_schema(
        [(one, "validation") for one in types], ref_template="#/components/schemas/{model}"
    )
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Cloudtill",
            "version": version("cloudtill"),
            "description": "The messages of a cloud's billing: CloudEvents 1.0 over RabbitMQ.",
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": {one.__name__: _channel(one) for one in types},
        "operations": _operations(),
        "components": {
            "messages": {one.__name__: _message(one) for one in types},
            "schemas": schemas["$defs"],
        },
    }


def _channel(message: type[Message]) -> dict[str, Any]:
    """The routing key of a message; some have a product's or a service's name at its end."""
    whose = "product" if "product" in message.model_fields else "service"
    addressed = message.routing_key is not Message.routing_key
    return {
        "address": f"{message.type}.{{{whose}}}" if addressed else message.type,
        **({"parameters": {whose: {"description": f"Which {whose}."}}} if addressed else {}),
        "messages": {message.__name__: {"$ref": f"#/components/messages/{message.__name__}"}},
        "bindings": {
            "amqp": {
                "is": "routingKey",
                "exchange": {"name": EXCHANGE, "type": "topic", "durable": True, "vhost": "/"},
            }
        },
    }


def _message(message: type[Message]) -> dict[str, Any]:
    return {
        "name": message.type,
        "summary": " ".join((message.__doc__ or "").split()),
        "contentType": "application/cloudevents+json",
        "payload": {
            "type": "object",
            "required": ["specversion", "id", "source", "type", "time", "data"],
            "properties": {
                **_ENVELOPE,
                "type": {"const": message.type},
                "data": {"$ref": f"#/components/schemas/{message.__name__}"},
            },
        },
        "x-source": message.source,
    }


def _operations() -> dict[str, Any]:
    """Who says what, and who handles it."""
    said = [
        (message.source.rpartition("/")[2], "says", "send", message)
        for message in MESSAGE_TYPES.values()
    ]
    handled = [
        (service.name, "handles", "receive", message)
        for service in SERVICES.values()
        for message in service.handlers
    ]
    return {
        f"{who}_{verb}_{message.__name__}": {
            "action": action,
            "channel": {"$ref": f"#/channels/{message.__name__}"},
            "messages": [{"$ref": f"#/channels/{message.__name__}/messages/{message.__name__}"}],
        }
        for who, verb, action, message in sorted(
            [*said, *handled], key=lambda one: (one[0], one[1], one[3].type)
        )
    }
