"""What a configuration costs for a time (domain 6)."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.billing.domain.pricing import Buyer, Totals, lines_for, prorated, totals, vat_of
from services.billing.domain.rejection import Rejection
from shared.messages.items import InvoiceLine
from shared.money import MAX_AMOUNT, Currency, currency
from tests.builders import NOON
from tests.unit.billing.shop import (
    amounts,
    catalogue,
    component,
    currencies,
    lines,
    price,
    product,
    quantities,
    rates,
    terms,
    unit_prices,
)

VND = currency("VND")
DAYS = 1_440
BUYER = Buyer("acc-1", "VND", NOON)


def half_up(exact: Fraction) -> int:
    whole, rest = divmod(abs(exact), 1)
    rounded = whole + (rest >= Fraction(1, 2))
    return int(rounded if exact >= 0 else -rounded)


@pytest.mark.parametrize(
    ("unit_price", "minutes", "amount"),
    [
        (90_000, 60 * DAYS, 180_000),
        (35_000, 60 * DAYS, 70_000),
        (520_000, 50 * DAYS, 866_667),
        (181_000, 50 * DAYS, 301_667),
        (181_000, 60 * DAYS, 362_000),
        (220_000, 1_440, 7_333),
        (220_000, 1_563, 7_960),
        (181_000, 20 * DAYS, 120_667),
        (181_000, 3, 13),
        (520_000, 3, 36),
    ],
)
def test_the_published_examples_by_their_figures(
    unit_price: int, minutes: int, amount: int
) -> None:
    assert prorated(price(unit_price), Decimal(1), minutes, Decimal(0), VND) == amount


def test_a_discount_is_taken_off_before_rounding() -> None:
    half = Decimal("0.5")
    assert prorated(price(440_000), Decimal(1), 1_440, half, VND) == 7_333


@pytest.mark.parametrize(
    ("code", "amount"), [("VND", 1), ("USD", 101), ("KWD", 1_005), ("JPY", 1), ("EUR", 101)]
)
def test_an_amount_is_in_its_currencys_smallest_unit(code: str, amount: int) -> None:
    month = 30 * DAYS
    assert (
        prorated(price(Decimal("1.005")), Decimal(1), month, Decimal(0), currency(code)) == amount
    )


def test_a_price_by_the_hour_and_a_price_by_the_unit() -> None:
    snapshot = price(Decimal("7.7"), per="unit_hour")
    assert prorated(snapshot, Decimal(10), 180, Decimal(0), VND) == 231
    assert prorated(price(1_000, per="unit"), Decimal(5), 99, Decimal(0), VND) == 5_000


@given(unit_prices, quantities, terms, rates, currencies)
def test_a_line_is_exact_to_the_smallest_unit(
    unit_price: Decimal, quantity: Decimal, minutes: int, rate: Decimal, of: Currency
) -> None:
    exact = Fraction(unit_price) * Fraction(quantity) * (1 - Fraction(rate)) * minutes / 43_200
    assert prorated(price(unit_price), quantity, minutes, rate, of) == half_up(
        exact * 10**of.digits
    )


@given(amounts, rates, st.booleans())
def test_vat_is_exact_to_the_smallest_unit(amount: int, rate: Decimal, included: bool) -> None:
    share = Fraction(rate) / (1 + Fraction(rate)) if included else Fraction(rate)
    vat = vat_of(amount, rate, included=included)
    assert vat == half_up(amount * share)
    assert vat_of(-amount, rate, included=included) == -vat


@given(st.lists(lines(), max_size=5))
def test_net_and_vat_make_gross(of: list[InvoiceLine]) -> None:
    sums = totals(of)
    assert sums.net + sums.vat == sums.gross
    assert sums.vat == sum(line.vat for line in of)


@given(st.lists(lines(), min_size=1, max_size=5), st.data())
def test_a_coupon_takes_off_vat_in_proportion_and_makes_nothing_negative(
    of: list[InvoiceLine], data: st.DataObject
) -> None:
    sums = totals(of)
    discount = data.draw(st.integers(0, sums.gross))
    left = sums.less(discount)
    assert left.net + left.vat == left.gross == sums.gross - discount
    assert 0 <= left.vat <= sums.vat
    assert left.net >= 0
    assert sums.less(sums.gross) == (Totals(0, 0, 0) if sums.gross else sums)


def test_each_component_is_a_line_with_vat_and_discount() -> None:
    shop = catalogue(discount="0.1", image=90_000, disk=35_000)
    of = lines_for((component("image"), component("disk", 2)), 43_200, product(), BUYER, shop)
    assert not isinstance(of, Rejection)
    assert [(line.sku, line.amount, line.vat) for line in of] == [
        ("image", 81_000, 7_364),
        ("disk", 63_000, 5_727),
    ]
    assert totals(of) == Totals(net=130_909, vat=13_091, gross=144_000)


def test_the_price_in_force_is_the_latest_that_has_begun() -> None:
    shop = catalogue(image=price(100, since=NOON))
    before = Buyer("acc-1", "VND", NOON.replace(hour=11))
    assert isinstance(lines_for((component("image"),), 43_200, product(), BUYER, shop), tuple)
    missing = lines_for((component("image"),), 43_200, product(), before, shop)
    assert isinstance(missing, Rejection)
    assert (missing.reason, missing.may_come) == ("unknown_sku", True)


def test_an_absurd_amount_is_rejected_and_no_error() -> None:
    shop = catalogue(image=10**12)
    absurd = lines_for((component("image", 10**12),), 10**7, product(), BUYER, shop)
    assert isinstance(absurd, Rejection)
    assert absurd.reason == "amount_too_large"
    most = lines_for((component("image", 1_000),), 43_200, product(), BUYER, shop)
    assert isinstance(most, tuple)
    assert most[0].amount == MAX_AMOUNT
