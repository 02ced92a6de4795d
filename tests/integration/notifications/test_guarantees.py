"""What the schema keeps, whatever code does."""

import asyncpg
import pytest

from services.notifications import store
from shared.database import transaction
from tests.integration.notifications.conftest import Desk
from tests.integration.notifications.scenes import notice, registered


@pytest.mark.parametrize(
    "statement",
    [
        "update notice set template = 'other'",
        "delete from notice",
        "update notice_outcome set outcome = 'muted'",
        "delete from notice_outcome",
    ],
)
async def test_notices_and_their_ends_are_only_ever_added_to(desk: Desk, statement: str) -> None:
    await desk.handle(registered(), notice())
    await desk.work()
    with pytest.raises(asyncpg.RestrictViolationError):
        await desk.fetch(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "delete from errand",
        """insert into notice_outcome (notice_id, outcome, reason)
           select notice_id, 'failed', 'x' from notice""",
        """insert into notice (notice_id, account_id, template, facts, asked_at, cause_source,
               cause_id, cause_type)
           values ('n', 'acc-1', 't', '{}', now(), 's', 'i', 'y')""",
    ],
)
async def test_a_notice_waits_or_has_ended_and_never_both_or_neither(
    desk: Desk, statement: str
) -> None:
    await desk.handle(registered(), notice())
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await desk.fetch(statement)


@pytest.mark.parametrize(
    "ended",
    [
        "'sent', null, '{a@b}', null",
        "'sent', 'subject', '{}', null",
        "'failed', null, '{}', null",
        "'muted', null, '{a@b}', null",
        "'lost', null, '{}', null",
    ],
)
async def test_an_end_says_what_belongs_to_it(desk: Desk, ended: str) -> None:
    await desk.handle(registered(), notice())
    with pytest.raises(asyncpg.CheckViolationError):
        await desk.fetch(
            "with gone as (delete from errand returning notice_id)"
            " insert into notice_outcome (notice_id, outcome, subject, accepted, reason)"
            f" select notice_id, {ended} from gone"
        )


async def test_what_ended_long_ago_is_forgotten_oldest_first_and_what_waits_is_kept(
    desk: Desk,
) -> None:
    await desk.handle(registered(), notice(id="first"))
    await desk.work()
    await desk.handle(notice(id="second"))
    await desk.work()
    await desk.handle(notice(id="waiting"))

    async def forget(days: int, at_most: int) -> tuple[int, list[object]]:
        async with transaction(desk.connections) as db:
            forgotten = await store.forget_notices(db, days=days, at_most=at_most)
        rows = await desk.fetch("select cause_id from notice order by recorded_at")
        return forgotten, [name for (name,) in rows]

    assert await forget(1, 10) == (0, ["first", "second", "waiting"])
    assert await forget(0, 1) == (1, ["second", "waiting"])
    assert await forget(0, 10) == (1, ["waiting"])
    assert await desk.outcomes() == []
