"""What users do with their resources: priced, paid or given back (domain 5, 6, 7)."""

from datetime import timedelta
from typing import Any

import pytest

from shared.messages.billing import (
    OrderConfirmed,
    OrderRejected,
    PaymentConfirmed,
    RefundToCredit,
)
from shared.messages.provisioning import (
    ResourceConverted,
    ResourceDeleted,
    ResourceReleased,
    ResourceSuspended,
)
from shared.messages.wallet import WalletCharge
from tests.builders import NOON
from tests.integration.billing.neighbours import (
    DAY,
    acted,
    components_of,
    coupon,
    debited,
    failed,
    happened,
    item_of,
    passed,
    placed,
    priced,
    published,
    registered,
    switched,
)
from tests.integration.billing.till import Till, of_type, one, waits


async def test_a_larger_configuration_costs_the_difference_for_the_time_left(till: Till) -> None:
    await till.open_shop(priced("old", 181_000), priced("new", 520_000))
    event = await till.run(components=components_of("old"), days=80)
    order = acted("resize", at=NOON + 30 * DAY, components=components_of("new"))
    confirmed = await till.pay(order)
    assert confirmed.amount == 565_000
    assert [line.amount for line in confirmed.items[0].lines] == [866_667, -301_667]
    answers = await till.hear(happened(confirmed, before=event))
    assert not of_type(answers, RefundToCredit)
    pieces = await till.rows("select paid, ended_at from term_piece order by paid")
    assert pieces == [
        {"paid": 482_667, "ended_at": NOON + 30 * DAY},
        {"paid": 866_667, "ended_at": None},
    ]


async def test_a_smaller_configuration_gives_back_the_difference_once_it_is_done(
    till: Till,
) -> None:
    await till.open_shop(priced("old", 181_000), priced("new", 520_000))
    event = await till.run(components=components_of("new"), days=80)
    order = acted("resize", at=NOON + 30 * DAY, components=components_of("old"))
    confirmed = one(await till.hear(order), OrderConfirmed)
    assert confirmed.items[0].amount == -565_000
    done = happened(confirmed, before=event)
    refund = one(await till.hear(done), RefundToCredit)
    assert (refund.amount, refund.wallet, refund.reason) == (565_000, "credit", "resized")
    assert await till.hear(done) == []


async def test_a_product_that_does_not_refund_gives_nothing_back(till: Till) -> None:
    await till.open_shop(refundable=False)
    event = await till.run(components=components_of("image"))
    smaller = one(
        await till.hear(acted("resize", components=components_of("disk"))), OrderConfirmed
    )
    assert (smaller.items[0].amount, smaller.items[0].lines) == (0, ())
    event = happened(smaller, before=event)
    assert not of_type(await till.hear(event), RefundToCredit)
    deletion = one(await till.hear(acted("delete")), OrderConfirmed)
    assert not of_type(await till.hear(happened(deletion, before=event)), RefundToCredit)


async def test_a_resize_that_fails_is_refunded_and_the_old_configuration_keeps_its_value(
    till: Till,
) -> None:
    await till.open_shop()
    event = await till.run()
    confirmed = await till.pay(acted("resize", components=components_of("image", "disk")))
    assert one(await till.hear(failed(confirmed)), RefundToCredit).amount == 35_000
    deletion = one(await till.hear(acted("delete", at=NOON + 15 * DAY)), OrderConfirmed)
    answers = await till.hear(happened(deletion, before=event))
    assert one(answers, RefundToCredit).amount == 45_000


async def test_vat_of_a_resize_is_that_of_its_day_and_of_the_day_of_the_purchase(
    till: Till,
) -> None:
    await till.open_shop(published(at=NOON + DAY, vat_rate="0.08", vat_included=False))
    await till.run()
    confirmed = await till.pay(
        acted("resize", at=NOON + 15 * DAY, components=components_of("image", "disk"))
    )
    [item] = confirmed.items
    assert [(line.amount, line.vat, line.vat_included) for line in item.lines] == [
        (45_000, 3_600, False),
        (17_500, 1_400, False),
        (-45_000, -4_091, True),
    ]
    assert item.amount == item.net + item.vat == 22_500


