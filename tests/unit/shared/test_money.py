"""Money: rounded half up, never a float, and divided so that nothing is lost."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.money import (
    CURRENCIES,
    CurrencyMismatch,
    Money,
    UnknownCurrency,
    currency,
    split_in_proportion,
)

VND, USD = currency("VND"), currency("USD")
weights = st.lists(st.integers(0, 10**13), min_size=1, max_size=30)


@st.composite
def divisions(draw: st.DrawFn) -> tuple[int, list[int]]:
    drawn = draw(weights.filter(any))
    return draw(st.integers(0, sum(drawn))), drawn


@pytest.mark.parametrize(
    ("code", "units", "amount"),
    [
        ("VND", "7333.33", 7_333),
        ("VND", "0.5", 1),
        ("VND", "1.5", 2),
        ("VND", "2.5", 3),
        ("VND", "2.4999999999999999999999", 2),
        ("VND", "-0.5", -1),
        ("VND", "-0.4", 0),
        ("USD", "1.005", 101),
        ("USD", "1.004999", 100),
        ("KWD", "1.0005", 1_001),
        ("VND", "999999999999999.5", 10**15),
    ],
)
def test_amounts_are_rounded_half_up_to_the_smallest_unit(
    code: str, units: str, amount: int
) -> None:
    assert currency(code).round(Decimal(units)) == amount


@given(st.integers(-(10**15), 10**15), st.sampled_from(sorted(CURRENCIES)))
def test_whole_amounts_are_never_rounded(amount: int, code: str) -> None:
    money = currency(code)
    assert money.round(Decimal(amount).scaleb(-money.digits)) == amount


@given(st.decimals(-(10**12), 10**12, allow_nan=False, places=9))
def test_rounding_is_off_by_half_a_unit_at_most(units: Decimal) -> None:
    assert abs(Fraction(VND.round(units)) - Fraction(units)) <= Fraction(1, 2)


def test_amounts_are_written_as_people_write_them() -> None:
    assert VND.text(230_000) == "230,000 VND"
    assert USD.text(1_250) == "12.50 USD"
    assert USD.text(-5) == "-0.05 USD"


def test_an_unknown_currency_is_refused() -> None:
    with pytest.raises(UnknownCurrency):
        currency("XXX")


def test_money_is_only_combined_within_its_currency() -> None:
    assert Money(5, VND) + Money(3, VND) - Money(1, VND) == Money(7, VND)
    assert -Money(5, VND) < Money(0, VND) <= Money(0, VND)
    for combine in (Money.__add__, Money.__sub__, Money.__lt__, Money.__le__):
        with pytest.raises(CurrencyMismatch):
            combine(Money(5, VND), Money(5, USD))


def test_a_coupon_is_divided_as_domain_6_has_it() -> None:
    assert split_in_proportion(150_000, [1_000_000, 500_000]) == [100_000, 50_000]


def test_the_last_units_go_to_the_largest_remainders_and_then_to_whoever_stands_first() -> None:
    assert split_in_proportion(2, [1, 1, 1]) == [1, 1, 0]
    assert split_in_proportion(10, [10, 20, 30]) == [2, 3, 5]


def test_nothing_is_divided_into_nothing() -> None:
    assert split_in_proportion(0, [0, 0]) == [0, 0]


@given(divisions())
def test_shares_add_up_to_exactly_what_was_divided(division: tuple[int, list[int]]) -> None:
    total, drawn = division
    assert sum(split_in_proportion(total, drawn)) == total


@given(divisions())
def test_no_share_exceeds_its_weight_or_is_below_0(division: tuple[int, list[int]]) -> None:
    total, drawn = division
    shares = split_in_proportion(total, drawn)
    assert all(0 <= share <= weight for share, weight in zip(shares, drawn, strict=True))


@given(divisions())
def test_each_share_is_within_a_unit_of_its_exact_proportion(
    division: tuple[int, list[int]],
) -> None:
    total, drawn = division
    for share, weight in zip(split_in_proportion(total, drawn), drawn, strict=True):
        assert abs(share - Fraction(total * weight, sum(drawn))) < 1


@given(divisions())
def test_who_weighs_more_gets_no_less(division: tuple[int, list[int]]) -> None:
    total, drawn = division
    ordered = sorted(drawn, reverse=True)
    shares = split_in_proportion(total, ordered)
    assert shares == sorted(shares, reverse=True)
