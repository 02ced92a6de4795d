"""`cloudtill message`: one kind of message, who says it, whose code handles it, and its fields."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any

import typer

from services.cli.console import Failure, Json, console, print_json, table
from services.registry import SERVICES
from shared.messages import MESSAGE_TYPES, Message


def message(
    type_: Annotated[str, typer.Argument(metavar="TYPE", help="Such as wallet.debited.")],
    as_json: Json = False,
) -> None:
    """Show one kind of message: who says it, which function handles it, and its fields.

    Example: cloudtill message wallet.debited
    """
    model = named(type_)
    handled = handled_by(model)
    fields = fields_of(model)
    means = " ".join((model.__doc__ or "").split())
    says = model.source.rpartition("/")[2]
    if as_json:
        print_json(
            {
                "type": model.type,
                "means": means,
                "model": _place(model),
                "said_by": says,
                "handled_by": handled,
                "fields": fields,
            }
        )
        return
    console.print(means, markup=False, soft_wrap=True)
    console.print(f"said by {says}, a {_place(model)}", markup=False, soft_wrap=True)
    table("Handled by", handled, empty="no service; it is told to whoever listens")
    table("Fields", fields)


def named(type_: str) -> type[Message]:
    """The model of a message.

    Raises:
        Failure: with code 2, naming those that are called nearly so, else all.
    """
    if (found := MESSAGE_TYPES.get(type_)) is not None:
        return found
    if alike := get_close_matches(type_, MESSAGE_TYPES, n=3):
        hint = f"did you mean {' or '.join(alike)}?"
    else:
        hint = f"there are {', '.join(sorted(MESSAGE_TYPES))}"
    raise Failure(f"no message is called {type_}; {hint}", code=2)


def handled_by(model: type[Message]) -> list[dict[str, str]]:
    """The services that obey or follow a message, each with the function that does."""
    return [
        {"service": service.name, "function": _place(handler)}
        for service in SERVICES.values()
        if (handler := service.handlers.get(model)) is not None
    ]


def fields_of(model: type[Message]) -> list[dict[str, Any]]:
    """What is to be said of each field to somebody who writes one."""
    schema = model.model_json_schema()
    needed = schema.get("required", ())
    return [
        {"field": name, "needed": name in needed, "what": _what(one, schema.get("$defs", {}))}
        for name, one in schema.get("properties", {}).items()
    ]


def _place(named_in_code: Any) -> str:
    return f"{named_in_code.__module__}:{named_in_code.__qualname__}"


def _what(one: Mapping[str, Any], models: Mapping[str, Any]) -> str:
    """A field's JSON schema in words."""
    if "$ref" in one:
        return _what(models[one["$ref"].rpartition("/")[2]], models)
    if "anyOf" in one:
        given = [each for each in one["anyOf"] if each.get("type") != "null"]
        return " or ".join(_what(each, models) for each in given)
    if "enum" in one:
        return "one of " + ", ".join(map(str, one["enum"]))
    if "const" in one:
        return str(one["const"])
    if one.get("properties"):
        parts = (
            name if name in one.get("required", ()) else f"{name}?" for name in one["properties"]
        )
        return "{" + ", ".join(parts) + "}"
    if one.get("type") == "array":
        return f"list of {_what(one['items'], models)}" if one.get("items") else "list"
    kind = str(one.get("type", "anything"))
    return str(one.get("format", kind)) if kind == "string" else kind
