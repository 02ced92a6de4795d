"""Batches of usage reports that can't be read say which report it is, and why."""

import pytest

from shared.messages.upstream import UsageBatchRecorded
from shared.wire import BadMessage, parse

_FIELDS = {
    "report_id": '"r"',
    "account_id": '"acc-1"',
    "resource_id": '"res-1"',
    "meter": '"traffic"',
    "quantity": '"1.5"',
    "from": '"2026-11-02T12:00:00Z"',
    "to": '"2026-11-02T13:00:00Z"',
}


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("quantity", '"0.00"', "match pattern"),
        ("quantity", '"1000000000000000"', "match pattern"),
        ("quantity", '"-1"', "match pattern"),
        ("quantity", "1.5", "valid string"),
        ("quantity", '"1e3"', "match pattern"),
        ("to", '"2026-11-02T13:00:00"', "timezone info"),
        ("to", '"1999-11-02T13:00:00Z"', "greater than or equal"),
        ("meter", '""', "at least 1 character"),
    ],
)
def test_a_batch_with_a_malformed_report_says_which_and_why(
    field: str, value: str, told: str
) -> None:
    assert isinstance(parse(_event(_FIELDS)), UsageBatchRecorded)
    with pytest.raises(BadMessage) as caught:
        parse(_event(_FIELDS | {field: value}))
    assert caught.value.reason == "bad_field"
    assert told in caught.value.detail
    assert "reports.0" in caught.value.detail


@pytest.mark.parametrize("quantity", ["1", "0.5", "0.000000000001", "999999999999.999999999999"])
def test_a_reported_quantity_is_any_above_0(quantity: str) -> None:
    message = parse(_event(_FIELDS | {"quantity": f'"{quantity}"'}))
    assert isinstance(message, UsageBatchRecorded)
    assert message.reports[0].quantity == quantity


def _event(fields: dict[str, str]) -> bytes:
    report = ",".join(f'"{name}":{value}' for name, value in fields.items())
    return (
        '{"specversion":"1.0","id":"1","source":"/team","type":"usage.batch_recorded",'
        f'"time":"2026-11-02T13:00:00Z","data":{{"reports":[{{{report}}}]}}}}'
    ).encode()
