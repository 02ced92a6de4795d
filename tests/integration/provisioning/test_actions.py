"""What a confirmed order does to a resource that exists."""

from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from services.provisioning import store
from shared.database import Connection
from shared.messages.product_teams import ProductRequested
from shared.messages.provisioning import (
    ProvisioningFailed,
    ResourceDeleted,
    ResourceEvent,
    ResourceProvisioned,
    ResourceRecovered,
    ResourceReleased,
    ResourceRenewed,
    ResourceResized,
    ResourceStarted,
    ResourceStopped,
)
from shared.messages.scheduler import TickMinute
from tests.builders import NOON, component, said
from tests.conftest import OpenDatabase
from tests.integration.provisioning.scenes import (
    DAY,
    confirmed,
    handle,
    item,
    not_done,
    of_type,
    paid,
    published,
    succeeded,
    waits,
)

LATER = NOON + 10 * DAY


async def _running(db: Connection, driver: str = "simulated", **product: Any) -> None:
    """A prepaid resource that ends 30 days after NOON."""
    await handle(db, published(**product), paid(item()))
    if driver == "message":
        await handle(db, published("message", at=NOON + DAY, **product))


async def test_a_resize_replaces_the_configuration_and_keeps_the_end(
    open_database: OpenDatabase,
) -> None:
    resize = item("resize", components=(component("cpu", 4),))
    async with open_database("provisioning") as db:
        await _running(db)
        answers = await handle(db, paid(resize, order_id="ord-2", at=LATER))
    [event] = of_type(answers, ResourceResized)
    assert event.components == (component("cpu", 4),)
    assert (event.at, event.ends_at, event.version) == (LATER, NOON + 30 * DAY, 2)


async def test_a_renewal_starts_at_the_old_end_without_asking_the_team(
    open_database: OpenDatabase,
) -> None:
    async with open_database("provisioning") as db:
        await _running(db, "message")
        answers = await handle(db, paid(item("renew", days=60), order_id="ord-2", at=LATER))
    [event] = of_type(answers, ResourceRenewed)
    assert (event.at, event.ends_at, event.starts_at) == (LATER, NOON + 90 * DAY, NOON)
    assert len(answers) == 1


@pytest.mark.parametrize("ends_at", [NOON + 30 * DAY, NOON + 20 * DAY])
async def test_a_renewal_that_does_not_end_later_is_not_possible(
    open_database: OpenDatabase, ends_at: Any
) -> None:
    async with open_database("provisioning") as db:
        await _running(db)
        answers = await handle(db, paid(item("renew", ends_at=ends_at), order_id="ord-2", at=LATER))
    assert [one.reason for one in of_type(answers, ProvisioningFailed)] == ["not_possible"]


async def test_stop_start_and_reboot_change_only_whether_it_runs(
    open_database: OpenDatabase,
) -> None:
    async with open_database("provisioning") as db:
        await _running(db)
        answers = await handle(
            db,
            confirmed(item("stop"), order_id="ord-2", at=LATER),
            confirmed(item("start"), order_id="ord-3", at=LATER + DAY),
            confirmed(item("reboot"), order_id="ord-4", at=LATER + 2 * DAY),
        )
    assert [type(one) for one in answers] == [ResourceStopped, ResourceStarted, ResourceStarted]
    events = of_type(answers, ResourceEvent)
    assert [one.state for one in events] == ["stopped", "active", "active"]
    assert [one.version for one in events] == [2, 3, 4]
    assert {one.ends_at for one in events} == {NOON + 30 * DAY}


async def test_what_is_deleted_without_a_trash_is_gone_at_once(open_database: OpenDatabase) -> None:
    async with open_database("provisioning") as db:
        await _running(db)
        answers = await handle(db, confirmed(item("delete"), order_id="ord-2", at=LATER))
        tick = await handle(db, said(TickMinute(), at=NOON + 100 * DAY))
    [event] = of_type(answers, ResourceDeleted)
    assert (event.state, event.at) == ("deleted", LATER)
    assert tick == []


async def test_what_is_deleted_lies_in_the_trash_and_is_released_after_its_days(
    open_database: OpenDatabase,
) -> None:
    async with open_database("provisioning") as db:
        await _running(db, trash_days=7)
        [event] = of_type(
            await handle(db, confirmed(item("delete"), order_id="ord-2", at=LATER)), ResourceDeleted
        )
        early = await handle(db, said(TickMinute(), at=LATER + 7 * DAY - timedelta(minutes=1)))
        [released] = await handle(db, said(TickMinute(), at=LATER + 7 * DAY))
        again = await handle(db, said(TickMinute(), at=LATER + 8 * DAY))
    assert event.state == "suspended"
    assert isinstance(released, ResourceReleased)
    assert (released.at, released.state) == (LATER + 7 * DAY, "deleted")
    assert early == again == []


