"""What is collected and paid of an invoice never exceeds it (domain 11)."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from services.invoicing.domain.payments import (
    Balance,
    Collection,
    Payment,
    credit,
    free,
    reserve,
    settle,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def _balance(gross: int) -> Balance:
    return Balance(
        invoice_id="inv",
        number="2026A-0000001",
        account_id="acc",
        currency="VND",
        gross=gross,
        vat=max(0, gross) // 11,
        paid=0,
        reserved=0,
        credited=0,
        credit_notes=0,
        order_id="ord",
        item_id="item",
    )


def _collection(amount: int, name: int) -> Collection:
    return Collection(str(name), "inv", "acc", amount, "credit", False, NOON)


def _payment(amount: int) -> Payment:
    return Payment("pay", "inv", "acc", amount, "VND", "credit", NOON)


def test_a_correction_below_zero_has_nothing_to_collect() -> None:
    balance, amount = reserve(_balance(-5), None)
    assert (balance.outstanding, amount) == (0, 0)


def test_what_others_collect_stays_reserved_for_them() -> None:
    balance, amount = reserve(_balance(100), 70)
    settled = settle(balance, _payment(50), None)
    assert (amount, settled.amount, settled.overpaid) == (70, 30, 20)


@given(
    st.integers(-50, 200),
    st.lists(
        st.tuples(st.sampled_from(["ask", "pay", "fail", "gift", "credit"]), st.integers(1, 150)),
        max_size=30,
    ),
)
def test_no_money_is_lost_and_no_more_is_paid_than_the_invoice_has(
    gross: int, moves: list[tuple[str, int]]
) -> None:
    balance = _balance(gross)
    open_ones: list[Collection] = []
    came = counted = given_back = surplus = vat = 0
    for name, (move, amount) in enumerate(moves):
        if move == "ask":
            balance, reserved = reserve(balance, amount)
            if reserved:
                open_ones.append(_collection(reserved, name))
        elif move == "fail" and open_ones:
            balance = free(balance, open_ones.pop())
        elif move == "gift" or (move == "pay" and open_ones):
            settled = settle(balance, _payment(amount), open_ones.pop(0) if move == "pay" else None)
            balance = settled.balance
            came += amount
            counted += settled.amount
            given_back += settled.overpaid
        elif move == "credit" and balance.creditable:
            note = credit(
                balance, str(name), min(amount, balance.creditable), "wrong", "sales", NOON
            )
            balance = note.balance
            surplus += note.given_back
            vat += note.vat
        assert balance.paid >= 0
        assert 0 <= balance.reserved == sum(one.amount for one in open_ones)
        assert balance.paid + balance.reserved <= max(gross, 0)
        assert balance.paid == counted
        assert came == counted + given_back
        assert 0 <= balance.credited <= max(gross, 0)
        assert surplus == max(0, balance.paid + balance.credited - max(gross, 0))
        assert 0 <= vat <= balance.vat
    if gross > 0 and balance.credited == gross:
        assert vat == balance.vat
