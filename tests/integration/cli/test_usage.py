"""`cloudtill usage archive`: a month of reports is set aside once all of it is on invoices."""

import asyncio
from datetime import timedelta

import pytest

from tests.conftest import OpenDatabase
from tests.integration.invoicing.house import Invoicing, hanoi, month_over
from tests.integration.invoicing.meters import (
    DECEMBER,
    NOVEMBER,
    batch,
    metered_resource,
    report,
    shop,
)
from tests.program import Cloudtill, program

HOUR = timedelta(hours=1)


@pytest.fixture
def cloudtill(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Cloudtill:
    """The program before the test's own database."""
    return program(monkeypatch, capsys, database_url=database_url)


async def test_a_month_is_archived_once_and_says_what_it_waits_for(
    open_database: OpenDatabase, cloudtill: Cloudtill
) -> None:
    invoicing = Invoicing(open_database)

    async def archive(period: str = "2026-11") -> tuple[int, str]:
        ran = await asyncio.to_thread(cloudtill, "usage", "archive", period)
        return ran.code, ran.out + ran.err

    assert await archive() == (
        0,
        "nothing was reported of 2026-11: there is nothing to archive\n",
    )
    await invoicing.hear(*shop())
    await invoicing.hear(metered_resource())
    await invoicing.hear(batch(report("a", "2", NOVEMBER, NOVEMBER + HOUR)))
    assert await archive() == (
        1,
        "cloudtill: 2026-11 can't be archived yet: the run of 2026-11 is not completed\n",
    )
    await invoicing.settle(month_over("2026-11", DECEMBER))
    await invoicing.hear(batch(report("b", "2", NOVEMBER, NOVEMBER + HOUR), at=DECEMBER + HOUR))
    code, said = await archive()
    assert (code, "the run of 2026-12" in said) == (1, True)
    await invoicing.settle(month_over("2026-12", hanoi("2027-01-01 00:05")))
    code, said = await archive()
    assert (code, "invoicing.usage_report_202611" in said) == (0, True)
    assert await archive() == (0, "2026-11 is archived already\n")
    assert await invoicing.value("select count(*) from usage_report_202611") == 2
    assert (await archive("2026-13"))[0] == 2
