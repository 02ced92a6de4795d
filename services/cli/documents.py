"""`cloudtill asyncapi`: the contract as an AsyncAPI document, made from the message models."""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic.json_schema import models_json_schema

from services.cli.console import Failure, console
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
    text = json.dumps(document(), indent=2, ensure_ascii=False) + "\n"
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
        "channels": {one.type: _channel(one) for one in types},
        "operations": _operations(),
        "components": {
            "messages": {one.type: _message(one) for one in types},
            "schemas": schemas["$defs"],
        },
    }


def _channel(message: type[Message]) -> dict[str, Any]:
    return {
        "address": message.type,
        "messages": {message.type: {"$ref": f"#/components/messages/{message.type}"}},
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
    handled = {
        f"{service.name}.handles.{message.type}": ("receive", message.type)
        for service in SERVICES.values()
        for message in service.handlers
    }
    said = {
        f"{message.source.rpartition('/')[2]}.says.{message.type}": ("send", message.type)
        for message in MESSAGE_TYPES.values()
    }
    return {
        name: {"action": action, "channel": {"$ref": f"#/channels/{type_}"}}
        for name, (action, type_) in (handled | said).items()
    }
