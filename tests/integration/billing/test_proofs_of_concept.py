"""Proofs of concept: paid from the POC wallet, and only from it (domain 9)."""

from datetime import datetime
from typing import Any

import asyncpg
import pytest

from shared.messages.billing import OrderConfirmed, OrderRejected, PaymentConfirmed, RefundToCredit
from shared.messages.notifications import NotificationRequested
from shared.messages.provisioning import ResourceEvent, ResourceSuspended
from shared.messages.scheduler import TickDay
from shared.messages.upstream import ResourceAutoRenewSet
from shared.messages.wallet import WalletCharge
from tests.builders import NOON, said
from tests.integration.billing.neighbours import (
    ACCOUNT,
    DAY,
    acted,
    components_of,
    coupon,
    created,
    debited,
    declined,
    failed,
    granted,
    happened,
    item_of,
    passed,
    placed,
    switched,
)
from tests.integration.billing.till import Till, of_type, one, waits

END = NOON + 60 * DAY
"""Of the POC wallet, where nothing else is granted."""


@pytest.fixture
async def shop(till: Till) -> Till:
    """A shop whose customer was granted 1,000,000 for 60 days."""
    await till.open_shop(coupon())
    await till.hear(granted())
    return till


async def run(shop: Till, **item: Any) -> ResourceEvent:
    """A proof of concept of an image, until the wallet's end where nothing else is said."""
    asked = item_of("image", **{"days": None, **item})
    charge = one(await shop.hear(created(asked, payment_method="poc")), WalletCharge)
    confirmed = one(await shop.hear(debited(charge)), PaymentConfirmed)
    event = happened(confirmed)
    await shop.hear(event)
    return event


async def reason_of(shop: Till, order: Any) -> str:
    return one(await shop.hear(order), OrderRejected).reason


async def test_it_is_charged_to_the_poc_wallet_and_ends_with_it(shop: Till) -> None:
    asked = item_of("image", days=None)
    charge = one(await shop.hear(created(asked, payment_method="poc")), WalletCharge)
    assert (charge.wallet, charge.amount) == ("poc", 180_000)
    confirmed = one(await shop.hear(debited(charge)), PaymentConfirmed)
    [item] = confirmed.items
    assert (confirmed.method, item.poc, item.ends_at) == ("poc", "running", END)


async def test_days_are_counted_from_the_order_however_long_provisioning_takes(shop: Till) -> None:
    asked = item_of("image", days=60)
    charge = one(await shop.hear(created(asked, payment_method="poc")), WalletCharge)
    [item] = one(await shop.hear(debited(charge)), PaymentConfirmed).items
    assert (item.ends_at, item.days) == (END, None)


async def test_a_grant_may_come_after_the_order_that_it_pays(till: Till) -> None:
    await till.open_shop()
    order = created(item_of("image"), payment_method="poc", order_id="ord-1")
    assert waits(await till.hear(order)) == ["no_poc_wallet"]
    await till.hear(granted())
    assert one(await till.hear(order), WalletCharge).wallet == "poc"


async def test_without_a_grant_an_order_waits_for_a_while_and_is_rejected(till: Till) -> None:
    await till.open_shop()
    order = created(item_of("image"), payment_method="poc", attempt=50)
    assert await reason_of(till, order) == "no_poc_wallet"


async def test_a_grant_waits_for_its_account_and_counts_once(till: Till) -> None:
    grant = granted()
    assert waits(await till.hear(grant)) == ["unknown_account"]
    await till.open_shop()
    notice = one(await till.hear(grant), NotificationRequested)
    assert (notice.template, notice.facts["amount"]) == ("poc_granted", 1_000_000)
    assert await till.hear(grant) == []


