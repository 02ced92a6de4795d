"""Automatic renewal, and reminders (domain 7)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.messages import Message, Said
from shared.messages.billing import (
    OrderConfirmed,
    OrderRejected,
    PaymentConfirmed,
    RemindersDue,
    RenewalsDue,
)
from shared.messages.notifications import NotificationRequested
from shared.messages.provisioning import ResourceSuspended
from shared.messages.scheduler import TickDay, TickMinute
from shared.messages.upstream import OrderPlaced, ResourceAutoRenewSet
from shared.messages.wallet import WalletCharge
from tests.builders import NOON, said
from tests.integration.billing.neighbours import (
    ACCOUNT,
    DAY,
    HOUR,
    acted,
    created,
    debited,
    declined,
    happened,
    item_of,
    passed,
    registered,
    switched,
)
from tests.integration.billing.till import Till, of_type, one, waits

END = NOON + 30 * DAY


def eight(days_before: int) -> datetime:
    """Eight o'clock in Hanoi so many days before the end; that is at 19 there."""
    return datetime(2026, 12, 2, 1, 0, tzinfo=UTC) - days_before * DAY


def tick(at: datetime) -> TickMinute:
    return said(TickMinute(), at=at)


def wish(
    months: int | None,
    resource_id: str = "vm-1",
    *,
    at: datetime = NOON,
    account_id: str = ACCOUNT,
    attempt: int = 0,
) -> ResourceAutoRenewSet:
    return said(
        ResourceAutoRenewSet.model_validate(
            {"account_id": account_id, "resource_id": resource_id, "months": months}
        ),
        at=at,
        attempt=attempt,
    )


async def follow(till: Till, answers: list[Said], credit: int) -> list[Said]:
    """Let billing hear itself and a wallet with so much credit, until nothing is left to do."""
    everything: list[Said] = []
    while answers:
        everything += answers
        hears: list[Message] = []
        for answer in answers:
            if isinstance(answer, OrderPlaced | RenewalsDue):
                hears.append(answer)
            if isinstance(answer, WalletCharge):
                if answer.amount <= credit:
                    credit -= answer.amount
                    hears.append(debited(answer))
                else:
                    hears.append(declined(answer, credit))
        answers = await till.hear(*hears) if hears else []
    return everything


async def test_a_resource_is_renewed_a_week_before_its_end_and_then_no_more(till: Till) -> None:
    await till.open_shop()
    event = await till.run(auto_renew_months=1)
    assert await till.hear(tick(eight(7) - timedelta(minutes=1))) == []
    answers = await follow(till, await till.hear(tick(eight(7))), 90_000)
    placed = one(answers, OrderPlaced)
    assert (placed.payment_method, placed.time, placed.envelope.source) == (
        "credit",
        eight(7),
        "/cloudtill/billing",
    )
    assert placed.envelope.correlation_id == placed.order_id
    confirmed = one(answers, PaymentConfirmed)
    assert (confirmed.amount, confirmed.items[0].days) == (90_000, 30)
    notices = of_type(
        await till.hear(happened(confirmed, before=event, at=eight(7))), NotificationRequested
    )
    assert [notice.facts["automatic"] for notice in notices] == [True]
    assert await till.hear(tick(eight(4))) == []
    [row] = await till.rows("select ends_at, next_renewal_at from resource")
    assert row == {"ends_at": END + 30 * DAY, "next_renewal_at": eight(7) + 30 * DAY}


async def test_each_try_waits_for_the_next_and_the_last_is_on_the_day_of_the_end(
    till: Till,
) -> None:
    await till.open_shop()
    await till.run(auto_renew_months=3)
    for days in (7, 4, 1, 0):
        answers = await follow(till, await till.hear(tick(eight(days))), 0)
        assert one(answers, OrderRejected).reason == "insufficient_credit"
        notices = [notice.template for notice in of_type(answers, NotificationRequested)]
        assert sorted(notices) == ["auto_renew_failed", "payment_failed"]
        assert await till.hear(tick(eight(days)), tick(eight(days) + HOUR)) == []
    assert await till.hear(tick(END), tick(END + 40 * DAY)) == []
    attempts = await till.rows("select at, outcome, reason from renewal_attempt order by at")
    assert [attempt["at"] for attempt in attempts] == [eight(days) for days in (7, 4, 1, 0)]
    assert {attempt["reason"] for attempt in attempts} == {"insufficient_credit"}


