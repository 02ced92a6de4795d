"""Creating resources: ordered, paid, provisioned or given back (domain 2, 3)."""

from datetime import timedelta
from typing import Any

import pytest

from shared.messages.billing import (
    OrderConfirmed,
    OrderRejected,
    PaymentConfirmed,
    PaymentFailed,
    RefundToCredit,
)
from shared.messages.notifications import NotificationRequested
from shared.messages.wallet import WalletCharge
from tests.builders import NOON, component
from tests.integration.billing.neighbours import (
    ACCOUNT,
    DAY,
    coupon,
    created,
    debited,
    declined,
    failed,
    happened,
    item_of,
    priced,
    published,
    registered,
    switched,
)
from tests.integration.billing.till import Till, of_type, one, refusals, waits

PATIENCE_ENDED = 6
"""After so many attempts, what an order refers to counts as unknown."""


async def test_a_paid_order_is_confirmed_at_once_with_its_priced_items(till: Till) -> None:
    await till.open_shop(coupon())
    answers = await till.hear(
        created(item_of("image", "disk", days=60), order_id="ord-1", coupon="SAVE")
    )
    charge = one(answers, WalletCharge)
    assert (charge.amount, charge.account_id, charge.wallet) == (230_000, ACCOUNT, "credit")
    answers = await till.hear(debited(charge))
    confirmed = one(answers, PaymentConfirmed)
    assert (confirmed.order_id, confirmed.amount, confirmed.method) == ("ord-1", 230_000, "credit")
    [item] = confirmed.items
    assert [line.amount for line in item.lines] == [180_000, 70_000]
    assert (item.discount, item.net, item.vat, item.amount) == (20_000, 209_090, 20_910, 230_000)
    [history] = await till.rows("select outcome, amount from payment_outcome")
    assert history == {"outcome": "confirmed", "amount": 230_000}


async def test_a_provisioned_resource_completes_its_order(till: Till) -> None:
    await till.open_shop()
    confirmed = await till.pay(created(item_of("image")))
    assert await till.state() == "new"
    answers = await till.hear(happened(confirmed))
    assert [type(answer) for answer in answers] == [NotificationRequested]
    [order] = await till.rows("select state, concluded_at from purchase_order")
    assert order == {"state": "completed", "concluded_at": NOON}
    [piece] = await till.rows("select starts_at, ends_at, paid from term_piece")
    assert piece == {"starts_at": NOON, "ends_at": NOON + 30 * DAY, "paid": 90_000}
    assert await till.state() == "active"


async def test_an_order_that_credit_does_not_cover_is_cancelled_and_nothing_else_happens(
    till: Till,
) -> None:
    await till.open_shop()
    charge = one(await till.hear(created(item_of("image"), order_id="ord-1")), WalletCharge)
    answers = await till.hear(declined(charge, available=89_999))
    rejected = one(answers, OrderRejected)
    assert (rejected.order_id, rejected.reason) == ("ord-1", "insufficient_credit")
    assert one(answers, PaymentFailed).reason == "insufficient_credit"
    assert not of_type(answers, PaymentConfirmed)
    assert await till.state() == "failed"
    assert await till.hear(debited(charge), declined(charge)) == []


async def test_failed_provisioning_gives_back_what_was_paid(till: Till) -> None:
    await till.open_shop()
    confirmed = await till.pay(created(item_of("image", "disk")))
    failure = failed(confirmed)
    refund = one(await till.hear(failure), RefundToCredit)
    assert (refund.amount, refund.wallet, refund.payment_id) == (
        125_000,
        "credit",
        confirmed.payment_id,
    )
    assert await till.hear(failure) == []
    [order] = await till.rows("select state from purchase_order")
    assert order == {"state": "failed"}


async def test_failed_provisioning_gives_back_the_price_less_the_coupon_share(till: Till) -> None:
    await till.open_shop(coupon(value="150000"), priced("big", 1_000_000), priced("mid", 500_000))
    confirmed = await till.pay(
        created(item_of("big", item_id="b"), item_of("mid", item_id="a"), coupon="SAVE")
    )
    assert [(item.item_id, item.amount) for item in confirmed.items] == [
        ("b", 900_000),
        ("a", 450_000),
    ]
    answers = await till.hear(failed(confirmed, confirmed.items[1]), happened(confirmed))
    assert one(answers, RefundToCredit).amount == 450_000
    [order] = await till.rows("select state from purchase_order")
    assert order == {"state": "partially_completed"}
    [used] = await till.rows("select uses from coupon")
    assert used == {"uses": 1}


