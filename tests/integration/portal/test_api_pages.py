"""Pages of lists: put together they are all there is, each once, whatever their size."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.portal.api.cursors import cursor_at, place_of
from services.portal.settings import PortalSettings
from shared.messages import Message
from tests.builders import NOON
from tests.integration.portal.conftest import Office
from tests.integration.portal.lives import (
    invoice_issued,
    order_placed,
    payment_confirmed,
    provisioned,
    wallet_credited,
)
from tests.integration.portal.programs import Program, program

LISTS: dict[str, tuple[str, Callable[[int, datetime], Message]]] = {
    "/orders": ("order_id", lambda n, at: order_placed("an", f"o-{n}", at=at)),
    "/payments": ("payment_id", lambda n, at: payment_confirmed("an", f"o-{n}", at=at)),
    "/invoices": ("invoice_id", lambda n, at: invoice_issued("an", f"o-{n}", at=at)),
    "/resources": ("resource_id", lambda n, at: provisioned("an", f"o-{n}", at=at)),
    "/wallets/credit/entries": ("entry_id", lambda n, at: wallet_credited("an", 1, n + 1, at=at)),
}
_THINGS = 17


async def _pages(mine: Program, path: str, limit: int) -> list[list[dict[str, object]]]:
    pages: list[list[dict[str, object]]] = []
    cursor: dict[str, str] = {}
    while True:
        page = await mine.get(path, limit=limit, **cursor)
        pages.append(page["items"])
        if page["next"] is None:
            return pages
        cursor = {"cursor": page["next"]}


@pytest.mark.parametrize("path", LISTS)
async def test_pages_put_together_are_the_whole_list_and_each_thing_is_there_once(
    office: Office, path: str
) -> None:
    office.settings = PortalSettings(api_requests_a_minute=10_000)
    name, make = LISTS[path]
    # Several at the same instant, so that it alone does not say where a page ends.
    await office.hear(*(make(n, NOON + timedelta(seconds=n // 4)) for n in range(_THINGS)))
    mine = await program(office, "an")
    ((*whole,),) = await _pages(mine, path, 200)
    ids = [one[name] for one in whole]
    assert len(set(ids)) == len(ids) == _THINGS
    for limit in (1, 2, 3, 4, 5, 16, 17, 18):
        pages = await _pages(mine, path, limit)
        assert [one[name] for page in pages for one in page] == ids
        assert all(len(page) == limit for page in pages[:-1])
        assert pages[-1]


async def test_a_page_goes_on_where_it_was_though_more_came_meanwhile(office: Office) -> None:
    await office.hear(*(order_placed("an", f"o-{n}", at=NOON) for n in range(4)))
    mine = await program(office, "an")
    first = await mine.get("/orders", limit=2)
    await office.hear(*(order_placed("an", f"new-{n}", at=office.later(hours=1)) for n in range(3)))
    second = await mine.get("/orders", limit=2, cursor=first["next"])
    ids = [one["order_id"] for page in (first, second) for one in page["items"]]
    assert ids == ["o-3", "o-2", "o-1", "o-0"]
    assert second["next"] is None


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    at=st.datetimes(timezones=st.just(UTC)),
    position=st.integers(-(2**63), 2**63 - 1),
    id=st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=64),
)
def test_a_cursor_leads_back_to_its_place(at: datetime, position: int, id: str) -> None:
    row = {"at": at, "position": position, "id": id}
    cursor = cursor_at(row, ("at", "position", "id"))
    assert place_of(cursor, (datetime, int, str)) == [at, position, id]
