"""Costs and their charts: whatever is drawn adds up, and forecasts follow what was used."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.portal.domain import charts, costs
from services.portal.domain.costs import Cost, Slice

_START = datetime(2026, 10, 31, 17, tzinfo=UTC)
_END = datetime(2026, 11, 30, 17, tzinfo=UTC)
_AMOUNTS = st.integers(-(10**12), 10**12)
_COSTS = st.lists(
    st.builds(
        Cost,
        month=st.sampled_from(["2026-09", "2026-10", "2026-11"]),
        product=st.sampled_from(["vserver", "vdb", "vstorage"]),
        resource_id=st.sampled_from(["a", "b", "c", "d"]),
        name=st.just("name"),
        gross=_AMOUNTS,
    ),
    max_size=40,
)


@given(_COSTS)
def test_every_way_of_adding_up_comes_to_the_same(found: list[Cost]) -> None:
    total = sum(cost.gross for cost in found)
    months = costs.by_month(found)
    assert sum(part.value for parts in months.values() for part in parts) == total
    assert sum(part.value for part in costs.by_product(found)) == total
    assert sum(value for _, value in costs.by_resource(found, 100)) == total
    assert list(months) == sorted(months)


@given(
    st.dictionaries(st.text(min_size=1, max_size=7), st.lists(_AMOUNTS, max_size=9), max_size=12)
)
def test_bars_stand_on_each_other_within_the_chart(amounts: dict[str, list[int]]) -> None:
    months = {
        month: [Slice(str(place), value) for place, value in enumerate(values)]
        for month, values in amounts.items()
    }
    chart = charts.columns(months)
    for column in chart.columns:
        bottom = chart.base
        for bar in column.bars:
            assert bar.y + bar.height == bottom
            assert 0 < bar.y <= bottom
            assert bar.x >= 0
            assert bar.x + bar.width <= chart.width
            bottom = bar.y


@given(st.integers(0, 10**15))
def test_an_axis_ends_at_a_round_number_that_is_not_exceeded(value: int) -> None:
    top = charts.nice(value)
    assert value <= top <= max(4, 5 * value)
    assert str(top).rstrip("0") in ("1", "2", "4", "5")


def test_a_month_is_expected_to_go_on_as_so_far() -> None:
    third = _START + timedelta(days=10)
    assert costs.expected(50_000, 100_000, _START, third, _END) == 350_000
    assert costs.expected(50_000, 100_000, _START, _END, _END) == 150_000
    assert costs.expected(50_000, 0, _START, third, _END) == 50_000
    assert costs.expected(0, 0, _START, _START, _END) == 0


def test_a_month_to_come_is_expected_to_be_like_the_last_three() -> None:
    assert costs.typical([900, 100, 200, 300]) == 200
    assert costs.typical([100]) == 100
    assert costs.typical([]) is None


def test_lying_bars_are_as_long_as_their_shares() -> None:
    assert charts.shares([200, 100, 0, -5]) == [100, 50, 0, 0]
    assert charts.shares([]) == []
