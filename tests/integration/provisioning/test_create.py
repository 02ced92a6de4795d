"""Creating resources: from a confirmed order to the product team's answer."""

from datetime import timedelta

from services.provisioning import store
from shared.messages.product_teams import ProductFailed, ProductRequested, ProductSucceeded
from shared.messages.provisioning import ProvisioningFailed, ResourceProvisioned
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
    refusals,
    succeeded,
    waits,
)


async def test_a_paid_resource_is_active_from_the_moment_it_was_provisioned(
    open_database: OpenDatabase,
) -> None:
    async with open_database("provisioning") as db:
        answers = await handle(db, published(), paid(item(days=60)))
    [event] = of_type(answers, ResourceProvisioned)
    assert (event.at, event.starts_at, event.ends_at) == (NOON, NOON, NOON + 60 * DAY)
    assert (event.state, event.version, event.user_type) == ("active", 1, "prepaid")
    assert (event.order_id, event.item_id, event.payment_id) == ("ord-1", "vm-1", "pay-ord-1")
    assert event.item == item(days=60)
    assert len(answers) == 1


async def test_a_postpaid_resource_has_no_end(open_database: OpenDatabase) -> None:
    async with open_database("provisioning") as db:
        answers = await handle(db, published(), confirmed(item(user_type="postpaid")))
    [event] = of_type(answers, ResourceProvisioned)
    assert (event.starts_at, event.ends_at, event.payment_id) == (NOON, None, None)


async def test_the_same_order_again_is_not_provisioned_again(open_database: OpenDatabase) -> None:
    async with open_database("provisioning") as db:
        await handle(db, published())
        together = await handle(db, paid(item()), paid(item()))
        again = await handle(db, paid(item()), confirmed(item()))
    assert len(together) == 1
    assert again == []


async def test_only_the_resource_that_fails_is_told_as_failed(open_database: OpenDatabase) -> None:
    order = paid(item(), item(resource_id="vm-2", components=(component("bad"),)))
    async with open_database("provisioning") as db:
        answers = await handle(db, published(options={"fail_skus": ["bad"]}), order)
        failed = await store.lock_resources(db, ["vm-2"])
    assert [event.resource_id for event in of_type(answers, ResourceProvisioned)] == ["vm-1"]
    [failure] = of_type(answers, ProvisioningFailed)
    assert (failure.order_id, failure.item_id, failure.action) == ("ord-1", "vm-2", "create")
    assert failed["vm-2"].state == "failed"


async def test_a_resource_id_that_is_taken_fails_and_leaves_the_other_resource_alone(
    open_database: OpenDatabase,
) -> None:
    async with open_database("provisioning") as db:
        await handle(db, published(), paid(item()))
        before = await store.lock_resources(db, ["vm-1"])
        answers = await handle(db, paid(item(), order_id="ord-2"))
        after = await store.lock_resources(db, ["vm-1"])
    [failure] = of_type(answers, ProvisioningFailed)
    assert (failure.order_id, failure.reason) == ("ord-2", "not_possible")
    assert before == after


async def test_an_order_for_a_product_not_yet_known_waits(open_database: OpenDatabase) -> None:
    async with open_database("provisioning") as db:
        assert waits(await handle(db, paid(item()))) == ["unknown_product"]
        answers = await handle(db, published(), paid(item()))
    assert len(of_type(answers, ResourceProvisioned)) == 1


async def test_an_order_of_several_actions_is_put_away(open_database: OpenDatabase) -> None:
    async with open_database("provisioning") as db:
        answers = await handle(db, published(), paid(item(), item("renew", resource_id="vm-2")))
    assert refusals(answers) == ["mixed_actions"]


async def test_a_driver_that_cannot_work_so_is_put_away_and_the_others_are_kept(
    open_database: OpenDatabase,
) -> None:
    async with open_database("provisioning") as db:
        answers = await handle(
            db,
            published(options={"fail_rate": 7}, product="a"),
            published("nobody", product="b"),
            published(),
        )
        created = await handle(db, paid(item()))
    assert refusals(answers) == ["bad_driver_options", "unknown_driver"]
    assert len(of_type(created, ResourceProvisioned)) == 1


async def test_a_team_is_asked_and_its_answer_makes_the_resource_active(
    open_database: OpenDatabase,
) -> None:
    async with open_database("provisioning") as db:
        asked = await handle(db, published("message"), paid(item()))
        [request] = of_type(asked, ProductRequested)
        assert len(asked) == 1
        assert request.routing_key == "product.requested.vserver"
        done_at = NOON + DAY / 24
        answers = await handle(db, succeeded(request, done_at), not_done(request, done_at))
    [event] = of_type(answers, ResourceProvisioned)
    assert (event.at, event.ends_at) == (done_at, done_at + 30 * DAY)
    assert event.envelope.correlation_id == request.envelope.correlation_id
    assert len(answers) == 1


async def test_an_answer_to_nothing_that_was_asked_waits(open_database: OpenDatabase) -> None:
    async with open_database("provisioning") as db:
        answers = await handle(db, said(ProductFailed(request_id="none", reason="no host")))
    assert waits(answers) == ["unknown_request"]


async def test_a_delayed_success_is_said_later_at_its_own_business_time(
    open_database: OpenDatabase,
) -> None:
    async with open_database("provisioning") as db:
        asked = await handle(db, published(options={"delay_ms": 1_500}), paid(item()))
        [success] = of_type(asked, ProductSucceeded)
        answers = await handle(db, success)
    [event] = of_type(answers, ResourceProvisioned)
    assert event.at == event.time == NOON + timedelta(seconds=1.5)
