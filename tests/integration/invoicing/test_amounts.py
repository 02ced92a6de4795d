"""What Postgres computes is the rule of domain 6 to the last unit."""

import asyncio
from decimal import Decimal
from fractions import Fraction
from math import floor

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.database import connect

MONEY = st.decimals(0, 10**9, places=4)
QUANTITIES = st.decimals(Decimal("0.000001"), 10**6, places=6)
RATES = st.decimals(0, 1, places=4)
MINUTES = st.integers(0, 60 * 24 * 366)
LINES = st.lists(
    st.tuples(
        MONEY, QUANTITIES, RATES, MINUTES, st.sampled_from([43_200, 60]),
        st.sampled_from([1, 100, 1_000]),
    ),
    min_size=20,
    max_size=60,
)  # fmt: skip


def _half_up(value: Fraction) -> int:
    return floor(value + Fraction(1, 2))


async def _fetch(url: str, statement: str, *arguments: object) -> list[Decimal]:
    db = await connect(url)
    try:
        await db.execute("set search_path to invoicing")
        return [row["value"] for row in await db.fetch(statement, *arguments)]
    finally:
        await db.close()


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(LINES)
def test_a_line_is_rounded_half_up_from_its_exact_value(
    database_url: str, lines: list[tuple[Decimal, Decimal, Decimal, int, int, int]]
) -> None:
    amounts = asyncio.run(
        _fetch(
            database_url,
            "select prorated(p, q, d, m, per, s) as value from unnest($1::numeric[], $2::numeric[],"
            " $3::numeric[], $4::bigint[], $5::integer[], $6::bigint[])"
            " with ordinality as t (p, q, d, m, per, s, place) order by place",
            *(list(column) for column in zip(*lines, strict=True)),
        )
    )
    assert amounts == [
        _half_up(
            Fraction(unit_price) * Fraction(quantity) * (1 - Fraction(rate)) * minutes * subunits
            / per
        )
        for unit_price, quantity, rate, minutes, per, subunits in lines
    ]  # fmt: skip


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.integers(0, 10**15), RATES, st.booleans()), min_size=20, max_size=60))
def test_vat_is_rounded_half_up_per_line(
    database_url: str, lines: list[tuple[int, Decimal, bool]]
) -> None:
    vats = asyncio.run(
        _fetch(
            database_url,
            "select vat_of(a, r, i) as value from unnest($1::numeric[], $2::numeric[],"
            " $3::boolean[]) with ordinality as t (a, r, i, place) order by place",
            *(list(column) for column in zip(*lines, strict=True)),
        )
    )
    assert vats == [
        _half_up(amount * Fraction(rate) / (1 + Fraction(rate) if included else 1))
        for amount, rate, included in lines
    ]


def test_halves_go_up_and_examples_of_the_console_come_out(database_url: str) -> None:
    amounts = asyncio.run(
        _fetch(
            database_url,
            """select prorated(p, 1, d, m, 43200, 1) as value
               from (values (1, 440000, 0.5, 1440), (2, 440000, 0.5, 1563), (3, 440000, 0, 1440),
                            (4, 440000, 0, 1563), (5, 1, 0, 21600), (6, 1, 0, 21599),
                            (7, 520000, 0, 72000), (8, 181000, 0, 72000)) t (place, p, d, m)
               order by place""",
        )
    )
    assert amounts == [7_333, 7_960, 14_667, 15_919, 1, 0, 866_667, 301_667]
