"""To which month metered use belongs, and when it is reported too early or too late (domain 8)."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.invoicing.domain.reports import Limits, find_fault, month_of
from shared.messages.upstream import UsageBatchRecorded
from shared.periods import BillingMonth
from shared.wire import BadMessage, parse

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
LIMITS = Limits(ahead=timedelta(minutes=5), months_back=12)
NOVEMBER = BillingMonth(2026, 11)
_TIMES = st.timedeltas(timedelta(0), timedelta(days=36_000)).map(
    lambda since: datetime(2001, 1, 1, tzinfo=HANOI) + since
)


@given(_TIMES, st.timedeltas(timedelta(0), timedelta(days=40)))
def test_use_belongs_to_the_month_in_which_it_ended(start: datetime, length: timedelta) -> None:
    end = start + length
    month = month_of(start, end, HANOI)
    assert month.start(HANOI) <= end <= month.end(HANOI)
    assert start == end or end > month.start(HANOI)


def test_use_until_midnight_is_of_the_month_that_is_over() -> None:
    midnight = NOVEMBER.end(HANOI)
    assert month_of(midnight - timedelta(hours=1), midnight, HANOI) == NOVEMBER
    assert month_of(midnight, midnight, HANOI) == NOVEMBER.next()


def test_use_that_ends_after_its_message_is_from_the_future() -> None:
    at = NOVEMBER.start(HANOI) + timedelta(days=3)
    latest = at + LIMITS.ahead
    assert find_fault(latest, NOVEMBER, at, LIMITS, HANOI) is None
    beyond = latest + timedelta(microseconds=1)
    assert find_fault(beyond, NOVEMBER, at, LIMITS, HANOI) == "from_the_future"


def test_use_may_be_reported_a_year_late_and_no_later() -> None:
    used_to = NOVEMBER.start(HANOI) + timedelta(days=3)
    in_time = BillingMonth(2027, 12).start(HANOI) - timedelta(seconds=1)
    assert find_fault(used_to, NOVEMBER, in_time, LIMITS, HANOI) is None
    late = in_time + timedelta(seconds=1)
    assert find_fault(used_to, NOVEMBER, late, LIMITS, HANOI) == "too_long_ago"


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("quantity", '"0.00"', "quantity is not above 0"),
        ("quantity", '"-1"', "match pattern"),
        ("quantity", "1.5", "valid string"),
        ("quantity", '"1e3"', "match pattern"),
        ("to", '"2026-11-01T00:00:00Z"', "to is before from"),
        ("to", '"2026-11-02T13:00:00"', "timezone info"),
        ("to", '"1999-11-02T13:00:00Z"', "greater than or equal"),
        ("meter", '""', "at least 1 character"),
    ],
)
def test_a_batch_with_a_malformed_report_says_which_and_why(
    field: str, value: str, told: str
) -> None:
    fields = {
        "report_id": '"r"',
        "account_id": '"acc-1"',
        "resource_id": '"res-1"',
        "meter": '"traffic"',
        "quantity": '"1.5"',
        "from": '"2026-11-02T12:00:00Z"',
        "to": '"2026-11-02T13:00:00Z"',
    }
    assert isinstance(parse(_event(fields)), UsageBatchRecorded)
    with pytest.raises(BadMessage) as caught:
        parse(_event(fields | {field: value}))
    assert caught.value.reason == "bad_field"
    assert told in caught.value.detail
    assert "reports.0" in caught.value.detail or "report 0" in caught.value.detail


def _event(fields: dict[str, str]) -> bytes:
    report = ",".join(f'"{name}":{value}' for name, value in fields.items())
    return (
        '{"specversion":"1.0","id":"1","source":"/team","type":"usage.batch_recorded",'
        f'"time":"2026-11-02T13:00:00Z","data":{{"reports":[{{{report}}}]}}}}'
    ).encode()
