"""Coupons: who may use them, and how they are divided (domain 6)."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.billing.domain.coupons import Coupon, refused, shares
from tests.builders import NOON
from tests.unit.billing.shop import DAY, amounts

SAVE = Coupon("SAVE", "amount", Decimal(150_000), ("vserver",), NOON + DAY, None, None)


def test_a_coupon_is_divided_in_proportion() -> None:
    assert shares(SAVE, ["vserver"] * 2, [1_000_000, 500_000]) == [100_000, 50_000]


def test_the_last_units_go_by_largest_remainder() -> None:
    ten = replace(SAVE, value=Decimal(10))
    assert shares(ten, ["vserver"] * 3, [100, 100, 100]) == [4, 3, 3]
    assert shares(ten, ["vserver"] * 3, [1, 1, 5]) == [1, 1, 5]


def test_a_percentage_is_of_what_the_coupon_applies_to() -> None:
    tenth = replace(SAVE, kind="percent", value=Decimal("12.5"))
    assert shares(tenth, ["vserver", "vdb"], [1_000, 9_000]) == [125, 0]
    assert shares(tenth, ["vserver"], [4]) == [1]


def test_what_is_given_back_gets_no_share() -> None:
    assert shares(SAVE, ["vserver"] * 2, [-400_000, 100_000]) == [0, 100_000]


@given(
    st.lists(st.tuples(st.sampled_from(["vserver", "vdb"]), st.one_of(amounts, st.just(-5)))),
    st.one_of(
        st.tuples(st.just("amount"), st.integers(0, 10**15).map(Decimal)),
        st.tuples(st.just("percent"), st.decimals(0, 100, places=12)),
    ),
)
def test_shares_add_up_and_make_no_amount_negative(
    items: list[tuple[str, int]], kind_and_value: tuple[str, Decimal]
) -> None:
    kind, value = kind_and_value
    coupon = replace(SAVE, value=value, kind="amount" if kind == "amount" else "percent")
    divided = shares(coupon, [name for name, _ in items], [amount for _, amount in items])
    whole = sum(max(0, amount) for name, amount in items if name == "vserver")
    assert all(
        0 <= share <= max(0, amount) for share, (_, amount) in zip(divided, items, strict=True)
    )
    assert not any(
        share for share, (name, _) in zip(divided, items, strict=True) if name != "vserver"
    )
    off = sum(divided)
    if kind == "amount":
        assert off == min(value, whole)
    else:
        assert abs(off - value * whole / 100) <= Decimal("0.5") + Decimal("1e-9")


@pytest.mark.parametrize(
    ("coupon", "reason"),
    [
        (None, "coupon_unknown"),
        (replace(SAVE, valid_until=NOON), "coupon_expired"),
        (replace(SAVE, account_id="acc-2"), "coupon_not_applicable"),
        (replace(SAVE, products=("vdb",)), "coupon_not_applicable"),
        (replace(SAVE, uses_left=0), "coupon_used_up"),
        (replace(SAVE, uses_left=1, account_id="acc-1"), None),
        (replace(SAVE, valid_until=NOON + DAY / 1_440), None),
    ],
)
def test_why_a_coupon_can_not_be_used(coupon: Coupon | None, reason: str | None) -> None:
    refusal = refused(coupon, "acc-1", ["vserver"], [1], NOON)
    assert (refusal and refusal.reason) == reason


def test_a_coupon_that_takes_off_nothing_is_not_used_up() -> None:
    refusal = refused(SAVE, "acc-1", ["vserver", "vdb"], [0, 100], NOON)
    assert refusal is not None
    assert refusal.reason == "coupon_not_applicable"