async def test_a_renewal_costs_todays_price_from_the_present_end(till: Till) -> None:
    await till.open_shop(priced("vm", 181_000))
    event = await till.run(components=components_of("vm"))
    confirmed = await till.pay(acted("renew", days=60, at=NOON + DAY))
    assert confirmed.amount == 362_000
    assert confirmed.items[0].starts_at == event.ends_at
    renewed = happened(confirmed, before=event)
    assert renewed.ends_at == NOON + 90 * DAY
    await till.hear(renewed)
    deletion = one(await till.hear(acted("delete", at=NOON + 15 * DAY)), OrderConfirmed)
    refund = one(await till.hear(happened(deletion, before=renewed)), RefundToCredit)
    assert refund.amount == 90_500 + 362_000


async def test_resources_are_renewed_to_one_common_end(till: Till) -> None:
    await till.open_shop()
    await till.run("vm-1")
    await till.run("vm-2", days=45)
    end = NOON + 60 * DAY
    items = [{"item_id": f"i-{n}", "resource_id": f"vm-{n}", "ends_at": end} for n in (1, 2)]
    confirmed = await till.pay(placed("renew", *items))
    assert [item.amount for item in confirmed.items] == [90_000, 45_000]
    early = [{**item, "ends_at": NOON + 44 * DAY} for item in items]
    await till.hear(failed(confirmed, confirmed.items[0]), failed(confirmed, confirmed.items[1]))
    assert one(await till.hear(placed("renew", *early)), OrderRejected).reason == "end_not_later"


async def test_deleting_gives_back_the_unused_value_less_the_coupon(till: Till) -> None:
    await till.open_shop(coupon(value="50", kind="percent"))
    confirmed = await till.pay(placed("create", item_of("image"), coupon="SAVE"))
    event = happened(confirmed)
    await till.hear(event)
    deletion = one(await till.hear(acted("delete", at=NOON + 20 * DAY)), OrderConfirmed)
    gone = happened(deletion, before=event)
    answers = await till.hear(gone)
    assert one(answers, RefundToCredit).amount == 15_000
    assert await till.hear(gone) == []
    assert await till.rows("select from term_piece where ended_at is null") == []


async def test_what_a_team_deleted_after_its_time_limit_gives_its_unused_value_back_once(
    till: Till,
) -> None:
    """Its renewal after that time limit is unused value as well."""
    await till.open_shop()
    event = await till.run()
    deletion = one(await till.hear(acted("delete", at=NOON + 10 * DAY)), OrderConfirmed)
    assert not of_type(await till.hear(failed(deletion)), RefundToCredit)
    renewal = await till.pay(acted("renew", days=30, at=NOON + 11 * DAY))
    renewed = happened(renewal, before=event)
    await till.hear(renewed)
    late = happened(deletion, before=renewed, at=NOON + 10 * DAY)
    refund = one(await till.hear(late), RefundToCredit)
    assert (refund.wallet, refund.amount, refund.reason) == ("credit", 150_000, "deleted")
    again = passed(
        ResourceDeleted,
        late,
        at=NOON + 12 * DAY,
        order_id=deletion.order_id,
        item_id=deletion.items[0].item_id,
    )
    assert not of_type(await till.hear(late, again), RefundToCredit)
    assert await till.rows("select from term_piece where ended_at is null") == []


async def test_a_deletion_that_counts_as_failed_and_was_done_gives_back_in_either_order(
    till: Till,
) -> None:
    await till.open_shop()
    event = await till.run()
    deletion = one(await till.hear(acted("delete", at=NOON + 10 * DAY)), OrderConfirmed)
    answers = await till.hear(happened(deletion, before=event), failed(deletion))
    assert one(answers, RefundToCredit).amount == 60_000


async def test_a_deletion_in_the_same_group_as_its_creation_is_handled_in_their_order(
    till: Till,
) -> None:
    await till.open_shop()
    event = await till.run("vm-0")
    confirmed = await till.pay(placed("create", item_of("image")))
    begun = happened(confirmed)
    stopped = passed(ResourceSuspended, begun, at=NOON + DAY, state="suspended")
    gone = passed(ResourceReleased, stopped, at=NOON + 2 * DAY, state="deleted")
    answers = await till.hear(gone, stopped, begun)
    assert waits(answers) == []
    assert await till.state() == "deleted"
    assert event.resource_id == "vm-0"


async def test_an_event_that_comes_too_early_waits_for_the_one_before_it(till: Till) -> None:
    await till.open_shop()
    confirmed = await till.pay(placed("create", item_of("image")))
    begun = happened(confirmed)
    stopped = passed(ResourceSuspended, begun, at=NOON + DAY, state="suspended")
    assert waits(await till.hear(stopped)) == ["earlier_event_missing"]
    assert await till.state() == "new"
    await till.hear(begun)
    await till.hear(stopped)
    assert await till.state() == "suspended"