async def test_an_order_of_which_everything_failed_gives_back_its_coupon(till: Till) -> None:
    await till.open_shop(coupon(max_uses=1))
    confirmed = await till.pay(created(item_of("image"), coupon="SAVE"))
    answers = await till.hear(created(item_of("image", item_id="vm-2"), coupon="SAVE"))
    assert one(answers, OrderRejected).reason == "coupon_used_up"
    await till.hear(failed(confirmed))
    await till.pay(created(item_of("image", item_id="vm-3"), coupon="SAVE"))


async def test_an_order_that_a_coupon_pays_in_full_needs_no_payment(till: Till) -> None:
    await till.open_shop(coupon(value="100", kind="percent"))
    answers = await till.hear(created(item_of("image", "disk"), coupon="SAVE"))
    [item] = one(answers, OrderConfirmed).items
    assert (item.net, item.vat, item.amount, item.discount) == (0, 0, 0, 125_000)
    assert not of_type(answers, WalletCharge)


async def test_a_postpaid_order_goes_straight_to_provisioning(till: Till) -> None:
    await till.open_shop(switched("postpaid", at=NOON - DAY))
    answers = await till.hear(created(item_of("image")))
    [item] = one(answers, OrderConfirmed).items
    assert (item.user_type, item.amount, item.lines) == ("postpaid", 0, ())
    assert len(answers) == 1


async def test_failed_provisioning_of_a_postpaid_order_gives_nothing_back(till: Till) -> None:
    await till.open_shop(switched("postpaid", at=NOON - DAY))
    confirmed = one(await till.hear(created(item_of("image"))), OrderConfirmed)
    answers = await till.hear(failed(confirmed))
    assert not of_type(answers, RefundToCredit)
    assert await till.state() == "failed"


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ({"account_id": "nobody"}, "unknown_account"),
        ({"items": [item_of("image", product="vdb")]}, "unknown_product"),
        ({"items": [item_of("gpu")]}, "unknown_sku"),
        ({"coupon": "NONE"}, "coupon_unknown"),
    ],
)
async def test_what_is_unknown_may_still_come_and_is_rejected_after_a_while(
    till: Till, order: dict[str, Any], reason: str
) -> None:
    await till.open_shop()
    fields = {"items": [item_of("image")], **order}
    items = fields.pop("items")
    assert waits(await till.hear(created(*items, **fields))) == [reason]
    assert await till.rows("select from purchase_order") == []
    answers = await till.hear(created(*items, **fields, attempt=PATIENCE_ENDED))
    assert one(answers, OrderRejected).reason == reason
    assert len(answers) == 1


@pytest.mark.parametrize(
    ("item", "fields", "reason"),
    [
        (item_of("image", days=None), {}, "term_missing"),
        (item_of("image", ends_at=NOON), {}, "end_not_later"),
        (item_of("image", ends_at=NOON + timedelta(seconds=59)), {}, "end_not_later"),
        (item_of("image", ends_at=NOON - DAY), {}, "end_not_later"),
        (item_of("image", days=36_500), {}, "term_too_long"),
        (item_of(components=[component("huge", 2)], days=25_000), {}, "amount_too_large"),
        (item_of("large", "large too", days=25_000), {}, "amount_too_large"),
        (item_of("image"), {"coupon": "OLD"}, "coupon_expired"),
        (item_of("image"), {"coupon": "HERS"}, "coupon_not_applicable"),
        (item_of("image"), {"coupon": "OTHER"}, "coupon_not_applicable"),
        (item_of("free"), {"coupon": "SAVE"}, "coupon_not_applicable"),
    ],
)
async def test_an_order_that_breaks_a_rule_is_rejected_and_no_money_moves(
    till: Till, item: dict[str, Any], fields: dict[str, Any], reason: str
) -> None:
    await till.open_shop(
        priced("huge", 10**12, currency="VND"),
        priced("large", 700_000_000_000),
        priced("large too", 700_000_000_000),
        priced("free", 0),
        coupon(),
        coupon("OLD", valid_until=NOON),
        coupon("HERS", account_id="acc-2"),
        coupon("OTHER", products=[f"product-{number:055}" for number in range(200)]),
    )
    answers = await till.hear(created(item, **fields))
    assert one(answers, OrderRejected).reason == reason
    assert len(answers) == 1
    assert await till.rows("select from resource") == []


async def test_the_same_order_again_says_nothing(till: Till) -> None:
    await till.open_shop()
    order = created(item_of("image"), order_id="ord-1")
    assert len(await till.hear(order, created(item_of("image"), order_id="ord-1"))) == 1
    assert await till.hear(created(item_of("image"), order_id="ord-1")) == []


