"""The switch of an account's user type (domain 10)."""

from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from services.billing.domain.rejection import Rejection
from services.billing.domain.switches import Switch, decide, other, type_at
from shared.messages.model import UserType
from tests.builders import NOON
from tests.unit.billing.shop import DAY

user_types: st.SearchStrategy[UserType] = st.sampled_from(["prepaid", "postpaid"])
requests = st.lists(
    st.tuples(st.integers(0, 20), user_types), max_size=8, unique_by=lambda request: request[0]
)


def switch(user_type: UserType, at: datetime = NOON) -> Switch:
    return Switch(at, user_type, "sales", "asked")


def reason(decided: list[Switch] | Rejection) -> str:
    assert isinstance(decided, Rejection)
    return decided.reason


def test_new_accounts_are_prepaid() -> None:
    assert type_at([], NOON) == "prepaid"
    assert reason(decide([], switch("prepaid"), None)) == "already_so"
    assert decide([], switch("postpaid"), None) == [switch("postpaid")]


def test_a_debt_keeps_an_account_postpaid_but_not_prepaid() -> None:
    history = [switch("postpaid", NOON - DAY)]
    assert reason(decide(history, switch("prepaid"), NOON)) == "invoice_overdue"
    assert decide(history, switch("prepaid"), NOON + DAY) == [switch("prepaid")]
    assert decide([], switch("postpaid"), NOON - DAY) == [switch("postpaid")]


def told(arrivals: list[Switch]) -> dict[datetime, UserType]:
    """The switches that are told of, by their times, the last word on each."""
    history: list[Switch] = []
    events: dict[datetime, UserType] = {}
    for asked in arrivals:
        decided = decide(history, asked, None)
        if not isinstance(decided, Rejection):
            events |= {one.at: one.user_type for one in decided}
        history.append(asked)
    return events


def type_by(events: dict[datetime, UserType], at: datetime) -> UserType:
    before = [when for when in events if when <= at]
    return events[max(before)] if before else "prepaid"


@given(requests, st.data())
def test_in_whatever_order_requests_come_those_who_listen_know_the_same_type(
    asked: list[tuple[int, UserType]], data: st.DataObject
) -> None:
    switches = [switch(user_type, NOON + day * DAY) for day, user_type in asked]
    in_order = told(sorted(switches, key=lambda one: one.at))
    shuffled = told(data.draw(st.permutations(switches)))
    for day in range(-1, 22):
        at = NOON + day * DAY
        assert type_by(shuffled, at) == type_by(in_order, at) == type_at(switches, at)


def test_the_other_type() -> None:
    assert [other("prepaid"), other("postpaid")] == ["postpaid", "prepaid"]