@pytest.mark.parametrize(
    ("item", "fields", "reason"),
    [
        (item_of("image", days=61), {}, "beyond_poc_wallet"),
        (item_of("image", ends_at=END + DAY), {}, "beyond_poc_wallet"),
        (item_of("image"), {"at": END}, "poc_wallet_ended"),
        (item_of("image"), {"coupon": "SAVE"}, "coupon_not_for_poc"),
        (item_of("image", auto_renew_months=1), {}, "no_auto_renew_for_poc"),
    ],
)
async def test_what_a_poc_wallet_does_not_pay_for(
    shop: Till, item: dict[str, Any], fields: dict[str, Any], reason: str
) -> None:
    assert await reason_of(shop, created(item, payment_method="poc", **fields)) == reason


async def test_a_use_priced_product_is_no_proof_of_concept(till: Till) -> None:
    await till.open_shop(
        granted(), meters={"traffic": {"sku": "image", "aggregation": "cumulative"}}
    )
    order = created(item_of("image"), payment_method="poc")
    assert await reason_of(till, order) == "poc_not_for_use_priced"


async def test_a_postpaid_user_begins_no_proof_of_concept(shop: Till) -> None:
    await shop.hear(switched("postpaid", at=NOON - DAY))
    order = created(item_of("image"), payment_method="poc")
    assert await reason_of(shop, order) == "not_for_postpaid"


async def test_a_running_one_of_a_switched_account_stays_what_it_is_until_its_end(
    shop: Till,
) -> None:
    await run(shop, days=30)
    await shop.hear(switched("postpaid", at=NOON + DAY))
    at = NOON + 2 * DAY
    larger = acted("resize", components=components_of("image", "disk"), at=at, order_id="larger")
    charge = one(await shop.hear(larger), WalletCharge)
    assert charge.wallet == "poc"
    await shop.hear(declined(charge))
    assert await reason_of(shop, acted("renew", days=1, at=at)) == "not_for_postpaid"
    assert one(await shop.hear(acted("stop_poc", at=at)), OrderConfirmed).action == "stop_poc"


async def test_an_order_counts_what_was_granted_by_its_own_time(shop: Till) -> None:
    await shop.hear(granted(ends_at=END + 30 * DAY, at=NOON + DAY))
    before = created(item_of("image", days=61), payment_method="poc")
    assert await reason_of(shop, before) == "beyond_poc_wallet"
    after = created(item_of("image", days=61), payment_method="poc", at=NOON + DAY)
    assert of_type(await shop.hear(after), WalletCharge)


async def test_too_little_in_the_wallet_is_told_as_such(shop: Till) -> None:
    order = created(item_of("image"), payment_method="poc")
    charge = one(await shop.hear(order), WalletCharge)
    rejected = one(await shop.hear(declined(charge, 10)), OrderRejected)
    assert rejected.reason == "insufficient_poc_credit"


async def test_what_failed_goes_back_to_the_poc_wallet(shop: Till) -> None:
    order = created(item_of("image"), payment_method="poc")
    charge = one(await shop.hear(order), WalletCharge)
    confirmed = one(await shop.hear(debited(charge)), PaymentConfirmed)
    refund = one(await shop.hear(failed(confirmed)), RefundToCredit)
    assert (refund.wallet, refund.amount) == ("poc", 90_000)


@pytest.mark.parametrize("method", ["poc", None])
async def test_it_is_resized_from_the_poc_wallet(shop: Till, method: str | None) -> None:
    await run(shop)
    larger = acted("resize", method=method, components=components_of("image", "disk"))
    charge = one(await shop.hear(larger), WalletCharge)
    assert (charge.wallet, charge.amount) == ("poc", 70_000)
    [item] = one(await shop.hear(debited(charge)), PaymentConfirmed).items
    assert item.poc == "running"


async def test_a_smaller_configuration_gives_back_to_the_poc_wallet(shop: Till) -> None:
    event = await run(shop)
    smaller = acted("resize", components=components_of("disk"), at=NOON + 30 * DAY)
    confirmed = one(await shop.hear(smaller), OrderConfirmed)
    refund = one(await shop.hear(happened(confirmed, before=event)), RefundToCredit)
    assert (refund.wallet, refund.amount, refund.reason) == ("poc", 55_000, "resized")