async def test_an_order_id_with_another_content_is_put_away(till: Till) -> None:
    await till.open_shop()
    other = created(item_of("disk"), order_id="ord-1")
    answers = await till.hear(created(item_of("image"), order_id="ord-1"), other)
    assert refusals(answers) == ["id_reused"]
    assert len(of_type(answers, WalletCharge)) == 1
    assert refusals(await till.hear(created(item_of("disk"), order_id="ord-1"))) == ["id_reused"]


async def test_an_item_id_that_is_taken_is_rejected_in_one_group_and_across_groups(
    till: Till,
) -> None:
    await till.open_shop(registered("acc-2"))
    answers = await till.hear(
        created(item_of("image")), created(item_of("image"), account_id="acc-2")
    )
    assert one(answers, OrderRejected).reason == "resource_exists"
    answers = await till.hear(created(item_of("image", resource_id="vm-9"), account_id="acc-2"))
    assert one(answers, OrderRejected).reason == "resource_exists"


async def test_one_coupon_is_used_by_the_first_orders_of_a_group(till: Till) -> None:
    await till.open_shop(coupon(max_uses=2))
    answers = await till.hear(
        *(created(item_of("image", item_id=f"vm-{number}"), coupon="SAVE") for number in range(5))
    )
    assert [charge.amount for charge in of_type(answers, WalletCharge)] == [70_000, 70_000]
    assert {rejected.reason for rejected in of_type(answers, OrderRejected)} == {"coupon_used_up"}


async def test_a_price_change_counts_from_its_date(till: Till) -> None:
    await till.open_shop(priced("image", 120_000, since=NOON + DAY))
    answers = await till.hear(
        created(item_of("image")), created(item_of("image", item_id="vm-2"), at=NOON + DAY)
    )
    assert [charge.amount for charge in of_type(answers, WalletCharge)] == [90_000, 120_000]


async def test_vat_that_is_not_included_is_added(till: Till) -> None:
    await till.open_shop(vat_included=False)
    confirmed = await till.pay(created(item_of("image", "disk")))
    assert confirmed.amount == 137_500
    assert (confirmed.items[0].net, confirmed.items[0].vat) == (125_000, 12_500)


async def test_ids_of_64_wide_characters_are_ids_like_others(till: Till) -> None:
    wide = "ü" * 63
    await till.open_shop(priced(wide + "s", 90_000), coupon(wide + "c"))
    order = created(item_of(wide + "s", item_id=wide + "i"), order_id=wide + "o", coupon=wide + "c")
    confirmed = await till.pay(order)
    assert confirmed.amount == 70_000
    assert one(await till.hear(failed(confirmed)), RefundToCredit).order_id == wide + "o"


async def test_an_order_of_200_resources_is_one_payment(till: Till) -> None:
    await till.open_shop()
    items = [item_of("image", "disk", item_id=f"vm-{number}") for number in range(200)]
    confirmed = await till.pay(created(*items))
    assert confirmed.amount == 200 * 125_000
    assert [item.item_id for item in confirmed.items] == [item["item_id"] for item in items]
    assert len(confirmed.encode()) < PaymentConfirmed.max_bytes


async def test_an_order_of_too_many_parts_is_rejected_before_it_is_paid(till: Till) -> None:
    await till.open_shop()
    items = [item_of(*["image"] * 200, item_id=f"vm-{number}") for number in range(11)]
    assert one(await till.hear(created(*items)), OrderRejected).reason == "order_too_large"


async def test_a_currency_with_smaller_units_is_charged_in_them(till: Till) -> None:
    dinar = registered("acc-2", currency="KWD")
    await till.open_shop(dinar, priced("image", "1.0005", currency="KWD"))
    answers = await till.hear(created(item_of("image"), account_id="acc-2"))
    assert one(answers, WalletCharge).amount == 1_001


async def test_failures_of_an_unknown_order_wait(till: Till) -> None:
    await till.open_shop()
    confirmed = await till.pay(created(item_of("image")))
    unknown = failed(confirmed).model_copy(update={"order_id": "none"})
    assert waits(await till.hear(unknown, failed(confirmed))) == ["unknown_order"]
    assert await till.state() == "failed"


async def test_an_action_that_the_product_lacks_is_not_allowed(till: Till) -> None:
    await till.open_shop(published(product="static", actions=["delete"], name="static"))
    answers = await till.hear(created(item_of("image", product="static")))
    assert one(answers, OrderRejected).reason == "action_not_allowed"
