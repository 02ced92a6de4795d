"""How much is held, and how a hold's changes follow each other: laws for all costs and orders."""

from datetime import date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.invoicing.domain.holds import (
    Cost,
    Hold,
    capture,
    captured,
    have,
    is_too_long,
    lack,
    opened,
    set_to,
    target,
)
from shared.messages.model import UserType
from tests.builders import NOON

DAY = timedelta(days=1)
amounts = st.integers(0, 10**12)
costs = st.builds(Cost, actual=amounts, estimate=amounts, gone=st.just(False))
user_types: st.SearchStrategy[UserType] = st.sampled_from(["prepaid", "postpaid"])
days = st.integers(-40, 40).map(lambda number: NOON + number * DAY)


def hold(asked: int = 0) -> Hold:
    """The hold of a resource as it was ordered at noon."""
    return opened("acc-1", "vm-1", asked, NOON)


@given(costs)
def test_what_is_held_covers_what_use_has_cost(cost: Cost) -> None:
    assert target(cost, "prepaid") >= cost.actual
    assert target(cost, "prepaid") - cost.actual == cost.estimate


@given(costs)
def test_nothing_is_held_for_a_postpaid_user(cost: Cost) -> None:
    assert target(cost, "postpaid") == 0


@given(st.lists(st.tuples(costs, user_types, days, st.booleans()), max_size=10))
def test_changes_go_forward_in_number_and_time_whatever_the_order_of_messages(
    told: list[tuple[Cost, UserType, datetime, bool]],
) -> None:
    now = hold(5)
    for cost, user_type, at, answered in told:
        before = now
        now = set_to(before, cost, user_type, at)
        assert now.asked == target(cost, user_type), "what was known last counts"
        assert now.asked_at >= before.asked_at
        if now.asked != before.asked:
            assert now.number == before.number + 1
            assert now.change_id > before.change_id
        if answered and now.answer is None:
            now = have(now)


def test_an_amount_that_is_so_already_is_not_asked_for_again() -> None:
    assert set_to(hold(5), Cost(2, 3, gone=False), "prepaid", NOON + DAY) == hold(5)


def test_what_was_declined_is_asked_for_again_though_it_is_the_same() -> None:
    asked = set_to(hold(), Cost(2, 3, gone=False), "prepaid", NOON)
    short = lack(asked, NOON, NOON.date())
    again = set_to(short, Cost(2, 3, gone=False), "prepaid", NOON + DAY)
    assert (again.number, again.answer, again.short_since) == (2, None, NOON)
    assert have(again).short_since is None


def test_a_hold_that_pays_an_invoice_is_left_alone_until_it_has_paid() -> None:
    paying = capture(hold(5), "pay-1", NOON + DAY)
    assert set_to(paying, Cost(9, 9, gone=False), "prepaid", NOON + 2 * DAY) == paying
    paid = captured(paying, 3)
    assert (paid.held, paid.payment_id) == (2, None)
    same = Cost(2, 3, gone=False)
    assert set_to(paid, same, "prepaid", NOON, again=True).number == 2
    assert captured(paying, 7).held == 0, "the rest came from the available credit"


def test_a_hold_ends_once_its_resource_is_gone_and_nothing_is_held_any_more() -> None:
    gone = Cost(0, 0, gone=True)
    emptied = set_to(hold(5), gone, "prepaid", NOON)
    assert (emptied.asked, emptied.ended) == (0, False)
    assert not set_to(emptied, gone, "prepaid", NOON + DAY).ended, "the wallet has not answered"
    assert set_to(have(emptied), gone, "prepaid", NOON + DAY).ended
    assert not set_to(hold(), Cost(0, 0, gone=False), "prepaid", NOON + DAY).ended


@given(st.integers(1, 60), st.integers(0, 90))
def test_days_are_counted_from_the_first_on_which_credit_was_short(limit: int, later: int) -> None:
    first = date(2026, 11, 2)
    assert is_too_long(first, first + timedelta(days=later), limit) == (later >= limit)
