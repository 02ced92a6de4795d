"""What the rest of a term is worth (domain 6)."""

from datetime import datetime, timedelta
from decimal import Decimal

from hypothesis import assume, given
from hypothesis import strategies as st

from services.billing.domain.pricing import totals
from services.billing.domain.terms import TermPiece, credit_lines, unused_value
from tests.builders import NOON
from tests.unit.billing.shop import DAY, amounts, component, piece, terms

instants = st.integers(-(10**8), 10**9).map(lambda seconds: NOON + timedelta(seconds=seconds))


def test_deleting_after_ten_of_thirty_days_gives_back_twenty() -> None:
    assert piece(181_000).unused_value(NOON + 10 * DAY) == 120_667


def test_a_renewed_period_that_has_not_begun_is_worth_all_that_was_paid() -> None:
    later = piece(362_000, 60, since=NOON + 30 * DAY, order_id="ord-2")
    assert unused_value([piece(181_000), later], NOON + 15 * DAY) == 90_500 + 362_000


def test_a_term_that_is_over_is_worth_nothing() -> None:
    assert piece(181_000).unused_value(NOON + 30 * DAY) == 0
    assert piece(5, days=0).unused_value(NOON) == 0


def test_seconds_do_not_count() -> None:
    used = piece(43_200).unused_value(NOON + timedelta(minutes=1, seconds=59))
    assert used == 43_199


@given(amounts, terms, st.lists(instants, min_size=2, max_size=2))
def test_the_unused_value_only_falls_and_never_exceeds_what_was_paid(
    paid: int, minutes: int, at: list[datetime]
) -> None:
    whole = TermPiece("o", "i", NOON, NOON + timedelta(minutes=minutes), paid, Decimal(0))
    early, late = (whole.unused_value(one) for one in sorted(at))
    assert paid >= early >= late >= 0
    assert whole.unused_value(NOON) == paid


@given(terms, st.lists(st.integers(0, 10**7), max_size=6))
def test_however_a_term_is_cut_no_minute_is_lost(minutes: int, cuts: list[int]) -> None:
    end = NOON + timedelta(minutes=minutes)
    at = sorted({NOON + timedelta(seconds=cut) for cut in cuts if cut < minutes * 60})
    left = [TermPiece("o", "i", NOON, end, 1, Decimal(0)).minutes_left(one) for one in at]
    stretches = [
        TermPiece("o", "i", since, until, 1, Decimal(0)).minutes_left(since)
        for since, until in zip([NOON, *at], [*at, end], strict=True)
    ]
    assert sum(stretches) == minutes
    assert left == sorted(left, reverse=True)


@given(
    st.lists(st.tuples(amounts, st.integers(1, 900)), min_size=1, max_size=5),
    st.integers(0, 4_000),
    amounts,
)
def test_credit_lines_are_worth_the_unused_value_as_far_as_it_may_go_back(
    stretches: list[tuple[int, int]], day: int, at_most: int
) -> None:
    pieces: list[TermPiece] = []
    since = NOON
    for number, (paid, days) in enumerate(stretches):
        pieces.append(piece(paid, days, since=since, order_id=f"ord-{number}"))
        since += days * DAY
    at = NOON + day * DAY
    assume(min(unused_value(pieces, at), at_most) > 0)
    sums = totals(credit_lines(pieces, (component("old"),), "web", at, at_most))
    assert sums.gross == -min(unused_value(pieces, at), at_most)
    assert sums.net + sums.vat == sums.gross
