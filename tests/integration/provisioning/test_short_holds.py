"""What is used against a hold is suspended while credit is short for that (domain 8)."""

from datetime import datetime

import asyncpg
import pytest

from shared.database import Connection
from shared.messages.product_teams import ProductRequested
from shared.messages.provisioning import (
    ProvisioningFailed,
    ResourceDeleted,
    ResourceProvisioned,
    ResourceResumeRequested,
    ResourceStarted,
    ResourceSuspended,
    ResourceSuspendRequested,
)
from shared.messages.scheduler import TickMinute
from tests.builders import NOON, said
from tests.conftest import OpenDatabase
from tests.integration.provisioning.scenes import (
    DAY,
    confirmed,
    handle,
    item,
    of_type,
    published,
    succeeded,
    waits,
)


def suspended(at: datetime, account_id: str = "acc-1") -> ResourceSuspendRequested:
    """Invoicing has waited long enough for credit."""
    command = ResourceSuspendRequested(
        resource_id="vm-1", account_id=account_id, reason="hold_short"
    )
    return said(command, at=at)


def resumed(at: datetime) -> ResourceResumeRequested:
    """There is credit again."""
    command = ResourceResumeRequested(resource_id="vm-1", account_id="acc-1", reason="hold_short")
    return said(command, at=at)


async def running(db: Connection) -> None:
    """A use-priced resource of a product whose team answers by messages, since noon."""
    await handle(db, published("message"))
    answers = await handle(db, confirmed(item(user_type="postpaid")))
    (request,) = of_type(answers, ProductRequested)
    assert of_type(await handle(db, succeeded(request, NOON)), ResourceProvisioned)


async def test_it_is_switched_off_and_on_again(open_database: OpenDatabase) -> None:
    async with open_database("provisioning") as db:
        await running(db)
        answers = await handle(db, suspended(NOON + DAY))
        (told,) = of_type(answers, ResourceSuspended)
        assert (told.because_of, told.state, told.at) == ("hold_short", "suspended", NOON + DAY)
        assert [one.action for one in of_type(answers, ProductRequested)] == ["stop"]
        assert await handle(db, suspended(NOON + 2 * DAY)) == []
        answers = await handle(db, said(TickMinute(), at=NOON + 300 * DAY))
        assert answers == [], "time does nothing to it"
        answers = await handle(db, resumed(NOON + 3 * DAY))
        (told_again,) = of_type(answers, ResourceStarted)
        assert (told_again.state, told_again.version) == ("active", told.version + 1)
        assert [one.action for one in of_type(answers, ProductRequested)] == ["start"]
        assert await handle(db, resumed(NOON + 3 * DAY)) == []


async def test_it_can_be_deleted_while_suspended(open_database: OpenDatabase) -> None:
    async with open_database("provisioning") as db:
        await running(db)
        await handle(db, suspended(NOON + DAY))
        order = item("resize", user_type="postpaid", components=item().components)
        answers = await handle(db, confirmed(order, order_id="ord-2", at=NOON + DAY))
        assert of_type(answers, ProvisioningFailed)
        order = item("delete", user_type="postpaid")
        answers = await handle(db, confirmed(order, order_id="ord-3", at=NOON + 2 * DAY))
        (request,) = of_type(answers, ProductRequested)
        answers = await handle(db, succeeded(request, NOON + 2 * DAY))
        assert of_type(answers, ResourceDeleted)
        assert await handle(db, resumed(NOON + 3 * DAY), suspended(NOON + 3 * DAY)) == []


async def test_what_is_busy_or_unknown_is_waited_for(open_database: OpenDatabase) -> None:
    async with open_database("provisioning") as db:
        assert waits(await handle(db, suspended(NOON))) == ["unknown_resource"]
        await running(db)
        await handle(db, confirmed(item("delete", user_type="postpaid"), order_id="ord-2"))
        assert waits(await handle(db, suspended(NOON + DAY))) == ["resource_busy"]


async def test_nobody_elses_and_nothing_that_was_paid_for_is_suspended(
    open_database: OpenDatabase,
) -> None:
    async with open_database("provisioning") as db:
        await running(db)
        assert await handle(db, suspended(NOON + DAY, account_id="acc-2")) == []
    async with open_database("provisioning") as db:
        with pytest.raises(asyncpg.CheckViolationError):
            await db.execute(
                "update resource set user_type = 'prepaid', state = 'suspended',"
                " suspended_by = 'hold_short', ends_at = starts_at"
            )


async def test_only_a_short_hold_keeps_a_suspended_resource_from_its_release(
    open_database: OpenDatabase,
) -> None:
    async with open_database("provisioning") as db:
        await running(db)
        with pytest.raises(asyncpg.CheckViolationError):
            await db.execute(
                "update resource set state = 'suspended', suspended_by = 'grace_policy'"
            )
