"""What may be taken and held: laws that hold for all charges and holds."""

from datetime import timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from services.wallet.domain import (
    Charge,
    Hold,
    HoldChange,
    Wallet,
    WalletKey,
    decide_charges,
    decide_hold_changes,
)
from tests.builders import NOON

KEY = WalletKey("acc-1", "credit")
amounts = st.integers(min_value=1, max_value=200)


def wallet(balance: int, held: int = 0) -> dict[WalletKey, Wallet]:
    return {KEY: Wallet(KEY, "VND", balance, held)}


@st.composite
def charges(draw: st.DrawFn) -> list[Charge]:
    wanted = draw(st.lists(st.tuples(amounts, st.booleans()), max_size=12))
    return [
        Charge(f"c-{n}", KEY, amount, "order", NOON, as_far)
        for n, (amount, as_far) in enumerate(wanted)
    ]


@st.composite
def changes(draw: st.DrawFn) -> list[HoldChange]:
    wanted = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["h-1", "h-2", "h-3"]), st.integers(0, 200), st.integers(0, 5)
            ),
            max_size=12,
        )
    )
    return [
        HoldChange(
            f"ch-{n}", hold, "acc-1", amount, "usage", NOON + timedelta(days=day), amount == 0
        )
        for n, (hold, amount, day) in enumerate(wanted)
    ]


@given(charges(), st.integers(0, 500), st.integers(0, 500))
def test_charges_never_take_more_than_is_available(
    asked: list[Charge], balance: int, held: int
) -> None:
    granted, _, _ = decide_charges(asked, wallet(balance, min(held, balance)))
    assert sum(one.amount for one in granted) <= balance - min(held, balance)


@given(charges(), st.integers(0, 500))
def test_each_charge_is_either_granted_or_declined(asked: list[Charge], balance: int) -> None:
    granted, declined, _ = decide_charges(asked, wallet(balance))
    concluded = [one.transfer_id for one in granted] + [one.charge.charge_id for one in declined]
    assert sorted(concluded) == sorted(one.charge_id for one in asked)


@given(charges(), st.integers(0, 500))
def test_a_charge_is_taken_whole_unless_it_may_be_taken_in_part(
    asked: list[Charge], balance: int
) -> None:
    by_id = {one.charge_id: one for one in asked}
    for taken in decide_charges(asked, wallet(balance))[0]:
        charge = by_id[taken.transfer_id]
        assert taken.amount == charge.amount or charge.as_far_as_possible
        assert taken.delta == -taken.amount


@given(charges(), st.integers(0, 500))
def test_a_declined_charge_could_not_have_been_taken(asked: list[Charge], balance: int) -> None:
    for one in decide_charges(asked, wallet(balance))[1]:
        assert one.available < one.charge.amount


@given(changes(), st.integers(0, 500))
def test_no_more_is_held_than_there_is(asked: list[HoldChange], balance: int) -> None:
    decided, holds = decide_hold_changes(asked, wallet(balance), {})
    assert sum(hold.amount for hold in holds) <= balance
    assert all(0 <= one.held <= balance for one in decided)


@given(changes(), st.integers(0, 500))
def test_what_a_wallet_holds_is_the_sum_of_its_holds(asked: list[HoldChange], balance: int) -> None:
    decided, holds = decide_hold_changes(asked, wallet(balance), {})
    if decided:
        assert decided[-1].held == sum(hold.amount for hold in holds)


@given(changes(), st.randoms(use_true_random=False))
def test_with_enough_credit_the_order_in_which_changes_come_means_nothing(
    asked: list[HoldChange], chance: Random
) -> None:
    expected = {hold.hold_id: hold for hold in decide_hold_changes(asked, wallet(10_000), {})[1]}
    shuffled = list(asked)
    chance.shuffle(shuffled)
    holds: dict[str, Hold] = {}
    for change in shuffled:
        held = sum(hold.amount for hold in holds.values())
        _, changed = decide_hold_changes([change], wallet(10_000, held), holds)
        holds.update((hold.hold_id, hold) for hold in changed)
    assert holds == expected