async def test_a_second_order_for_a_busy_resource_is_rejected(till: Till) -> None:
    await till.open_shop()
    event = await till.run()
    answers = await till.hear(acted("renew", days=30), acted("delete"))
    assert one(answers, OrderRejected).reason == "resource_busy"
    assert one(await till.hear(acted("stop")), OrderRejected).reason == "resource_busy"
    charge = one(answers, WalletCharge)
    confirmed = one(await till.hear(debited(charge)), PaymentConfirmed)
    await till.hear(happened(confirmed, before=event))
    one(await till.hear(acted("stop")), OrderConfirmed)


@pytest.mark.parametrize(
    ("action", "item", "reason"),
    [
        ("renew", {}, "term_missing"),
        ("renew", {"ends_at": NOON + 30 * DAY}, "end_not_later"),
        ("renew", {"ends_at": NOON + 29 * DAY}, "end_not_later"),
        ("renew", {"days": 36_500}, "term_too_long"),
        ("recover", {"days": 30}, "wrong_state"),
        ("start", {}, "wrong_state"),
        ("resize", {"components": components_of("image")}, "nothing_to_change"),
    ],
)
async def test_what_a_running_resource_does_not_allow_is_rejected(
    till: Till, action: str, item: dict[str, Any], reason: str
) -> None:
    await till.open_shop()
    await till.run()
    answers = await till.hear(acted(action, **item))
    assert one(answers, OrderRejected).reason == reason
    assert len(answers) == 1


async def test_somebody_elses_resource_is_unknown(till: Till) -> None:
    await till.open_shop(registered("acc-2"))
    await till.run()
    item = {"item_id": "vm-1", "resource_id": "vm-1"}
    assert waits(await till.hear(placed("delete", item, account_id="acc-2"))) == [
        "unknown_resource"
    ]


async def test_two_items_about_one_resource_are_rejected(till: Till) -> None:
    await till.open_shop()
    await till.run()
    items = [{"item_id": f"i-{n}", "resource_id": "vm-1"} for n in (1, 2)]
    assert one(await till.hear(placed("stop", *items)), OrderRejected).reason == "resource_twice"


async def test_a_resize_in_the_last_minute_is_rejected(till: Till) -> None:
    await till.open_shop()
    await till.run()
    late = acted(
        "resize", at=NOON + 30 * DAY + timedelta(seconds=59), components=components_of("disk")
    )
    assert one(await till.hear(late), OrderRejected).reason == "resource_expired"


async def test_a_resource_in_grace_is_renewed_from_its_old_end_until_its_release(
    till: Till,
) -> None:
    await till.open_shop()
    event = await till.run()
    end = NOON + 30 * DAY
    await till.hear(passed(ResourceSuspended, event, at=end + 15 * DAY, state="suspended"))
    short = acted("renew", days=15, at=end + 16 * DAY)
    late = acted("renew", days=60, at=end + 30 * DAY)
    answers = await till.hear(short, late, acted("recover", days=30, at=end + 16 * DAY))
    assert [rejected.reason for rejected in of_type(answers, OrderRejected)] == [
        "end_in_the_past",
        "resource_expired",
        "not_in_trash",
    ]
    confirmed = await till.pay(acted("renew", days=60, at=end + 16 * DAY))
    assert (confirmed.amount, confirmed.items[0].starts_at) == (180_000, end)


async def test_a_resource_in_the_trash_is_recovered_for_a_new_term(till: Till) -> None:
    await till.open_shop(expiry_policy="trash")
    event = await till.run()
    end = NOON + 30 * DAY
    suspended = passed(ResourceSuspended, event, at=end, state="suspended")
    await till.hear(suspended)
    answers = await till.hear(acted("renew", days=30, at=end + DAY))
    assert one(answers, OrderRejected).reason == "in_trash"
    confirmed = await till.pay(acted("recover", days=30, at=end + DAY))
    recovered = happened(confirmed, before=suspended)
    await till.hear(recovered)
    assert await till.state() == "active"
    deletion = one(await till.hear(acted("delete", at=end + 16 * DAY)), OrderConfirmed)
    refund = one(await till.hear(happened(deletion, before=recovered)), RefundToCredit)
    assert refund.amount == 45_000


