"""Expiry, release and time limits: what ticks do to resources (domain 7)."""

from datetime import datetime, timedelta

import pytest

from services.provisioning import handlers, store
from shared.messages import Message, Said
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
    ResourcesDue,
    ResourceSuspended,
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
    switched,
)

END = NOON + 30 * DAY
MINUTE = timedelta(minutes=1)


def _tick(at: datetime) -> TickMinute:
    return said(TickMinute(), at=at)


def _told(answers: list[Said]) -> list[tuple[type[Message], datetime]]:
    return [(type(one), one.at) for one in of_type(answers, ResourceEvent)]


async def test_under_the_grace_policy_it_works_on_then_is_suspended_then_released(
    open_database: OpenDatabase,
) -> None:
    async with open_database("provisioning") as db:
        await handle(db, published(), paid(item()))
        in_grace = [await handle(db, _tick(at)) for at in (END, END + 15 * DAY - MINUTE)]
        suspended = await handle(db, _tick(END + 15 * DAY))
        kept = await handle(db, _tick(END + 30 * DAY - MINUTE))
        released = await handle(db, _tick(END + 30 * DAY))
    assert in_grace == [[], []]
    assert kept == []
    assert _told(suspended) == [(ResourceSuspended, END + 15 * DAY)]
    assert _told(released) == [(ResourceReleased, END + 30 * DAY)]


async def test_under_the_trash_policy_it_is_suspended_at_its_end(
    open_database: OpenDatabase,
) -> None:
    async with open_database("provisioning") as db:
        await handle(db, published(expiry_policy="trash", trash_days=3), paid(item()))
        assert await handle(db, _tick(END - MINUTE)) == []
        suspended = await handle(db, _tick(END))
        released = await handle(db, _tick(END + 3 * DAY))
    assert _told(suspended) == [(ResourceSuspended, END)]
    assert _told(released) == [(ResourceReleased, END + 3 * DAY)]


async def test_missed_ticks_are_caught_up_at_the_instants_that_were_due(
    open_database: OpenDatabase,
) -> None:
    async with open_database("provisioning") as db:
        await handle(db, published(), paid(item()))
        answers = await handle(db, _tick(END + 99 * DAY), _tick(END))
        again = await handle(db, _tick(END + 99 * DAY), _tick(END + 100 * DAY))
    assert _told(answers) == [
        (ResourceSuspended, END + 15 * DAY),
        (ResourceReleased, END + 30 * DAY),
    ]
    assert [one.time for one in of_type(answers, ResourceEvent)] == [
        END + 15 * DAY,
        END + 30 * DAY,
    ]
    assert again == []


async def test_the_policy_is_the_one_in_force_at_the_end(open_database: OpenDatabase) -> None:
    changed = published(expiry_policy="trash", trash_days=3, at=END - DAY)
    async with open_database("provisioning") as db:
        await handle(db, published(), paid(item()), changed)
        answers = await handle(db, _tick(END))
    assert _told(answers) == [(ResourceSuspended, END)]


@pytest.mark.parametrize("days_after", [3, 20])
async def test_a_renewal_in_grace_or_suspension_starts_at_the_old_end(
    open_database: OpenDatabase, days_after: int
) -> None:
    at = END + days_after * DAY
    async with open_database("provisioning") as db:
        await handle(db, published(), paid(item()), _tick(at))
        answers = await handle(db, paid(item("renew"), order_id="ord-2", at=at))
        [again] = await handle(db, _tick(END + 45 * DAY))
    [event] = of_type(answers, ResourceRenewed)
    assert (event.state, event.ends_at) == ("active", END + 30 * DAY)
    assert isinstance(again, ResourceSuspended)


async def test_a_renewal_that_would_be_over_already_is_not_possible(
    open_database: OpenDatabase,
) -> None:
    at = END + 20 * DAY
    async with open_database("provisioning") as db:
        await handle(db, published(), paid(item()), _tick(at))
        answers = await handle(db, paid(item("renew", days=20), order_id="ord-2", at=at))
    assert [one.reason for one in of_type(answers, ProvisioningFailed)] == ["not_possible"]


async def test_a_renewal_paid_before_the_end_counts_though_the_tick_came_first(
    open_database: OpenDatabase,
) -> None:
    renewal = paid(item("renew"), order_id="ord-2", at=END - MINUTE)
    async with open_database("provisioning") as db:
        await handle(db, published(expiry_policy="trash", trash_days=3), paid(item()), _tick(END))
        answers = await handle(db, renewal)
    [event] = of_type(answers, ResourceRenewed)
    assert (event.state, event.ends_at) == ("active", END + 30 * DAY)


