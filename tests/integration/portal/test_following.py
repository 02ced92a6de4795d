"""News for open pages: none is missed, also what is committed late or while nobody listened."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from services.portal.handlers import heard
from services.portal.store.events import News
from services.portal.web.following import areas_of
from shared.database import transaction
from tests.integration.portal import story
from tests.integration.portal.conftest import Office
from tests.integration.portal.story import ACCOUNT

_WITHIN_S = 60


@pytest.fixture
async def following(office: Office) -> AsyncIterator[Office]:
    """An office whose feed runs."""
    running = asyncio.create_task(office.feed.run())
    yield office
    office.feed.stop()
    await asyncio.wait_for(running, _WITHIN_S)


async def next_of(queue: "asyncio.Queue[News | None]") -> str:
    """The type of what is told next."""
    news = await asyncio.wait_for(queue.get(), _WITHIN_S)
    assert news is not None
    return news.type


async def test_a_page_hears_of_its_account_and_no_other(following: Office) -> None:
    async with following.feed.listening(ACCOUNT) as mine, following.feed.listening("x") as others:
        await following.hear(story.registered(), story.registered("acc-2"))
        assert await next_of(mine) == "account.registered"
        await following.hear(*story.topped_up())
        assert {await next_of(mine), await next_of(mine)} == {"top_up.received", "wallet.credited"}
        assert others.empty()


async def test_what_is_committed_after_later_events_is_told_too(following: Office) -> None:
    async with following.feed.listening(ACCOUNT) as queue:
        await following.hear(story.registered())
        assert await next_of(queue) == "account.registered"
        async with transaction(following.connections) as slow:
            await heard([story.stopped()], slow)
            await following.hear(story.granted())
            assert await next_of(queue) == "poc.granted"
        assert await next_of(queue) == "resource.stopped"


async def test_pages_that_are_open_when_the_worker_stops_are_let_go(following: Office) -> None:
    async with following.feed.listening(ACCOUNT) as queue:
        following.feed.stop()
        assert await asyncio.wait_for(queue.get(), _WITHIN_S) is None


async def test_a_page_that_opens_later_hears_of_what_follows(following: Office) -> None:
    async with following.feed.listening(ACCOUNT):
        pass
    await following.hear(story.registered())
    async with following.feed.listening(ACCOUNT) as queue:
        await following.hear(story.suspended())
        while await next_of(queue) != "resource.suspended":
            pass


def test_each_event_changes_its_parts_of_a_page() -> None:
    assert areas_of(["wallet.credited"]) == ["any", "wallet"]
    assert areas_of(["resource.stopped", "invoice.paid"]) == [
        "any",
        "invoices",
        "orders",
        "resources",
    ]
    assert areas_of(["unheard.of"]) == ["any"]