async def test_a_deletion_gives_back_to_the_poc_wallet_what_no_user_could_get_in_money(
    shop: Till,
) -> None:
    event = await run(shop)
    order = acted("delete", at=NOON + 30 * DAY)
    confirmed = one(await shop.hear(order), OrderConfirmed)
    deleted = happened(confirmed, before=event)
    refund = one(await shop.hear(deleted), RefundToCredit)
    assert (refund.wallet, refund.amount) == ("poc", 90_000)
    assert await shop.rows("select poc, state from resource") == [
        {"poc": None, "state": "suspended"}
    ]


async def test_a_deletion_after_its_time_limit_gives_back_to_the_poc_wallet(shop: Till) -> None:
    event = await run(shop)
    deletion = one(await shop.hear(acted("delete", at=NOON + 30 * DAY)), OrderConfirmed)
    await shop.hear(failed(deletion))
    refund = one(await shop.hear(happened(deletion, before=event)), RefundToCredit)
    assert (refund.wallet, refund.amount) == ("poc", 90_000)


@pytest.mark.parametrize("action", ["resize", "renew"])
async def test_it_is_paid_by_no_other_means(shop: Till, action: str) -> None:
    await run(shop, days=30)
    more = {"components": components_of("disk")} if action == "resize" else {"days": 30}
    assert await reason_of(shop, acted(action, method="credit", **more)) == "poc_wallet_only"


async def test_the_poc_wallet_pays_for_nothing_else(shop: Till) -> None:
    await shop.run("vm-2", days=10)
    renewal = acted("renew", "vm-2", method="poc", days=30)
    assert await reason_of(shop, renewal) == "not_a_poc_resource"
    assert await reason_of(shop, acted("stop_poc", "vm-2")) == "not_a_poc_resource"
    await run(shop)
    both = placed(
        "renew",
        {"item_id": "a", "resource_id": "vm-1", "days": 1},
        {"item_id": "b", "resource_id": "vm-2", "days": 1},
    )
    assert await reason_of(shop, both) == "poc_wallet_only"


async def test_it_is_renewed_only_up_to_an_end_that_was_moved_out(shop: Till) -> None:
    await run(shop)
    renewal = acted("renew", method="poc", days=30, at=NOON + DAY)
    assert await reason_of(shop, renewal) == "beyond_poc_wallet"
    await shop.hear(granted(1, ends_at=END + 30 * DAY, at=NOON + 2 * DAY))
    later = acted("renew", at=NOON + 3 * DAY)
    charge = one(await shop.hear(later), WalletCharge)
    assert (charge.wallet, charge.amount) == ("poc", 90_000)


async def test_it_is_not_renewed_automatically(shop: Till) -> None:
    await run(shop)
    wish = said(ResourceAutoRenewSet(account_id=ACCOUNT, resource_id="vm-1", months=1))
    refused = one(await shop.hear(wish), NotificationRequested)
    assert refused.facts["reason"] == "no_auto_renew_for_poc"


async def stop(shop: Till, at: datetime) -> tuple[ResourceEvent, RefundToCredit]:
    event = await run(shop)
    confirmed = one(await shop.hear(acted("stop_poc", at=at)), OrderConfirmed)
    stopped = happened(confirmed, before=event)
    answers = await shop.hear(stopped)
    assert one(answers, NotificationRequested).template == "poc_stopped"
    return stopped, one(answers, RefundToCredit)