async def test_an_order_after_the_end_meets_what_was_due_though_the_tick_is_late(
    open_database: OpenDatabase,
) -> None:
    async with open_database("provisioning") as db:
        await handle(db, published(expiry_policy="trash", trash_days=3), paid(item()))
        answers = await handle(db, paid(item("recover"), order_id="ord-2", at=END + DAY))
    assert _told(answers) == [(ResourceSuspended, END), (ResourceRecovered, END + DAY)]


async def test_time_waits_for_an_open_request(open_database: OpenDatabase) -> None:
    asked_at = END - MINUTE
    async with open_database("provisioning") as db:
        await handle(db, published(), paid(item()))
        await handle(db, published("message", expiry_policy="trash", trash_days=3, at=NOON + DAY))
        resize = item("resize", components=(component("cpu", 4),))
        [request] = of_type(
            await handle(db, paid(resize, order_id="ord-2", at=asked_at)), ProductRequested
        )
        assert await handle(db, _tick(END)) == []
        await handle(db, not_done(request, END))
        answers = await handle(db, _tick(END + MINUTE))
    assert _told(answers) == [(ResourceSuspended, END)]
    [stop] = of_type(answers, ProductRequested)
    assert stop.action == "stop"


async def test_no_answer_within_the_time_limit_counts_as_failed_at_the_deadline(
    open_database: OpenDatabase,
) -> None:
    deadline = NOON + timedelta(seconds=120)
    async with open_database("provisioning") as db:
        await handle(db, published("message", {"time_limit_s": 120}), paid(item()))
        assert await handle(db, _tick(deadline)) == []
        [failure] = await handle(db, _tick(deadline + DAY))
        assert await handle(db, _tick(deadline + 2 * DAY)) == []
        resource = (await store.lock_resources(db, ["vm-1"]))["vm-1"]
    assert isinstance(failure, ProvisioningFailed)
    assert (failure.reason, failure.time) == ("timed_out", deadline)
    assert resource.state == "failed"


async def test_a_late_success_is_answered_with_one_deletion(open_database: OpenDatabase) -> None:
    async with open_database("provisioning") as db:
        asked = await handle(db, published("message"), paid(item()))
        [request] = of_type(asked, ProductRequested)
        await handle(db, _tick(NOON + DAY))
        success = succeeded(request, NOON + DAY)
        answers = await handle(db, success)
        again = await handle(db, succeeded(request, NOON + DAY))
        [deletion] = of_type(answers, ProductRequested)
        done = succeeded(deletion, NOON + DAY)
        after = await handle(db, done)
    assert (deletion.action, deletion.resource_id) == ("delete", "vm-1")
    assert deletion.request_id != request.request_id
    assert len(answers) == 1
    assert again == after == []


async def test_a_late_failure_changes_nothing(open_database: OpenDatabase) -> None:
    async with open_database("provisioning") as db:
        asked = await handle(db, published("message"), paid(item()))
        [request] = of_type(asked, ProductRequested)
        await handle(db, _tick(NOON + DAY))
        assert await handle(db, not_done(request, NOON + DAY)) == []


async def test_a_late_resize_is_undone_with_the_configuration_that_is_paid_for(
    open_database: OpenDatabase,
) -> None:
    async with open_database("provisioning") as db:
        await handle(db, published(), paid(item()), published("message", at=NOON + MINUTE))
        resize = item("resize", components=(component("cpu", 4),))
        [request] = of_type(
            await handle(db, paid(resize, order_id="ord-2", at=NOON + DAY)), ProductRequested
        )
        await handle(db, _tick(NOON + 2 * DAY))
        success = succeeded(request, NOON + DAY)
        [undo] = await handle(db, success)
    assert isinstance(undo, ProductRequested)
    assert (undo.action, undo.components) == ("resize", (component(),))


async def test_what_a_team_deleted_late_is_deleted(open_database: OpenDatabase) -> None:
    async with open_database("provisioning") as db:
        await handle(db, published(), paid(item()), published("message", at=NOON + MINUTE))
        [request] = of_type(
            await handle(db, confirmed(item("delete"), order_id="ord-2", at=NOON + DAY)),
            ProductRequested,
        )
        await handle(db, _tick(NOON + 2 * DAY))
        success = succeeded(request, NOON + DAY)
        [event] = await handle(db, success)
    assert isinstance(event, ResourceDeleted)


async def test_a_success_after_the_term_that_was_paid_for_is_given_back(
    open_database: OpenDatabase,
) -> None:
    async with open_database("provisioning") as db:
        asked = await handle(db, published("message"), paid(item(ends_at=NOON + MINUTE)))
        [request] = of_type(asked, ProductRequested)
        done_at = NOON + 2 * MINUTE
        success = succeeded(request, done_at)
        answers = await handle(db, success)
    [failure] = of_type(answers, ProvisioningFailed)
    [deletion] = of_type(answers, ProductRequested)
    assert (failure.reason, deletion.action) == ("too_late", "delete")