async def test_a_product_may_have_one_try_three_days_before_the_end(till: Till) -> None:
    await till.open_shop(renew_attempt_days=[3])
    await till.run(auto_renew_months=1)
    assert await till.hear(tick(eight(7))) == []
    answers = await follow(till, await till.hear(tick(eight(3))), 90_000)
    one(answers, PaymentConfirmed)


async def test_missed_ticks_are_made_up_for_by_one_try_at_the_last_instant_due(
    till: Till,
) -> None:
    await till.open_shop()
    await till.run(auto_renew_months=1)
    late = tick(eight(1) - HOUR)
    answers = await follow(till, await till.hear(late, tick(eight(7))), 0)
    assert one(answers, OrderPlaced).time == eight(4)
    answers = await follow(till, await till.hear(tick(eight(1))), 90_000)
    one(answers, PaymentConfirmed)


async def test_what_has_expired_is_not_renewed(till: Till) -> None:
    await till.open_shop()
    await till.run(auto_renew_months=1)
    assert await till.hear(tick(END)) == []
    assert await till.rows("select from resource where next_renewal_at is not null") == []


async def test_a_resource_that_ends_before_eight_is_not_tried_on_its_last_day(till: Till) -> None:
    await till.open_shop(renew_attempt_days=[0])
    await till.run(auto_renew_months=1, days=None, ends_at=eight(0) - timedelta(minutes=1))
    assert await till.hear(tick(eight(0) - timedelta(minutes=2))) == []
    assert await till.rows("select from resource where next_renewal_at is not null") == []


async def test_credit_goes_to_what_ends_first_as_far_as_it_reaches(till: Till) -> None:
    await till.open_shop()
    for number, minutes in ((1, 30), (2, 10), (3, 20), (4, 40)):
        await till.run(
            f"vm-{number}",
            days=None,
            ends_at=END + timedelta(minutes=minutes),
            auto_renew_months=3 if number == 3 else 1,
        )
    answers = await follow(till, await till.hear(tick(eight(7))), 200_000)
    tried = [order.items[0].resource_id for order in of_type(answers, OrderPlaced)]
    assert tried == ["vm-2", "vm-3", "vm-1", "vm-4"]
    paid = [paid.items[0].resource_id for paid in of_type(answers, PaymentConfirmed)]
    assert paid == ["vm-2", "vm-1"]


async def test_one_account_does_not_wait_for_another(till: Till) -> None:
    await till.open_shop(registered("acc-2"))
    await till.run("vm-1", auto_renew_months=1)
    order = created(item_of("image", item_id="vm-2", auto_renew_months=1), account_id="acc-2")
    await till.hear(happened(await till.pay(order)))
    answers = await till.hear(tick(eight(7)))
    assert {order.account_id for order in of_type(answers, OrderPlaced)} == {ACCOUNT, "acc-2"}


async def test_a_try_of_which_nothing_is_heard_lapses_after_a_day(till: Till) -> None:
    await till.open_shop()
    await till.run("vm-1", auto_renew_months=1)
    await till.run("vm-2", auto_renew_months=1)
    one(await till.hear(tick(eight(7))), OrderPlaced)
    assert await till.hear(tick(eight(7) + DAY)) == []
    one(await till.hear(tick(eight(7) + DAY + timedelta(minutes=1))), OrderPlaced)


async def test_a_renewal_by_hand_ends_the_series(till: Till) -> None:
    await till.open_shop()
    event = await till.run(auto_renew_months=1)
    confirmed = await till.pay(acted("renew", days=30, at=eight(7) - HOUR))
    assert await till.hear(tick(eight(7))) == []
    await till.hear(happened(confirmed, before=event))
    assert await till.hear(tick(eight(4))) == []


async def test_a_busy_resource_is_tried_once_it_is_free(till: Till) -> None:
    await till.open_shop()
    event = await till.run(auto_renew_months=1)
    stop = one(await till.hear(acted("stop", at=eight(7) - HOUR)), OrderConfirmed)
    assert await till.hear(tick(eight(7))) == []
    await till.hear(happened(stop, before=event))
    one(await till.hear(tick(eight(7) + HOUR)), OrderPlaced)


async def test_a_user_switches_renewal_on_off_and_to_other_months(till: Till) -> None:
    await till.open_shop()
    await till.run()
    assert await till.hear(wish(12, at=NOON + HOUR), wish(6, at=NOON)) == []
    assert await till.hear(wish(1, at=NOON)) == []
    [row] = await till.rows("select auto_renew_months, next_renewal_at from resource")
    assert row == {"auto_renew_months": 12, "next_renewal_at": eight(7)}
    await till.hear(wish(None, at=eight(7) - HOUR))
    assert await till.hear(tick(eight(7))) == []
    await till.hear(wish(6, at=eight(7) + HOUR))
    order = one(await till.hear(tick(eight(4))), OrderPlaced)
    assert order.items[0].days == 180