async def test_stopping_gives_the_unused_value_back_to_the_poc_wallet(shop: Till) -> None:
    _, refund = await stop(shop, NOON + 20 * DAY)
    assert (refund.wallet, refund.amount, refund.reason) == ("poc", 120_000, "poc_stopped")
    assert await shop.rows("select state, poc, in_trash from resource") == [
        {"state": "suspended", "poc": "ended", "in_trash": True}
    ]
    assert await shop.rows("select ended_at from term_piece") == [{"ended_at": NOON + 20 * DAY}]


async def test_what_was_stopped_is_recovered_as_a_regular_resource(shop: Till) -> None:
    stopped, _ = await stop(shop, NOON + 20 * DAY)
    at = NOON + 22 * DAY
    from_poc = acted("recover", method="poc", days=30, at=at)
    assert await reason_of(shop, from_poc) == "action_not_for_poc"
    charge = one(await shop.hear(acted("recover", days=30, at=at)), WalletCharge)
    assert (charge.wallet, charge.amount) == ("credit", 90_000)
    confirmed = one(await shop.hear(debited(charge)), PaymentConfirmed)
    assert confirmed.items[0].poc is None
    await shop.hear(happened(confirmed, before=stopped))
    again = acted("renew", method="poc", days=1, at=at)
    assert await reason_of(shop, again) == "not_a_poc_resource"
    assert await reason_of(shop, acted("stop_poc", at=at)) == "not_a_poc_resource"


async def test_what_was_stopped_is_renewed_from_its_end_on_by_other_means(shop: Till) -> None:
    await stop(shop, NOON + 20 * DAY)
    at = NOON + 22 * DAY
    from_poc = acted("renew", method="poc", days=30, at=at)
    assert await reason_of(shop, from_poc) == "not_a_poc_resource"
    charge = one(await shop.hear(acted("renew", days=30, at=at)), WalletCharge)
    [item] = one(await shop.hear(debited(charge)), PaymentConfirmed).items
    assert (charge.wallet, item.poc, item.starts_at) == ("credit", None, NOON + 20 * DAY)


async def test_at_its_end_nothing_is_unused(shop: Till) -> None:
    event = await run(shop)
    ended = passed(
        ResourceSuspended, event, at=END, state="suspended", poc="ended", because_of="poc_ended"
    )
    answers = await shop.hear(ended)
    assert [type(answer) for answer in answers] == [NotificationRequested]
    assert one(answers, NotificationRequested).facts["refunded"] == 0


async def test_users_are_reminded_once_of_a_wallets_end_within_a_week(shop: Till) -> None:
    async def reminders(day: datetime) -> list[int]:
        answers = of_type(await shop.hear(said(TickDay(), at=day)), NotificationRequested)
        return [one.facts["days_left"] for one in answers if one.template == "poc_ends_soon"]

    assert await reminders(END - 8 * DAY) == []
    assert await reminders(END - 7 * DAY) == [7]
    assert await reminders(END - 6 * DAY) == []
    await shop.hear(granted(ends_at=END + DAY, at=END - 6 * DAY))
    assert await reminders(END - 5 * DAY) == [6]


async def test_users_are_reminded_before_what_ended_is_released(shop: Till) -> None:
    await stop(shop, NOON + 20 * DAY)
    answers = await shop.hear(said(TickDay(), at=NOON + 21 * DAY))
    notice = one(answers, NotificationRequested)
    assert notice.template == "resource_release_soon"
    assert notice.facts["released_at"] == (NOON + 27 * DAY).isoformat()


@pytest.mark.parametrize(
    "statement",
    [
        "update resource set user_type = 'postpaid'",
        "update resource set auto_renew_months = 1",
        "update resource set state = 'suspended'",
        "update resource set poc = 'ended'",
        "update purchase_order set coupon = 'SAVE'",
        "update poc_grant set ends_at = ends_at + interval '1 day'",
        "delete from poc_grant",
    ],
)
async def test_the_schema_keeps_what_a_proof_of_concept_is(shop: Till, statement: str) -> None:
    await run(shop)
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        async with shop.db.transaction():
            await shop.db.execute(statement)
