"""Proofs of concept end in the trash, and go on only as regular resources (domain 9)."""

from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from services.provisioning import store
from shared.database import Connection
from shared.messages.product_teams import ProductRequested
from shared.messages.provisioning import (
    ProvisioningFailed,
    ResourceConverted,
    ResourceDeleted,
    ResourceEvent,
    ResourceProvisioned,
    ResourceRecovered,
    ResourceReleased,
    ResourceRenewed,
    ResourceSuspended,
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
    paid,
    published,
    switched,
)

END = NOON + 30 * DAY
MINUTE = timedelta(minutes=1)


async def begin(db: Connection, driver: str = "simulated", **policy: Any) -> ResourceEvent:
    """A proof of concept for 30 days."""
    created = paid(item(poc="running", ends_at=END))
    [event] = of_type(await handle(db, published(driver, **policy), created), ResourceProvisioned)
    return event


def tick(days: int, minutes: int = 0) -> TickMinute:
    """The tick so long after the end."""
    return said(TickMinute(), at=END + days * DAY + minutes * MINUTE)


@pytest.mark.parametrize("policy", ["grace", "trash"])
@pytest.mark.parametrize(("trash_days", "kept"), [(0, 7), (3, 3)])
async def test_at_its_end_it_goes_to_the_trash_whatever_the_policy_is_and_is_released_then(
    open_database: OpenDatabase, policy: str, trash_days: int, kept: int
) -> None:
    async with open_database("provisioning") as db:
        event = await begin(db, expiry_policy=policy, trash_days=trash_days)
        [ended] = of_type(await handle(db, tick(0)), ResourceSuspended)
        early = await handle(db, tick(kept, minutes=-1))
        [released] = of_type(await handle(db, tick(kept)), ResourceReleased)
    assert (event.poc, event.ends_at) == ("running", END)
    assert (ended.poc, ended.because_of, ended.at, ended.ends_at) == (
        "ended",
        "poc_ended",
        END,
        END,
    )
    assert early == []
    assert released.at == END + kept * DAY


async def test_its_user_stops_it_before_its_end(open_database: OpenDatabase) -> None:
    at = NOON + 10 * DAY
    async with open_database("provisioning") as db:
        await begin(db)
        stop = confirmed(item("stop_poc"), order_id="ord-2", at=at)
        [stopped] = of_type(await handle(db, stop), ResourceSuspended)
        again = confirmed(item("stop_poc", item_id="again"), order_id="ord-3", at=at)
        [failed] = of_type(await handle(db, again), ProvisioningFailed)
    assert (stopped.poc, stopped.because_of, stopped.ends_at) == ("ended", "poc_ended", at)
    assert (stopped.order_id, stopped.item_id) == ("ord-2", "stop_poc-vm-1")
    assert failed.reason == "not_possible"


async def test_its_team_switches_it_off_and_on_again(open_database: OpenDatabase) -> None:
    options = {"delay_ms": 0}
    async with open_database("provisioning") as db:
        await handle(db, published("simulated", options), paid(item(poc="running", ends_at=END)))
        await handle(db, published("message", at=NOON))
        off = of_type(await handle(db, tick(0)), ProductRequested)
        renewal = paid(item("renew", days=60), order_id="ord-2", at=END + DAY)
        on = of_type(await handle(db, renewal), ProductRequested)
    assert [one.action for one in (*off, *on)] == ["stop", "start"]


async def test_it_is_recovered_as_a_regular_resource_with_a_term_from_now_on(
    open_database: OpenDatabase,
) -> None:
    at = END + 2 * DAY
    async with open_database("provisioning") as db:
        await begin(db)
        await handle(db, tick(0))
        recovery = paid(item("recover"), order_id="ord-2", at=at)
        [back] = of_type(await handle(db, recovery), ResourceRecovered)
        resource = await db.fetchrow(store.sql.show_resource, "vm-1")
    assert (back.poc, back.state, back.ends_at) == (None, "active", at + 30 * DAY)
    assert resource is not None
    assert (resource["suspended_by"], resource["next_step"]) == (None, "expire")


