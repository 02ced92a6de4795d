"""When gateways are asked for payments of which they told nothing (reading E5)."""

from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.gateways.domain import ASKED_AFTER, Payment, next_query
from tests.builders import NOON

MINUTE = timedelta(minutes=1)
_VALIDITIES = st.timedeltas(min_value=MINUTE, max_value=timedelta(days=7))


def _payment(validity: timedelta = timedelta(days=3)) -> Payment:
    return Payment("pay-1", "acc-1", 100, "VND", "on_behalf", "zalopay", NOON, NOON + validity)


def _queries(payment: Payment) -> list[datetime]:
    times: list[datetime] = []
    at = next_query(payment, payment.requested_at)
    while at is not None:
        times.append(at)
        at = next_query(payment, at)
    return times


def test_a_gateway_is_asked_often_at_first_and_hourly_later() -> None:
    times = _queries(_payment())
    assert times[:3] == [NOON + 5 * MINUTE, NOON + 10 * MINUTE, NOON + 15 * MINUTE]
    later = [at for at in times if NOON + timedelta(days=1) < at < NOON + timedelta(days=2)]
    assert {second - first for first, second in pairwise(later)} == {timedelta(hours=1)}


@given(_VALIDITIES)
def test_a_gateway_is_asked_soon_after_the_payment_may_no_longer_be_made(
    validity: timedelta,
) -> None:
    payment = _payment(validity)
    assert payment.pay_until + 5 * MINUTE in _queries(payment)


@given(_VALIDITIES)
def test_a_gateway_is_asked_for_the_last_time_a_day_after_that(validity: timedelta) -> None:
    payment = _payment(validity)
    times = _queries(payment)
    assert times[-1] == payment.pay_until + ASKED_AFTER
    assert len(times) < 300


@given(_VALIDITIES, st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=30)))
def test_asking_never_stands_still(validity: timedelta, age: timedelta) -> None:
    now = NOON + age
    at = next_query(_payment(validity), now)
    assert at is None or at > now
