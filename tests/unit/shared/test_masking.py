"""Personal data is masked where messages are shown, and nothing else is."""

import json

from hypothesis import given
from hypothesis import strategies as st

from shared.masking import MASK, masked, masked_text

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_characters="@")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc", max_size=3), inner),
)


def test_what_says_who_somebody_is_is_masked_and_what_they_bought_is_not() -> None:
    event = {
        "type": "account.registered",
        "data": {"account_id": "acc-1", "email": "an@example.com", "name": "Nguyen Van An"},
        "items": [{"item_id": "web", "name": "web", "note": "call an@example.com, please"}],
    }
    assert masked(event) == {
        "type": "account.registered",
        "data": {"account_id": "acc-1", "email": MASK, "name": MASK},
        "items": [{"item_id": "web", "name": "web", "note": f"call {MASK}, please"}],
    }


@given(JSON)
def test_what_holds_no_personal_data_stays_as_it_is(value: object) -> None:
    assert masked(value) == value
    assert json.loads(masked_text(json.dumps(value))) == value


def test_what_is_no_json_is_masked_too() -> None:
    broken = '{"email": "an@example.com", "name": "An", "payer": "b@example.com'
    shown = masked_text(broken)
    assert "example" not in shown
    assert '"An"' not in shown


def test_a_long_text_is_masked_in_no_time() -> None:
    text = "x" * 200_000
    assert masked_text(text) == text
    assert masked_text(f"{text}@{text}").endswith("x")
