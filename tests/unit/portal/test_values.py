"""Documents add up, or there is no document."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.portal.documents.values import CreditLine, DoesNotAddUp, PaymentLine, StatementEntry
from shared.money import round_half_up
from tests.unit.portal.papers import CREDIT_NOTE, IMAGE, INVOICE, ISSUED, STATEMENT, UNPAID


@pytest.mark.parametrize(
    "wrong",
    [
        {"net": 209_092},
        {"gross": 230_001, "net": 209_092},
        {"lines": (IMAGE,)},
        {"discount": 20_001},
        {"vat": 22_729, "net": 207_271},
        {"vat": 0, "net": 230_000},
        {"payments": (PaymentLine("p", ISSUED, "credit", 230_001),)},
        {"payments": (PaymentLine("p", ISSUED, "credit", 0),)},
        {"credits": (CreditLine("c", ISSUED, 230_001),)},
    ],
)
def test_an_invoice_that_contradicts_itself_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(DoesNotAddUp):
        replace(INVOICE, **wrong)  # type: ignore[arg-type]


def test_a_credit_note_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(DoesNotAddUp):
        replace(CREDIT_NOTE, vat=4_546)
    with pytest.raises(DoesNotAddUp):
        replace(CREDIT_NOTE, given_back=50_001)


def test_a_statement_whose_movements_lead_elsewhere_is_refused() -> None:
    with pytest.raises(DoesNotAddUp):
        replace(STATEMENT, entries=(StatementEntry(ISSUED, "top_up", 500_000, 499_999),))
    with pytest.raises(DoesNotAddUp):
        replace(STATEMENT, opening_balance=1)


def test_what_is_outstanding_is_what_was_neither_paid_nor_credited() -> None:
    paid = PaymentLine("p", ISSUED, "recorded", 100_000)
    some = replace(UNPAID, payments=(paid,), credits=(CreditLine("c", ISSUED, 50_000),))
    assert (some.outstanding, some.status) == (100_000, "partially_paid")
    assert (UNPAID.outstanding, UNPAID.status) == (250_000, "unpaid")
    assert (INVOICE.outstanding, INVOICE.status) == (0, "paid")


def test_an_invoice_credited_after_it_was_paid_owes_nothing() -> None:
    credited = replace(INVOICE, credits=(CreditLine("c", ISSUED, 230_000),))
    assert credited.outstanding == 0


def test_vat_by_rate_is_the_invoices_vat_also_where_a_coupon_took_some_off() -> None:
    (share,) = INVOICE.vat_shares
    assert (share.rate, share.net, share.vat, share.gross) == (
        Decimal("0.1"), 209_091, 20_909, 230_000
    )  # fmt: skip
    assert share.discount == 18_181


@given(
    st.lists(
        st.tuples(
            st.integers(0, 10**9), st.sampled_from(["0", "0.05", "0.08", "0.1"]), st.booleans()
        ),
        min_size=1,
        max_size=20,
    ),
    st.data(),
)
def test_vat_by_rate_always_adds_up_to_the_invoice(
    amounts: list[tuple[int, str, bool]], data: st.DataObject
) -> None:
    lines = tuple(
        replace(
            IMAGE,
            amount=amount,
            vat_rate=Decimal(rate),
            vat_included=included,
            vat=round_half_up(
                amount * Decimal(rate) / (1 + Decimal(rate) if included else Decimal(1))
            ),
        )
        for amount, rate, included in amounts
    )
    gross = sum(line.gross for line in lines)
    discount = data.draw(st.integers(0, gross))
    whole_vat = sum(line.vat for line in lines)
    vat = round_half_up(Decimal(whole_vat) * (gross - discount) / gross) if gross else 0
    invoice = replace(
        UNPAID,
        lines=lines,
        discount=discount,
        gross=gross - discount,
        vat=vat,
        net=gross - discount - vat,
    )
    assert sum(share.net for share in invoice.vat_shares) == invoice.net
    assert sum(share.vat for share in invoice.vat_shares) == invoice.vat
    assert sum(share.discount for share in invoice.vat_shares) == discount - invoice.discount_vat
