"""Each line derived again agrees with the rule of the price list, to the last unit (domain 6)."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from services.invoicing.domain.derivation import Line, Sources, Tariff, Use, derive
from shared.money import CURRENCIES, round_half_up

START = datetime(2026, 11, 1, tzinfo=UTC)


def line_of(amount: int, vat: int, minutes: int, price: Decimal, quantity: Decimal) -> Line:
    """A line for use from START on, VAT of 8 % on top."""
    return Line(
        position=1,
        sku="cpu",
        quantity=quantity,
        minutes=minutes,
        unit_price=price,
        discount_rate=Decimal("0.05"),
        amount=amount,
        vat=vat,
        vat_rate=Decimal("0.08"),
        vat_included=False,
        period_from=START,
        period_to=START + timedelta(minutes=minutes),
        month=None,
    )


def sources_of(line: Line, digits: int) -> Sources:
    """A segment that goes on, and a price ever in force."""
    use = Use(1, line.sku, line.quantity, line.discount_rate, START, None)
    tariff = Tariff("cpu", None, None, line.unit_price, 43_200, Decimal("0.08"), vat_included=False)
    return Sources("usage", "2026-11", 10**digits, [use], [tariff], [], [])


@given(
    st.decimals(0, 10**6, places=4),
    st.decimals("0.001", 1_000, places=3),
    st.integers(1, 44_640),
    st.sampled_from(["VND", "USD", "KWD"]),
    st.sampled_from([-1, 0, 1]),
)
def test_a_line_is_derived_if_and_only_if_its_amount_is_right(
    price: Decimal, quantity: Decimal, minutes: int, code: str, off_by: int
) -> None:
    currency = CURRENCIES[code]
    right = currency.round(price * quantity * Decimal("0.95") * minutes / 43_200)
    vat = round_half_up(right * Decimal("0.08"))
    line = line_of(right + off_by, vat, minutes, price, quantity)
    (derived,) = derive([line], sources_of(line, currency.digits))
    assert (derived.fault is None) == (off_by == 0)


def test_a_stretch_that_is_not_its_minutes_is_said_to_be_wrong() -> None:
    line = line_of(2, 0, 1, Decimal(90_000), Decimal(1))
    (derived,) = derive([line], sources_of(line, 0))
    assert derived.fault is None
    longer = line_of(2, 0, 2, Decimal(90_000), Decimal(1))
    (derived,) = derive([longer], sources_of(longer, 0))
    assert derived.fault == "that makes 4 and VAT of 0, not 2 and 0"