async def test_what_is_recovered_begins_a_new_term_with_its_old_configuration(
    open_database: OpenDatabase,
) -> None:
    recovered_at = LATER + 3 * DAY
    async with open_database("provisioning") as db:
        await _running(db, trash_days=7)
        await handle(db, confirmed(item("delete"), order_id="ord-2", at=LATER))
        answers = await handle(db, paid(item("recover"), order_id="ord-3", at=recovered_at))
        tick = await handle(db, said(TickMinute(), at=LATER + 8 * DAY))
    [event] = of_type(answers, ResourceRecovered)
    assert (event.starts_at, event.ends_at) == (recovered_at, recovered_at + 30 * DAY)
    assert event.components == (component(),)
    assert tick == []


@pytest.mark.parametrize("action", ["resize", "renew", "recover", "delete", "stop", "start"])
async def test_nothing_is_possible_with_what_was_released(
    open_database: OpenDatabase, action: str
) -> None:
    late = NOON + 61 * DAY
    async with open_database("provisioning") as db:
        await _running(db)
        await handle(db, said(TickMinute(), at=late))
        answers = await handle(
            db, paid(item(action, components=(component(),)), order_id="ord-2", at=late)
        )
    [failure] = of_type(answers, ProvisioningFailed)
    assert (failure.reason, failure.action, len(answers)) == ("not_possible", action, 1)


async def test_an_order_for_a_resource_not_yet_known_waits_and_writes_nothing(
    open_database: OpenDatabase,
) -> None:
    stop = confirmed(item("stop"), order_id="ord-2", at=LATER)
    async with open_database("provisioning") as db:
        assert waits(await handle(db, published(), stop)) == ["unknown_resource"]
        answers = await handle(db, paid(item()), stop)
    assert [type(one) for one in answers] == [ResourceProvisioned, ResourceStopped]


async def test_an_order_for_a_busy_resource_waits_until_the_team_has_answered(
    open_database: OpenDatabase,
) -> None:
    stop = confirmed(item("stop"), order_id="ord-3", at=LATER)
    async with open_database("provisioning") as db:
        await _running(db, "message")
        resize = item("resize", components=(component("cpu", 4),))
        [asked] = await handle(db, paid(resize, order_id="ord-2", at=LATER))
        assert isinstance(asked, ProductRequested)
        assert asked.components == (component("cpu", 4),)
        assert waits(await handle(db, stop)) == ["resource_busy"]
        answers = await handle(db, succeeded(asked, LATER), stop)
    assert [type(one) for one in answers] == [ResourceResized, ProductRequested]


async def test_a_failed_deletion_leaves_the_resource_as_it_was(open_database: OpenDatabase) -> None:
    async with open_database("provisioning") as db:
        await _running(db, "message")
        before = await store.lock_resources(db, ["vm-1"])
        [asked] = await handle(db, confirmed(item("delete"), order_id="ord-2", at=LATER))
        assert isinstance(asked, ProductRequested)
        [told] = await handle(db, not_done(asked, LATER))
        after = await store.lock_resources(db, ["vm-1"])
    assert isinstance(told, ProvisioningFailed)
    assert (told.reason, told.action) == ("full", "delete")
    assert before == after


async def test_a_resource_of_another_account_is_not_touched(open_database: OpenDatabase) -> None:
    async with open_database("provisioning") as db:
        await _running(db)
        stranger = confirmed(item("stop"), order_id="ord-2", at=LATER, account_id="acc-2")
        answers = await handle(db, stranger)
    assert [one.reason for one in of_type(answers, ProvisioningFailed)] == ["not_possible"]


async def test_no_resource_has_two_open_requests(open_database: OpenDatabase) -> None:
    async with open_database("provisioning") as db:
        await _running(db, "message")
        await handle(db, confirmed(item("stop"), order_id="ord-2", at=LATER))
        another = (
            "insert into request (request_id, resource_id, account_id, action, order_id, item_id,"
            " item, driver, asked_at) select 'another', resource_id, account_id, action, 'ord-3',"
            " item_id, item, driver, asked_at from request where outcome is null"
        )
        savepoint = db.transaction()
        await savepoint.start()
        with pytest.raises(asyncpg.UniqueViolationError):
            await db.execute(another)
        await savepoint.rollback()


async def test_a_concluded_request_is_not_concluded_again(open_database: OpenDatabase) -> None:
    async with open_database("provisioning") as db:
        await _running(db)
        savepoint = db.transaction()
        await savepoint.start()
        with pytest.raises(asyncpg.RestrictViolationError):
            await db.execute("update request set outcome = 'failed'")
        await savepoint.rollback()


async def test_what_is_deleted_does_not_come_back(open_database: OpenDatabase) -> None:
    async with open_database("provisioning") as db:
        await _running(db)
        await handle(db, confirmed(item("delete"), order_id="ord-2", at=LATER))
        savepoint = db.transaction()
        await savepoint.start()
        with pytest.raises(asyncpg.RestrictViolationError):
            await db.execute("update resource set state = 'active'")
        await savepoint.rollback()
