"""The envelope: ids derived from their cause, and what is carried along a chain of messages."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.envelope import Envelope
from shared.messages.upstream import TopUpReceived
from shared.messages.wallet import WalletDeclined
from tests.builders import NOON, said

CAUSE = Envelope(id="m-1", source="/portal", type="order.placed", time=NOON, subject="acc-1")


def caused(by: Envelope = CAUSE, type: str = "order.rejected", key: str = "") -> Envelope:
    return by.caused(source="/cloudtill/billing", type=type, key=key, at=None, subject=None)


def top_up(amount: int = 1) -> TopUpReceived:
    return TopUpReceived(
        top_up_id="t", account_id="acc-2", amount=amount, gateway="bank", gateway_reference="r"
    )


def test_handling_again_says_the_same_ids_again() -> None:
    assert caused(key="item-1") == caused(key="item-1")


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(caused(key="item-1"), id="another key"),
        pytest.param(caused(type="payment.failed"), id="another type"),
        pytest.param(caused(replace(CAUSE, id="m-2")), id="another cause"),
        pytest.param(caused(replace(CAUSE, source="/sales")), id="another source of the cause"),
    ],
)
def test_different_messages_of_a_cause_have_different_ids(other: Envelope) -> None:
    assert other.id != caused().id


def test_an_id_does_not_depend_on_when_or_how_often_its_cause_was_tried() -> None:
    assert caused(replace(CAUSE, attempt=5)).id == caused().id
    assert caused(replace(CAUSE, attempt=5)).attempt == 0


def test_correlation_subject_and_business_time_are_carried_along() -> None:
    first = caused()
    second = caused(first, type="payment.failed")
    assert (first.correlation_id, first.causation_id) == ("m-1", "m-1")
    assert (second.correlation_id, second.causation_id) == ("m-1", first.id)
    assert second.time == NOON
    assert second.subject == "acc-1"


def test_where_the_outside_world_answered_its_time_counts() -> None:
    later = NOON + timedelta(minutes=5)
    message = top_up().because(said(top_up()), at=later)
    assert message.time == later
    assert message.envelope.subject == "acc-2"


def test_a_message_is_stamped_once() -> None:
    message = said(top_up())
    with pytest.raises(ValueError, match="has an envelope already"):
        said(message)


def test_a_message_without_an_envelope_can_not_be_said() -> None:
    with pytest.raises(ValueError, match="no envelope yet"):
        top_up().encode()


def test_an_event_is_written_as_the_contract_has_it() -> None:
    decline = WalletDeclined(
        account_id="acc-2",
        wallet="credit",
        amount=5,
        balance=3,
        held=1,
        available=2,
        reason="order",
        reference="c-1",
    ).because(said(top_up(), id="m-9"))
    written = json.loads(decline.encode())
    assert list(written) == [
        "specversion",
        "id",
        "source",
        "type",
        "time",
        "datacontenttype",
        "subject",
        "correlationid",
        "causationid",
        "data",
    ]
    assert written["time"] == "2026-11-02T12:00:00Z"
    assert written["causationid"] == "m-9"
    assert written["data"]["available"] == 2
    assert "change_id" not in written["data"]


@given(st.text(min_size=1, max_size=64))
def test_any_text_of_an_envelope_survives_being_written(text: str) -> None:
    written = replace(CAUSE, id=text, correlation_id=text, traceparent=text).around(b"{}")
    read = json.loads(written)
    assert (read["id"], read["correlationid"], read["traceparent"]) == (text, text, text)
    assert read["data"] == {}
