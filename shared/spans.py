"""OpenTelemetry: one trace an order, whose spans are what services did with its messages.

A group's transaction is a span of its own, linked with those of its messages. Ids are derived: the
trace's from the order that all its messages name, a span's from the message, so that every service
knows them without asking and handling again tells the same again.
"""

import atexit
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from hashlib import blake2b
from importlib import import_module
from time import time_ns
from typing import Final

from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode

from shared.envelope import Envelope
from shared.messages import Message
from shared.tracing import Handled

_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_PARTS: Final = 4
"""Of a `traceparent`: version, trace, span, flags."""


def spans(service: str, exporter: str) -> "Spans":
    """Spans of a service, exported as the OTEL_* variables say, until the process ends.

    Raises:
        ModuleNotFoundError: if the exporter is not installed.
        ValueError: if it is none of `otlp` and `console`.
    """
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: f"cloudtill-{service}"}))
    processor = BatchSpanProcessor(_exporter(exporter))
    atexit.register(processor.shutdown)
    return Spans(service, provider, processor)


def _exporter(name: str) -> SpanExporter:
    match name:
        case "otlp":
            module = import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
            exporter: SpanExporter = module.OTLPSpanExporter()
            return exporter
        case "console":
            return ConsoleSpanExporter(
                out=sys.stderr, formatter=lambda span: f"{span.to_json(indent=None)}\n"
            )
        case _:
            raise ValueError(f"OTEL_TRACES_EXPORTER is {name}; known are otlp, console and none")


class Spans:
    """Makes the spans of one service."""

    def __init__(self, service: str, provider: TracerProvider, processor: SpanProcessor) -> None:
        self._service = service
        self._provider = provider
        self._processor = processor

    def enter(self, message: Message) -> str | None:
        """Let what a message causes carry the span of its handling; returns the span it came from.

        A message is stamped once; this changes only what is handed on, and nothing that is handled
        depends on it.
        """
        envelope = message.envelope
        own = f"00-{_trace_id(envelope):032x}-{self._span_id(envelope):016x}-01"
        message.rewrap(replace(envelope, traceparent=own))
        return envelope.traceparent

    def _span_id(self, envelope: Envelope) -> int:
        named = f"{self._service}\n{envelope.source}\n{envelope.id}\n{envelope.attempt}"
        return _derived(named, 8)

    def tell(self, handled: Sequence[Handled], began_ns: int) -> None:
        """Tell of a group that is committed.

        Args:
            handled: its messages.
            began_ns: when its transaction began, in nanoseconds by the clock.
        """
        chosen = [one for one in handled if self._is_sampled(one.message.envelope)]
        if not chosen:
            return
        ended_ns = time_ns()
        contexts = [_context(one.message.envelope.traceparent) for one in chosen]
        ids = self._provider.id_generator
        group = SpanContext(ids.generate_trace_id(), ids.generate_span_id(), False, _SAMPLED)
        self._end(
            name=f"{self._service} group",
            context=group,
            links=[Link(context) for context in contexts if context],
            attributes={"messaging.batch.message_count": len(handled)},
            times_ns=(began_ns, ended_ns),
        )
        for one, context in zip(chosen, contexts, strict=True):
            envelope = one.message.envelope
            self._end(
                name=f"{self._service} {envelope.type}",
                context=context,
                parent=_context(one.parent),
                links=[Link(group)],
                attributes={
                    "messaging.system": "rabbitmq",
                    "messaging.message.id": envelope.id,
                    "messaging.message.conversation_id": envelope.correlation_id or envelope.id,
                    "cloudtill.outcome": one.outcome,
                    "cloudtill.attempt": envelope.attempt,
                },
                status=Status(StatusCode.ERROR, one.error) if one.error else Status(),
                times_ns=(began_ns, ended_ns),
            )

    def _is_sampled(self, envelope: Envelope) -> bool:
        """As OTEL_TRACES_SAMPLER says: by the trace, so that all services choose the same."""
        sampled = self._provider.sampler.should_sample(None, _trace_id(envelope), envelope.type)
        return sampled.decision is Decision.RECORD_AND_SAMPLE

    def _end(
        self,
        *,
        name: str,
        context: SpanContext | None,
        links: Sequence[Link],
        attributes: dict[str, str | int],
        times_ns: tuple[int, int],
        parent: SpanContext | None = None,
        status: Status | None = None,
    ) -> None:
        self._processor.on_end(
            ReadableSpan(
                name,
                context=context,
                parent=parent,
                resource=self._provider.resource,
                attributes=attributes,
                links=links,
                kind=SpanKind.CONSUMER,
                status=status or Status(),
                start_time=times_ns[0],
                end_time=times_ns[1],
            )
        )


def _trace_id(envelope: Envelope) -> int:
    """The trace that a message came in, or else that of its order."""
    if (context := _context(envelope.traceparent)) is not None:
        return context.trace_id
    return _derived(envelope.correlation_id or envelope.id, 16)


def _derived(text: str, size: int) -> int:
    """A number other than 0, which means none."""
    return int.from_bytes(blake2b(text.encode(), digest_size=size).digest(), "big") or 1


def _context(traceparent: str | None) -> SpanContext | None:
    """What a `traceparent` names; None for what is none."""
    parts = (traceparent or "").split("-")
    with suppress(ValueError):
        if len(parts) >= _PARTS:
            context = SpanContext(int(parts[1], 16), int(parts[2], 16), True, _SAMPLED)
            return context if context.is_valid else None
    return None
