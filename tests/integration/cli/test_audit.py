"""The audit finds each fault that can be, and only that one (domain 11)."""

from datetime import timedelta

from services.cli.audit import checked
from shared.database import Connection


async def test_a_house_that_played_everything_is_clean(played: Connection) -> None:
    checks = await checked(played, timedelta(0))
    assert {check.name: check.wrong for check in checks if check.wrong} == {}
    assert [check.name for check in checks if check.in_flight] == []
