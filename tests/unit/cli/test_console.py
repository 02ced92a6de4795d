"""How values are written for people."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from services.cli.console import readable


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "-"),
        (True, "yes"),
        (False, "no"),
        (1_234_567, "1,234,567"),
        (-500, "-500"),
        (Decimal("1E+3"), "1000"),
        (Decimal("0.10"), "0.10"),
        (datetime(2026, 11, 2, 17, 5, tzinfo=UTC), "2026-11-03 00:05 +07"),
        ("vserver", "vserver"),
        ([], "-"),
        ({}, "-"),
        (["a", "b"], "a, b"),
        ({"node": "n-1", "disks": 2}, "node n-1, disks 2"),
        (
            [{"sku": "cpu", "quantity": "2"}, {"sku": "disk", "quantity": Decimal("0.5")}],
            "cpu x 2, disk x 0.5",
        ),
        ("[red]not a colour[/]", "[red]not a colour[/]"),
    ],
)
def test_a_value_is_written_as_people_write_it(value: object, written: str) -> None:
    assert readable(value) == written
