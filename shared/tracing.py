"""Traces, off unless OTEL_TRACES_EXPORTER asks for them: what is off is not even imported."""

import os
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Final

from shared.messages import Message

if TYPE_CHECKING:
    from shared.spans import Spans

_EXPORTER: Final = "OTEL_TRACES_EXPORTER"


@dataclass(frozen=True, slots=True)
class Handled:
    """A message, the span in whose course it was said, and what became of it."""

    message: Message
    parent: str | None
    outcome: str
    error: str | None = None


class TracingMissing(ImportError):
    """Traces are asked for, but what makes them is not installed."""


@cache
def spans_of(service: str) -> "Spans | None":
    """What tells the spans of a service; None where nobody asked for any.

    Raises:
        TracingMissing: if `cloudtill[tracing]` is not installed.
        ValueError: if the exporter is one that we don't know.
    """
    exporter = os.environ.get(_EXPORTER, "none")
    if exporter in ("", "none"):
        return None
    try:
        spans: Spans = import_module("shared.spans").spans(service, exporter)
    except ModuleNotFoundError as error:
        raise TracingMissing(
            f"{_EXPORTER} is {exporter}, but {error.name} is missing: install cloudtill[tracing]"
        ) from None
    return spans