async def test_the_policy_at_its_end_decides_how_a_resource_comes_back(till: Till) -> None:
    end = NOON + 30 * DAY
    await till.open_shop(published(at=end + DAY, expiry_policy="trash"))
    event = await till.run()
    await till.hear(passed(ResourceSuspended, event, at=end + 15 * DAY, state="suspended"))
    [row] = await till.rows("select in_trash from resource")
    assert row == {"in_trash": False}


async def test_what_a_user_deleted_is_recovered_from_the_trash(till: Till) -> None:
    await till.open_shop()
    event = await till.run()
    deletion = one(await till.hear(acted("delete", at=NOON + DAY)), OrderConfirmed)
    gone = happened(deletion, before=event)
    assert isinstance(gone, ResourceDeleted)
    await till.hear(gone)
    assert (await till.pay(acted("recover", days=30, at=NOON + 2 * DAY))).amount == 90_000


async def test_postpaid_users_neither_renew_nor_recover(till: Till) -> None:
    await till.open_shop()
    await till.run()
    await till.hear(switched("postpaid", at=NOON + DAY))
    answers = await till.hear(acted("renew", days=30, at=NOON + 2 * DAY))
    assert one(answers, OrderRejected).reason == "not_for_postpaid"
    before = acted("renew", days=30, at=NOON + timedelta(hours=1))
    one(await till.hear(before), WalletCharge)


async def test_postpaid_resources_are_resized_and_deleted_without_a_payment(till: Till) -> None:
    await till.open_shop(switched("postpaid", at=NOON - DAY))
    created = one(await till.hear(placed("create", item_of("image"))), OrderConfirmed)
    event = happened(created)
    await till.hear(event)
    resize = one(await till.hear(acted("resize", components=components_of("disk"))), OrderConfirmed)
    assert (resize.items[0].amount, resize.items[0].user_type) == (0, "postpaid")
    event = happened(resize, before=event)
    await till.hear(event)
    deletion = one(await till.hear(acted("delete")), OrderConfirmed)
    assert not of_type(await till.hear(happened(deletion, before=event)), RefundToCredit)
    assert (
        one(
            await till.hear(
                placed("create", item_of("image", item_id="vm-2"), coupon="X", attempt=9)
            ),
            OrderRejected,
        ).reason
        == "coupon_unknown"
    )


async def test_what_became_prepaid_by_a_switch_is_renewed_by_grace_whatever_its_product_says(
    till: Till,
) -> None:
    await till.open_shop(switched("postpaid", at=NOON - DAY), expiry_policy="trash")
    created = one(await till.hear(placed("create", item_of("image"))), OrderConfirmed)
    event = happened(created)
    await till.hear(event, switched("prepaid", at=NOON + DAY))
    converted = passed(
        ResourceConverted, event, at=NOON + DAY, user_type="prepaid", ends_at=NOON + DAY
    )
    await till.hear(converted)
    await till.hear(passed(ResourceSuspended, converted, at=NOON + 8 * DAY, state="suspended"))
    confirmed = await till.pay(acted("renew", days=30, at=NOON + 9 * DAY))
    assert (confirmed.amount, confirmed.items[0].starts_at) == (90_000, NOON + DAY)


async def test_a_running_term_stays_paid_until_it_goes_on_as_postpaid_use(till: Till) -> None:
    await till.open_shop()
    event = await till.run()
    await till.hear(switched("postpaid", at=NOON + DAY))
    end = NOON + 30 * DAY
    await till.hear(
        passed(ResourceConverted, event, at=end, user_type="postpaid", starts_at=end, ends_at=None)
    )
    assert await till.rows("select from term_piece where ended_at is null") == []
    deletion = one(await till.hear(acted("delete", at=end + DAY)), OrderConfirmed)
    assert deletion.items[0].user_type == "postpaid"


async def test_one_order_may_charge_one_resource_and_give_back_for_another(till: Till) -> None:
    await till.open_shop()
    up = await till.run("vm-1")
    down = await till.run("vm-2", components=components_of("image", "disk"))
    items = [
        {"item_id": "up", "resource_id": "vm-1", "components": components_of("image", "disk")},
        {"item_id": "down", "resource_id": "vm-2", "components": components_of("image")},
    ]
    confirmed = await till.pay(placed("resize", *items))
    assert (confirmed.amount, [item.amount for item in confirmed.items]) == (
        35_000,
        [35_000, -35_000],
    )
    answers = await till.hear(
        happened(confirmed, before=up), happened(confirmed, item=confirmed.items[1], before=down)
    )
    assert one(answers, RefundToCredit).amount == 35_000