async def test_what_is_set_after_a_try_does_not_repeat_it(till: Till) -> None:
    await till.open_shop()
    await till.run(auto_renew_months=1)
    await follow(till, await till.hear(tick(eight(7))), 0)
    await till.hear(wish(3, at=eight(7) - HOUR))
    assert await till.hear(tick(eight(7) + HOUR)) == []


@pytest.mark.parametrize(
    ("shop", "reason"),
    [({"actions": ["create"]}, "action_not_allowed"), ({}, "not_for_postpaid")],
)
async def test_a_wish_that_cannot_be_is_answered_with_the_reason(
    till: Till, shop: dict[str, Any], reason: str
) -> None:
    await till.open_shop(**shop)
    await till.run()
    if reason == "not_for_postpaid":
        await till.hear(switched("postpaid", at=NOON))
    notice = one(await till.hear(wish(1, at=NOON + HOUR)), NotificationRequested)
    assert (notice.template, notice.facts["reason"]) == ("auto_renew_refused", reason)
    assert await till.rows("select from resource where auto_renew_months is not null") == []


async def test_a_wish_for_an_unknown_resource_waits_and_is_then_refused(till: Till) -> None:
    await till.open_shop(registered("acc-2"))
    await till.run()
    assert (
        waits(await till.hear(wish(1, "vm-9"), wish(1, account_id="acc-2")))
        == ["unknown_resource"] * 2
    )
    notice = one(await till.hear(wish(1, "vm-9", attempt=6)), NotificationRequested)
    assert notice.facts["reason"] == "unknown_resource"


async def test_an_order_of_a_product_without_renewal_can_not_ask_for_it(till: Till) -> None:
    await till.open_shop(actions=["create", "delete"])
    answers = await till.hear(created(item_of("image", auto_renew_months=1)))
    assert one(answers, OrderRejected).reason == "action_not_allowed"


async def test_a_switch_to_postpaid_ends_automatic_renewal(till: Till) -> None:
    await till.open_shop()
    await till.run(auto_renew_months=1)
    await till.hear(switched("postpaid", at=NOON + DAY))
    assert await till.hear(wish(1, at=NOON + HOUR)) == []
    assert await till.hear(tick(eight(7))) == []


def day(at: datetime) -> TickDay:
    return said(TickDay(), at=at)


async def test_users_are_reminded_daily_from_a_week_before_the_end(till: Till) -> None:
    await till.open_shop()
    await till.run(auto_renew_months=1)
    assert await till.hear(day(END - 7 * DAY - HOUR)) == []
    notice = one(await till.hear(day(END - 7 * DAY)), NotificationRequested)
    assert notice.template == "resource_ends_soon"
    assert (notice.facts["days_left"], notice.facts["auto_renew_months"]) == (7, 1)
    assert await till.hear(day(END - 7 * DAY), day(END - 7 * DAY - HOUR)) == []
    again = one(await till.hear(day(END - 6 * DAY + HOUR)), NotificationRequested)
    assert again.facts["days_left"] == 6


async def test_users_are_reminded_daily_of_what_ended_until_its_release(till: Till) -> None:
    await till.open_shop()
    event = await till.run()
    notice = one(await till.hear(day(END)), NotificationRequested)
    assert notice.template == "resource_release_soon"
    assert notice.facts["released_at"] == (END + 30 * DAY).isoformat()
    suspended = passed(ResourceSuspended, event, at=END + 15 * DAY, state="suspended")
    await till.hear(suspended)
    one(await till.hear(day(END + 15 * DAY)), NotificationRequested)


async def test_a_user_is_not_reminded_of_what_he_deleted(till: Till) -> None:
    await till.open_shop()
    event = await till.run()
    deletion = one(await till.hear(acted("delete", at=END - DAY)), OrderConfirmed)
    await till.hear(happened(deletion, before=event))
    assert await till.hear(day(END - HOUR), day(END + DAY)) == []


async def test_reminders_go_on_in_a_message_of_their_own(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.billing.handlers.ticks._REMINDERS_AT_ONCE", 2)
    await till.open_shop()
    for number in range(3):
        await till.run(f"vm-{number}")
    answers = await till.hear(day(END - DAY))
    assert len(of_type(answers, NotificationRequested)) == 2
    answers = await till.hear(one(answers, RemindersDue))
    assert len(of_type(answers, NotificationRequested)) == 1
    assert not of_type(answers, RemindersDue)
