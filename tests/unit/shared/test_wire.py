"""From bytes to a message of the contract, or to the reason why it is none."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from shared.messages import MESSAGE_TYPES
from shared.messages.upstream import OrderPlaced, TopUpReceived, UsageBatchRecorded
from shared.wire import BadMessage, parse
from tests.builders import said
from tests.unit.shared.samples import data_of

TOP_UP = {
    "top_up_id": "t-1",
    "account_id": "acc-1",
    "amount": 500_000,
    "gateway": "bank",
    "gateway_reference": "r-1",
}
PRICE = {
    "product": "vserver",
    "sku": "cpu",
    "unit_price": "90000",
    "currency": "VND",
    "per": "30d",
    "effective_from": "2026-01-01T00:00:00Z",
}


def event(data: Any = None, type: object = "top_up.received", **envelope: Any) -> bytes:
    """A CloudEvent as an upstream service would write it; None leaves a field out."""
    whole = {
        "specversion": "1.0",
        "id": "m-1",
        "source": "/gateway",
        "type": type,
        "time": "2026-11-02T12:00:00+07:00",
        "data": TOP_UP if data is None else data,
        **envelope,
    }
    return json.dumps({name: one for name, one in whole.items() if one is not None}).encode()


def refusal(body: bytes, hint: str | None = None) -> str:
    with pytest.raises(BadMessage) as refused:
        parse(body, hint)
    return refused.value.reason


def test_a_good_event_is_read_with_its_envelope() -> None:
    message = parse(event(correlationid="ord-1", traceparent="00-ab-cd-01"), attempt=3)
    assert isinstance(message, TopUpReceived)
    assert message.amount == 500_000
    assert message.time.isoformat() == "2026-11-02T05:00:00+00:00"
    assert message.envelope.correlation_id == "ord-1"
    assert message.envelope.attempt == 3


def test_unknown_fields_are_ignored() -> None:
    message = parse(event({**TOP_UP, "colour": "red"}, dataschema="x", comexample={"a": [1]}))
    assert message.encode() == parse(event()).encode()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"hello", id="text"),
        pytest.param(b"\xff\xfe\x00", id="bytes"),
        pytest.param(event()[:-1], id="cut off"),
        pytest.param(event() + b"}", id="more after the end"),
        pytest.param(b'{"type": "top_up.received", "id": "\xff"}', id="not utf-8"),
        pytest.param(b"[" * 100_000, id="deep nesting"),
        pytest.param(b'{"a":' * 40_000, id="deep nesting of objects"),
        pytest.param(b'{"amount": ' + b"9" * 5_000 + b"}", id="an endless number"),
    ],
)
@pytest.mark.parametrize("hint", [None, "top_up.received"])
def test_what_is_no_json_is_said_to_be_none(body: bytes, hint: str | None) -> None:
    assert refusal(body, hint) == "not_json"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[]", id="a list"),
        pytest.param(b"null", id="null"),
        pytest.param(b"5", id="a number"),
        pytest.param(b"{}", id="an empty object"),
        pytest.param(json.dumps(TOP_UP).encode(), id="data without an envelope"),
        pytest.param(event(type=7), id="a type that is no text"),
        pytest.param(event(specversion=None), id="no version"),
        pytest.param(event(specversion="0.3"), id="another version"),
        pytest.param(event(id=None), id="no id"),
        pytest.param(event(id=""), id="an empty id"),
        pytest.param(event(id="x" * 65), id="an id of 65 characters"),
        pytest.param(event(id=5), id="an id that is a number"),
        pytest.param(event(source=None), id="no source"),
        pytest.param(event(source="/a\nb"), id="a source of two lines"),
        pytest.param(event(time=None), id="no time"),
        pytest.param(event(time="2026-11-02T12:00:00"), id="a time without an offset"),
        pytest.param(event(time="yesterday"), id="a time that is none"),
        pytest.param(event(time="0001-01-01T00:00:00+14:00"), id="a time before all times"),
        pytest.param(event(time="9999-12-31T23:59:59-11:00"), id="a time after all times"),
        pytest.param(event(time="1999-12-31T23:59:59Z"), id="a time before the year 2000"),
    ],
)
def test_what_is_no_event_is_said_to_be_none(body: bytes) -> None:
    assert refusal(body) == "not_cloudevent"
    assert refusal(body, "top_up.received") == "not_cloudevent"


@pytest.mark.parametrize("hint", [None, "top_up.received", "no.such"])
def test_a_type_that_the_contract_does_not_have_is_unknown(hint: str | None) -> None:
    assert refusal(event(type="top_up.lost"), hint) == "unknown_type"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount", None),
        ("amount", "500000"),
        ("amount", 500_000.0),
        ("amount", 0.5),
        ("amount", 0),
        ("amount", -1),
        ("amount", 10**15 + 1),
        ("amount", 10**400),
        ("amount", True),
        ("account_id", 5),
        ("account_id", ""),
        ("account_id", "x" * 65),
        ("account_id", "a\x00b"),
        ("account_id", "a\nb"),
        ("account_id", ["acc-1"]),
        ("gateway", {}),
    ],
)
def test_a_wrong_field_is_named(field: str, value: object) -> None:
    with pytest.raises(BadMessage) as refused:
        parse(event({**TOP_UP, field: value}))
    assert refused.value.reason == "bad_field"
    assert refused.value.detail.startswith(f"data.{field}")


def test_a_missing_field_is_named() -> None:
    with pytest.raises(BadMessage, match=r"bad_field: data\.amount: Field required"):
        parse(event({name: one for name, one in TOP_UP.items() if name != "amount"}))


@pytest.mark.parametrize("data", [[], "text", 5, True])
def test_data_that_are_no_object_are_a_bad_field(data: object) -> None:
    assert refusal(event(data)) == "bad_field"


@pytest.mark.parametrize(
    "price", [90000, 90000.5, "-1", "1e5", "NaN", "Infinity", "", "1,5", "9" * 16, "0." + "1" * 13]
)
def test_a_price_is_a_decimal_string_and_nothing_else(price: object) -> None:
    assert refusal(event({**PRICE, "unit_price": price}, "price.published")) == "bad_field"


def test_a_text_with_a_nul_is_refused_wherever_it_is() -> None:
    product = {
        "product": "vserver",
        "name": "Server",
        "vat_rate": "0.1",
        "refundable": True,
        "expiry_policy": "trash",
        "trash_days": 3,
        "renew_attempt_days": [3],
        "actions": ["create"],
        "driver": "simulated",
        "driver_options": {"note": ["a\x00b"]},
    }
    assert refusal(event(product, "product.published")) == "bad_field"
    product["driver_options"] = {"note": ["a\\u0000b"]}
    parse(event(product, "product.published"))


@pytest.mark.parametrize("hint", [None, "top_up.received", "usage.batch_recorded"])
def test_a_message_of_1_mb_is_too_large(hint: str | None) -> None:
    body = event({**TOP_UP, "padding": "x" * 1_000_000})
    assert refusal(body, hint) == "too_large"
    assert refusal(b"x" * 3_000_000, hint) == "too_large"


def test_a_batch_of_usage_may_be_larger_than_other_messages() -> None:
    report = {
        "report_id": "r",
        "account_id": "acc-1",
        "resource_id": "res-1",
        "meter": "traffic",
        "quantity": "1.5",
        "from": "2026-11-01T00:00:00Z",
        "to": "2026-11-01T01:00:00Z",
        "padding": "x" * 300,
    }
    body = event({"reports": [report] * 1_000}, "usage.batch_recorded")
    assert len(body) > TopUpReceived.max_bytes
    message = parse(body)
    assert isinstance(message, UsageBatchRecorded)
    assert len(message.reports) == 1_000


@pytest.mark.parametrize("hint", ["order.placed", "tick.minute", "nonsense", "", None])
def test_the_body_says_what_it_is_whatever_the_properties_say(hint: str | None) -> None:
    assert isinstance(parse(event(), hint), TopUpReceived)


@pytest.mark.parametrize("first", ["tick.minute", "top_up.received"])
def test_a_type_said_twice_is_answered_one_way_or_the_other(first: str) -> None:
    second = {"tick.minute": "top_up.received", "top_up.received": "tick.minute"}[first]
    body = event(type=first)[:-1] + f', "type": "{second}"}}'.encode()
    for hint in (None, first, second):
        assert parse(body, hint).type == second


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_bytes_break_the_parser(body: bytes) -> None:
    assert refusal(body, "top_up.received") in {"not_json", "not_cloudevent"}


@given(st.data(), st.integers(0, len(event()) - 1), st.integers(0, 255))
def test_a_damaged_event_is_read_or_refused_and_never_breaks_the_parser(
    data: st.DataObject, at: int, byte: int
) -> None:
    body = event()
    damaged = body[:at] + bytes([byte]) + body[at + data.draw(st.integers(0, 3)) :]
    with suppress(BadMessage):
        message = parse(damaged, "top_up.received")
        assert parse(message.encode()) == message


@pytest.mark.parametrize("name", sorted(MESSAGE_TYPES))
@settings(max_examples=20, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.data())
def test_each_message_comes_back_as_it_was_said(name: str, data: st.DataObject) -> None:
    message_type = MESSAGE_TYPES[name]
    drawn = data.draw(data_of(message_type))
    if message_type is OrderPlaced:
        for number, item in enumerate(drawn["items"]):
            item |= {
                "item_id": f"i-{number}",
                "product": "vserver",
                "name": "server",
                "resource_id": "res-1",
                "components": [{"sku": "cpu", "quantity": "1"}],
            }
            item.pop("days", None)
    try:
        message = said(message_type.model_validate(drawn))
    except ValueError as refused:
        assume("Value error" not in str(refused))
        raise
    again = parse(message.encode(), name)
    assert again == message
    assert again.encode() == message.encode()
    assert parse(message.encode()) == message