async def test_it_is_renewed_by_other_means_from_its_end_on(open_database: OpenDatabase) -> None:
    async with open_database("provisioning") as db:
        await begin(db)
        await handle(db, tick(0))
        from_poc = paid(item("renew", poc="running", item_id="a"), order_id="a", at=END + 2 * DAY)
        [failed] = of_type(await handle(db, from_poc), ProvisioningFailed)
        regular = paid(item("renew", item_id="b"), order_id="b", at=END + 2 * DAY)
        [renewed] = of_type(await handle(db, regular), ResourceRenewed)
    assert failed.reason == "not_possible"
    assert (renewed.poc, renewed.state, renewed.ends_at) == (None, "active", END + 30 * DAY)


async def test_a_renewal_that_its_end_has_overtaken_counts(open_database: OpenDatabase) -> None:
    async with open_database("provisioning") as db:
        await begin(db)
        await handle(db, tick(0))
        renewal = paid(item("renew", poc="running"), order_id="ord-2", at=END - MINUTE)
        [renewed] = of_type(await handle(db, renewal), ResourceRenewed)
    assert (renewed.poc, renewed.ends_at) == ("running", END + 30 * DAY)


@pytest.mark.parametrize("poc", ["running", None])
async def test_while_it_runs_only_the_poc_wallet_renews_it(
    open_database: OpenDatabase, poc: str | None
) -> None:
    async with open_database("provisioning") as db:
        await begin(db)
        renewal = paid(item("renew", poc=poc), order_id="ord-2", at=NOON + DAY)
        answers = await handle(db, renewal)
    assert len(of_type(answers, ResourceRenewed)) == (poc == "running")


async def test_what_is_deleted_is_no_proof_of_concept_any_more(
    open_database: OpenDatabase,
) -> None:
    async with open_database("provisioning") as db:
        await begin(db, trash_days=3)
        deletion = confirmed(item("delete"), order_id="ord-2", at=NOON + DAY)
        [deleted] = of_type(await handle(db, deletion), ResourceDeleted)
    assert (deleted.poc, deleted.state) == (None, "suspended")


async def test_of_a_switched_account_it_ends_and_does_not_turn_into_postpaid_use(
    open_database: OpenDatabase,
) -> None:
    async with open_database("provisioning") as db:
        await begin(db)
        first = await handle(db, switched("postpaid", NOON + DAY))
        ended = await handle(db, tick(0))
        late = await handle(db, switched("postpaid", END - DAY))
    assert [type(one) for one in of_type(ended, ResourceEvent)] == [ResourceSuspended]
    assert of_type([*first, *late], ResourceConverted) == []


@pytest.mark.parametrize(
    "statement",
    [
        "update resource set poc = 'ended'",
        """update resource set user_type = 'postpaid', ends_at = null, next_step = null,
               next_due_at = null""",
        """update resource set state = 'suspended', suspended_by = 'trash_policy',
               next_step = 'release'""",
        """update resource set state = 'suspended', suspended_by = 'poc_ended', poc = null,
               next_step = 'release'""",
    ],
)
async def test_the_schema_keeps_what_a_proof_of_concept_is(
    open_database: OpenDatabase, statement: str
) -> None:
    async with open_database("provisioning") as db:
        await begin(db)
        with pytest.raises(asyncpg.CheckViolationError):
            async with db.transaction():
                await db.execute(statement)


async def test_the_schema_lets_nothing_become_a_proof_of_concept_later(
    open_database: OpenDatabase,
) -> None:
    async with open_database("provisioning") as db:
        await handle(db, published(), paid(item()))
        with pytest.raises(asyncpg.RestrictViolationError):
            async with db.transaction():
                await db.execute("update resource set poc = 'running'")
