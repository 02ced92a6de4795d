"""What the schema keeps, whatever code does."""

import asyncpg
import pytest

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
