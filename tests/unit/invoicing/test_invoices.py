"""Numbers of invoices, and how invoices are divided among messages."""

from hypothesis import given
from hypothesis import strategies as st

from services.invoicing.domain.invoices import (
    MESSAGE_CHARACTERS,
    in_messages,
    numbered,
    series_name,
)


def test_series_are_lettered_like_columns() -> None:
    assert [series_name(2026, place) for place in (0, 1, 25, 26, 27, 701, 702)] == [
        "2026A", "2026B", "2026Z", "2026AA", "2026AB", "2026ZZ", "2026AAA"
    ]  # fmt: skip


@given(st.integers(0, 20_000), st.integers(0, 20_000))
def test_no_two_series_have_the_same_name(one: int, other: int) -> None:
    assert (series_name(2026, one) == series_name(2026, other)) == (one == other)


def test_a_number_has_at_least_seven_digits() -> None:
    assert numbered("2026A", 1) == "2026A-0000001"
    assert numbered("2026B", 12_345_678) == "2026B-12345678"


@given(st.lists(st.integers(1, MESSAGE_CHARACTERS * 2), max_size=30))
def test_messages_carry_every_invoice_in_order_and_are_not_too_long(lengths: list[int]) -> None:
    written = [str(place) + "x" * length for place, length in enumerate(lengths)]
    messages = list(in_messages(written))
    assert [one for some in messages for one in some] == written
    assert all(len(some) == 1 or sum(map(len, some)) <= MESSAGE_CHARACTERS for some in messages)


def test_a_message_carries_at_most_500_invoices() -> None:
    assert [len(some) for some in in_messages(["{}"] * 1_001)] == [500, 500, 1]
