"""Use-priced products of prepaid users: credit is held before they are provisioned (domain 8)."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from shared.messages import Said
from shared.messages.billing import OrderConfirmed, OrderRejected, PaymentCollect
from shared.messages.notifications import NotificationRequested
from shared.messages.provisioning import ResourceSuspended
from shared.messages.upstream import OrderPlaced
from shared.messages.wallet import (
    WalletCharge,
    WalletDeclined,
    WalletHeld,
    WalletHold,
    WalletRelease,
)
from tests.builders import NOON, said
from tests.conftest import OpenDatabase
from tests.integration.billing.neighbours import (
    ACCOUNT,
    DAY,
    acted,
    coupon,
    created,
    failed,
    happened,
    item_of,
    passed,
    priced,
    published,
    switched,
)
from tests.integration.billing.till import Till, of_type, one


@pytest.fixture
async def till(open_database: OpenDatabase) -> AsyncIterator[Till]:
    """A till with a use-priced product: a node costs 9,000,000 for 30 days, 900,000 for 3."""
    async with open_database("billing") as db:
        till = Till(db)
        await till.open_shop(
            published(product="vcontainer", name="vContainer", use_priced=True),
            priced("node", 9_000_000, product="vcontainer"),
        )
        yield till


def node(item_id: str = "node-1", **fields: Any) -> dict[str, Any]:
    """An item that creates a node, without a term."""
    return item_of("node", item_id=item_id, **{"product": "vcontainer", "days": None} | fields)


def held(command: WalletHold) -> WalletHeld:
    """The wallet holds what it was asked to."""
    return WalletHeld(**_answer(command, available=0)).because(command)


def declined(command: WalletHold, available: int = 0) -> WalletDeclined:
    """The wallet had not enough to hold."""
    return WalletDeclined(**_answer(command, available=available)).because(command)


def _answer(command: WalletHold, available: int) -> dict[str, Any]:
    return {
        "account_id": command.account_id,
        "wallet": "credit",
        "amount": command.amount,
        "balance": command.amount + available,
        "held": command.amount,
        "available": available,
        "reason": command.reason,
        "reference": command.hold_id,
        "change_id": command.change_id,
    }


def rejection(answers: list[Said]) -> str:
    """Why an order was rejected."""
    return one(answers, OrderRejected).reason


async def order_state(till: Till) -> list[str]:
    """The states of all orders, oldest first."""
    rows = await till.rows("select state from purchase_order order by recorded_at, order_id")
    return [row["state"] for row in rows]


async def test_an_order_waits_until_three_days_are_held_for_each_resource(till: Till) -> None:
    answers = await till.hear(created(node("a"), node("b"), order_id="ord"))
    asked = of_type(answers, WalletHold)
    assert [(hold.hold_id, hold.amount) for hold in asked] == [("a", 900_000), ("b", 900_000)]
    assert not of_type(answers, OrderConfirmed)
    assert not of_type(answers, WalletCharge)
    assert await till.hear(held(asked[1])) == []
    assert await order_state(till) == ["awaiting_hold"]
    confirmed = one(await till.hear(held(asked[0])), OrderConfirmed)
    assert [(item.user_type, item.held, item.ends_at) for item in confirmed.items] == [
        ("postpaid", 900_000, None)
    ] * 2
    assert await order_state(till) == ["provisioning"]
    await till.hear(*(happened(confirmed, item=item) for item in confirmed.items))
    assert await order_state(till) == ["completed"]


async def test_answers_that_come_again_confirm_nothing_twice(till: Till) -> None:
    asked = one(await till.hear(created(node())), WalletHold)
    assert len(of_type(await till.hear(held(asked), held(asked)), OrderConfirmed)) == 1
    assert await till.hear(held(asked)) == []
    assert await till.hear(declined(asked)) == []


async def test_the_estimate_takes_the_discount_and_the_vat_of_the_account(till: Till) -> None:
    await till.hear(
        published(product="vcontainer", use_priced=True, vat_included=False, at=NOON - DAY)
    )
    asked = one(await till.hear(created(node())), WalletHold)
    assert asked.amount == 990_000, "what is held is what an invoice would ask for"


async def test_too_little_credit_rejects_the_order_and_frees_what_was_held(till: Till) -> None:
    first, second, third = of_type(
        await till.hear(created(node("a"), node("b"), node("c"))), WalletHold
    )
    await till.hear(held(first))
    answers = await till.hear(declined(second, available=100_000))
    assert rejection(answers) == "insufficient_credit"
    freed = one(answers, WalletRelease)
    assert (freed.hold_id, freed.change_id > first.change_id) == ("a", True)
    notice = one(answers, NotificationRequested)
    assert notice.template == "hold_short"
    assert notice.facts["missing"] == 800_000
    late = await till.hear(held(third))
    assert [release.hold_id for release in of_type(late, WalletRelease)] == ["c"]
    assert await order_state(till) == ["cancelled"]
    assert await till.state("a") == "failed"


async def test_all_answers_in_one_group_reject_and_free_the_same(till: Till) -> None:
    first, second = of_type(await till.hear(created(node("a"), node("b"))), WalletHold)
    answers = await till.hear(held(first), declined(second))
    assert rejection(answers) == "insufficient_credit"
    assert [release.hold_id for release in of_type(answers, WalletRelease)] == ["a"]


async def test_failed_provisioning_frees_its_hold_and_no_other(till: Till) -> None:
    first, second = of_type(await till.hear(created(node("a"), node("b"))), WalletHold)
    confirmed = one(await till.hear(held(first), held(second)), OrderConfirmed)
    answers = await till.hear(failed(confirmed), happened(confirmed, item=confirmed.items[1]))
    assert [release.hold_id for release in of_type(answers, WalletRelease)] == ["a"]
    assert await order_state(till) == ["partially_completed"]
    assert not of_type(await till.hear(failed(confirmed)), WalletRelease)


async def test_what_only_a_meter_knows_is_not_estimated_and_waits_for_nothing(till: Till) -> None:
    meters = {"traffic": {"sku": "gb", "aggregation": "cumulative"}}
    await till.hear(
        published(product="bandwidth", meters=meters),
        priced("gb", 1_000, product="bandwidth"),
    )
    answers = await till.hear(created(item_of("gb", product="bandwidth", days=None)))
    confirmed = one(answers, OrderConfirmed)
    assert [(item.user_type, item.held) for item in confirmed.items] == [("postpaid", 0)]
    assert not of_type(answers, WalletHold)


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (created(node(days=30)), "not_for_use_priced"),
        (created(node(ends_at=NOON + DAY)), "not_for_use_priced"),
        (created(node(auto_renew_months=1)), "not_for_use_priced"),
        (created(node(), payment_method="gateway"), "not_for_use_priced"),
        (created(node(), item_of("image", item_id="vm")), "mixed_billing"),
        (created(node(), coupon="SAVE"), "coupon_not_applicable"),
    ],
)
async def test_what_does_not_go_with_use_is_rejected(
    till: Till, order: OrderPlaced, reason: str
) -> None:
    await till.hear(coupon(products=["vserver", "vcontainer"]))
    again = said(OrderPlaced(**order.model_dump()), at=NOON)
    assert rejection(await till.hear(again)) == reason
    assert await till.rows("select 1 from order_hold") == []


async def test_a_resource_paid_by_use_can_not_be_renewed(till: Till) -> None:
    asked = one(await till.hear(created(node())), WalletHold)
    await till.hear(happened(one(await till.hear(held(asked)), OrderConfirmed)))
    answers = await till.hear(acted("renew", "node-1", days=30))
    assert rejection(answers) == "not_for_postpaid"


async def test_a_postpaid_user_needs_no_hold(till: Till) -> None:
    await till.hear(switched("postpaid", at=NOON - DAY))
    confirmed = one(await till.hear(created(node())), OrderConfirmed)
    assert [item.held for item in confirmed.items] == [None]


async def test_what_is_suspended_for_its_hold_can_be_deleted_but_not_resized(till: Till) -> None:
    asked = one(await till.hear(created(node())), WalletHold)
    event = happened(one(await till.hear(held(asked)), OrderConfirmed))
    await till.hear(event)
    suspended = passed(
        ResourceSuspended, event, at=NOON + DAY, state="suspended", because_of="hold_short"
    )
    await till.hear(suspended)
    smaller = acted("resize", "node-1", at=NOON + DAY, components=[{"sku": "x", "quantity": "1"}])
    assert rejection(await till.hear(smaller)) == "wrong_state"
    recovered = acted("recover", "node-1", at=NOON + DAY, days=30)
    assert rejection(await till.hear(recovered)) == "not_for_postpaid"
    assert of_type(await till.hear(acted("delete", "node-1", at=NOON + DAY)), OrderConfirmed)


async def test_the_hold_of_an_invoice_is_passed_on_to_the_wallet(till: Till) -> None:
    collect = PaymentCollect(
        payment_id="pay-1",
        invoice_id="inv-1",
        account_id=ACCOUNT,
        amount=500,
        method="credit",
        as_far_as_possible=True,
        hold_id="node-1",
        change_id="change-7",
    )
    charge = one(await till.hear(said(collect, at=NOON)), WalletCharge)
    assert (charge.hold_id, charge.change_id, charge.amount) == ("node-1", "change-7", 500)


async def test_an_answer_of_the_wallet_is_kept_as_it_was_given(till: Till) -> None:
    asked = one(await till.hear(created(node())), WalletHold)
    await till.hear(held(asked))
    for statement in (
        "update order_hold set outcome = 'declined'",
        "update order_hold set amount = 1",
        "delete from order_hold",
    ):
        with pytest.raises(asyncpg.RestrictViolationError):
            async with till.db.transaction():
                await till.db.execute(statement)