async def test_more_than_one_transaction_takes_is_gone_on_with(
    open_database: OpenDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "_DUE_AT_ONCE", 2)
    names = [f"vm-{number}" for number in range(5)]
    async with open_database("provisioning") as db:
        await handle(db, published(expiry_policy="trash", trash_days=90))
        await handle(db, paid(*(item(resource_id=name) for name in names)))
        rounds: list[list[str]] = []
        due: list[TickMinute] | list[ResourcesDue] = [_tick(END)]
        while due and len(rounds) < len(names):
            answers = await handle(db, *due)
            rounds.append([one.resource_id for one in of_type(answers, ResourceSuspended)])
            due = of_type(answers, ResourcesDue)
    assert [len(one) for one in rounds] == [2, 2, 1]
    assert sorted(name for one in rounds for name in one) == names


async def test_a_prepaid_resource_of_a_postpaid_account_goes_on_as_postpaid(
    open_database: OpenDatabase,
) -> None:
    async with open_database("provisioning") as db:
        await handle(db, published(), paid(item()))
        assert await handle(db, switched("postpaid", NOON + DAY)) == []
        [event] = await handle(db, _tick(END + 40 * DAY))
    assert isinstance(event, ResourceConverted)
    assert (event.user_type, event.at, event.ends_at) == ("postpaid", END, None)


@pytest.mark.parametrize("days_after", [2, 16])
async def test_a_switch_heard_of_only_after_the_end_has_the_same_result(
    open_database: OpenDatabase, days_after: int
) -> None:
    async with open_database("provisioning") as db:
        await handle(db, published(), paid(item()), _tick(END + days_after * DAY))
        [event] = await handle(db, switched("postpaid", NOON + DAY))
        assert await handle(db, _tick(END + 60 * DAY)) == []
    assert isinstance(event, ResourceConverted)
    assert (event.user_type, event.at, event.state) == ("postpaid", END, "active")


async def test_a_switch_back_is_met_though_the_end_and_the_first_switch_are_heard_of_later(
    open_database: OpenDatabase,
) -> None:
    back = switched("prepaid", END + DAY)
    async with open_database("provisioning") as db:
        await handle(db, published(), paid(item()), _tick(END + 2 * DAY), back)
        answers = await handle(db, switched("postpaid", NOON + DAY))
    converted = of_type(answers, ResourceConverted)
    assert [(one.user_type, one.at) for one in converted] == [
        ("postpaid", END),
        ("prepaid", END + DAY),
    ]


async def test_a_switch_to_prepaid_gives_each_postpaid_resource_days_of_grace(
    open_database: OpenDatabase,
) -> None:
    switched_at = NOON + 5 * DAY + timedelta(seconds=30)
    minute = NOON + 5 * DAY
    async with open_database("provisioning") as db:
        await handle(db, switched("postpaid", NOON - DAY), published())
        await handle(db, confirmed(item(user_type="postpaid")))
        [event] = await handle(db, switched("prepaid", switched_at))
        assert await handle(db, _tick(minute + 7 * DAY - MINUTE)) == []
        answers = await handle(db, _tick(minute + 30 * DAY))
    assert isinstance(event, ResourceConverted)
    assert (event.user_type, event.at, event.ends_at) == ("prepaid", minute, minute)
    assert _told(answers) == [
        (ResourceSuspended, minute + 7 * DAY),
        (ResourceReleased, minute + 30 * DAY),
    ]


async def test_an_order_placed_before_the_switch_is_finished_and_then_meets_it(
    open_database: OpenDatabase,
) -> None:
    order = confirmed(item(user_type="postpaid"), at=NOON)
    async with open_database("provisioning") as db:
        await handle(db, switched("postpaid", NOON - DAY), published())
        assert await handle(db, switched("prepaid", NOON + MINUTE)) == []
        answers = await handle(db, order)
    assert _told(answers) == [(ResourceProvisioned, NOON), (ResourceConverted, NOON + MINUTE)]


async def test_what_is_priced_by_use_stays_postpaid_after_a_switch_to_prepaid(
    open_database: OpenDatabase,
) -> None:
    metered = published().model_dump() | {
        "meters": {"traffic": {"sku": "gb", "aggregation": "cumulative"}}
    }
    product = said(type(published()).model_validate(metered), at=NOON - 200 * DAY)
    async with open_database("provisioning") as db:
        await handle(db, switched("postpaid", NOON - DAY), product)
        await handle(db, confirmed(item(user_type="postpaid")))
        assert await handle(db, switched("prepaid", NOON + DAY)) == []
