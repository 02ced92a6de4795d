"""Traces: one an order, by ids that every service derives alike."""

import subprocess
import sys
import time
from dataclasses import replace

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Sampler
from opentelemetry.trace.status import StatusCode

from shared import tracing
from shared.messages import Message
from shared.messages.billing import OrderRejected
from shared.messages.upstream import TopUpReceived
from shared.spans import Spans
from shared.tracing import Handled, TracingMissing, spans_of
from tests.builders import NOON, said


def top_up(number: int = 1) -> TopUpReceived:
    received = TopUpReceived(
        top_up_id=f"t-{number}",
        account_id="acc-1",
        amount=1_000,
        gateway="bank",
        gateway_reference=f"r-{number}",
    )
    return said(received, at=NOON, id=f"m-{number}")


def rejected_because_of(cause: Message) -> OrderRejected:
    answer = OrderRejected(order_id="o", account_id="acc-1", reason="x", message="y")
    return answer.because(cause)


def of(service: str, sampler: Sampler | None = None) -> tuple[Spans, InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(sampler=sampler) if sampler else TracerProvider()
    return Spans(service, provider, SimpleSpanProcessor(exporter)), exporter


def handled(spans: Spans, *messages: Message, outcome: str = "handled") -> None:
    entered = [Handled(one, spans.enter(one), outcome) for one in messages]
    spans.tell(entered, time.time_ns())


def again(message: Message) -> Message:
    """The message as another service parses it."""
    return type(message)(**message.model_dump()).within(message.envelope)


def test_what_is_caused_continues_the_trace_of_its_cause() -> None:
    wallet, told_by_wallet = of("wallet")
    billing, told_by_billing = of("billing")
    cause = top_up()
    handled(wallet, cause)
    handled(billing, rejected_because_of(cause))
    group, first = told_by_wallet.get_finished_spans()
    _, second = told_by_billing.get_finished_spans()
    assert (group.name, first.name) == ("wallet group", "wallet top_up.received")
    assert first.parent is None
    assert second.parent is not None
    assert first.context is not None
    assert second.context is not None
    assert second.parent.span_id == first.context.span_id
    assert second.context.trace_id == first.context.trace_id
    assert group.context is not None
    assert group.context.trace_id != first.context.trace_id
    assert [link.context.span_id for link in group.links] == [first.context.span_id]
    assert [link.context.span_id for link in first.links] == [group.context.span_id]


def test_services_that_hear_the_same_message_tell_spans_of_one_trace() -> None:
    cause = top_up()
    contexts = []
    for name in ("wallet", "billing"):
        spans, exporter = of(name)
        handled(spans, again(cause))
        contexts.append(exporter.get_finished_spans()[1].context)
    first, second = contexts
    assert first is not None
    assert second is not None
    assert first.trace_id == second.trace_id
    assert first.span_id != second.span_id


def test_handling_again_tells_the_same_and_trying_again_another_span() -> None:
    spans, exporter = of("wallet")
    cause = top_up()
    later = again(cause)
    later.rewrap(replace(cause.envelope, attempt=1))
    for message in (again(cause), again(cause), later):
        handled(spans, message)
    one, same, other = (
        span.context.span_id
        for span in exporter.get_finished_spans()
        if span.context and span.name != "wallet group"
    )
    assert one == same != other


def test_an_order_that_the_portal_traces_stays_in_its_trace() -> None:
    spans, exporter = of("wallet")
    message = top_up()
    message.rewrap(
        replace(
            message.envelope, traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        )
    )
    handled(spans, message)
    span = exporter.get_finished_spans()[1]
    assert span.context is not None
    assert span.context.trace_id == 0x0AF7651916CD43DD8448EB211C80319C
    assert span.parent is not None
    assert span.parent.span_id == 0xB7AD6B7169203331


@pytest.mark.parametrize("nonsense", ["", "x", "00-zz-zz-01", "00-0-0-01", "-1--1-", "00-" * 20])
def test_a_traceparent_that_makes_no_sense_is_none(nonsense: str) -> None:
    spans, exporter = of("wallet")
    message = top_up()
    message.rewrap(replace(message.envelope, traceparent=nonsense))
    handled(spans, message)
    assert exporter.get_finished_spans()[1].parent is None


def test_what_failed_is_an_error_and_what_waits_is_not() -> None:
    spans, exporter = of("wallet")
    failed, waiting = top_up(1), top_up(2)
    entered = [
        Handled(failed, spans.enter(failed), "failed", "ValueError: x"),
        Handled(waiting, spans.enter(waiting), "put_off"),
    ]
    spans.tell(entered, time.time_ns())
    _, one, other = exporter.get_finished_spans()
    assert one.status.status_code is StatusCode.ERROR
    assert other.status.status_code is StatusCode.UNSET
    assert other.attributes is not None
    assert other.attributes["cloudtill.outcome"] == "put_off"


def test_what_is_not_sampled_is_not_told() -> None:
    spans, exporter = of("wallet", ALWAYS_OFF)
    handled(spans, top_up())
    assert not exporter.get_finished_spans()


def test_nothing_is_traced_unless_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for off in (None, "", "none"):
        spans_of.cache_clear()
        if off is not None:
            monkeypatch.setenv("OTEL_TRACES_EXPORTER", off)
        assert spans_of("wallet") is None
    spans_of.cache_clear()


def test_traces_that_are_asked_for_but_not_installed_are_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")

    def missing(name: str) -> None:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(tracing, "import_module", missing)
    spans_of.cache_clear()
    with pytest.raises(TracingMissing, match=r"install cloudtill\[tracing\]"):
        spans_of("wallet")


def test_envelopes_of_what_is_said_carry_the_span() -> None:
    spans, _ = of("wallet")
    message = top_up()
    spans.enter(message)
    told = rejected_because_of(message)
    assert told.envelope.traceparent == message.envelope.traceparent
    assert (told.envelope.traceparent or "").startswith("00-")


def test_a_worker_without_traces_does_not_even_import_them() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import services.cli, sys; sys.exit('opentelemetry.sdk' in sys.modules)",
        ],
        check=False,
    )
    assert done.returncode == 0
