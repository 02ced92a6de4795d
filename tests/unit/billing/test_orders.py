"""What may be ordered; and no series of actions gives back more than was paid (domain 5, 6)."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.billing.domain.catalogue import Catalogue
from services.billing.domain.coupons import Coupon
from services.billing.domain.orders import Accepted, Desk
from services.billing.domain.purchases import Account
from services.billing.domain.rejection import Rejection
from services.billing.domain.resources import Resource, after
from shared.messages.items import PricedItem
from shared.messages.model import Action
from shared.messages.provisioning import (
    ResourceDeleted,
    ResourceEvent,
    ResourceProvisioned,
    ResourceRenewed,
    ResourceResized,
)
from shared.messages.upstream import OrderPlaced
from tests.builders import NOON, said
from tests.unit.billing.shop import DAY, catalogue, component, piece, product, resource

SHOP = catalogue(old=181_000, new=520_000)
PREPAID = Account("acc-1", "VND", "prepaid")


def order(
    action: Action, at: datetime = NOON, coupon: str | None = None, **item: Any
) -> OrderPlaced:
    item.setdefault("item_id", "vm-1")
    if action != "create":
        item.setdefault("resource_id", "vm-1")
    fields = {"order_id": "ord-1", "account_id": "acc-1", "action": action, "items": [item]}
    return said(OrderPlaced.model_validate({**fields, "coupon": coupon}), at=at)


def decide(
    placed: OrderPlaced,
    *known: Resource,
    shop: Catalogue = SHOP,
    account: Account = PREPAID,
    coupon: Coupon | None = None,
) -> Accepted | Rejection:
    desk = Desk(
        {placed.order_id: account},
        shop,
        {one.resource_id: one for one in known},
        {coupon.code: coupon} if coupon else {},
        {(one.resource_id, "poc" if one.poc else "credit"): 10**9 for one in known},
    )
    return desk.accept(placed)


def accepted(decision: Accepted | Rejection) -> PricedItem:
    assert isinstance(decision, Accepted), decision
    return decision.items[0]


def reason(decision: Accepted | Rejection) -> str:
    assert isinstance(decision, Rejection), decision
    return decision.reason


def test_creating_two_components_for_sixty_days_less_a_coupon() -> None:
    shop = catalogue(image=90_000, disk=35_000)
    save = Coupon("SAVE", "amount", Decimal(20_000), ("vserver",), NOON + DAY, None, None)
    parts = [component("image"), component("disk")]
    placed = order("create", coupon="SAVE", product="vserver", name="a", components=parts, days=60)
    assert accepted(decide(placed, shop=shop, coupon=save)).amount == 230_000


def test_resizing_with_fifty_days_left() -> None:
    eighty = resource(piece(482_667, days=80))
    larger = order("resize", NOON + 30 * DAY, components=[component("new")])
    assert accepted(decide(larger, eighty)).amount == 565_000
    big = replace(resource(piece(1_386_667, days=80)), components=(component("new"),))
    smaller = order("resize", NOON + 30 * DAY, components=[component("old")])
    item = accepted(decide(smaller, big))
    assert [line.amount for line in item.lines] == [301_667, -866_667]
    assert item.amount == -565_000


def test_with_three_minutes_left_the_two_values_are_rounded_before_they_are_subtracted() -> None:
    running = resource(piece(181_000))
    last = order("resize", NOON + 30 * DAY - timedelta(minutes=3), components=[component("new")])
    assert accepted(decide(last, running)).amount == 36 - 13


def test_renewing_for_sixty_days() -> None:
    item = accepted(decide(order("renew", days=60), resource(piece(181_000))))
    assert (item.amount, item.starts_at) == (362_000, NOON + 30 * DAY)


@pytest.mark.parametrize("policy", ["grace", "trash"])
def test_until_when_what_has_ended_is_renewed(policy: str) -> None:
    shop = catalogue(product(expiry_policy=policy), old=181_000)
    ended = resource(piece(181_000))
    end = NOON + 30 * DAY
    last = end if policy == "trash" else end + 30 * DAY
    minute = timedelta(minutes=1)
    accepted(decide(order("renew", last - minute, days=60), ended, shop=shop))
    assert reason(decide(order("renew", last, days=60), ended, shop=shop)) == "resource_expired"


@pytest.mark.parametrize("action", ["renew", "recover"])
def test_a_postpaid_account_and_a_postpaid_resource_have_no_term(action: Action) -> None:
    in_trash = resource(piece(1), state="suspended", in_trash=True)
    postpaid = replace(PREPAID, user_type="postpaid")
    assert reason(decide(order(action, days=30), in_trash, account=postpaid)) == "not_for_postpaid"
    used = replace(in_trash, user_type="postpaid")
    assert reason(decide(order(action, days=30), used)) == "not_for_postpaid"


def test_orders_of_one_group_see_what_those_before_them_took() -> None:
    coupon = Coupon("SAVE", "amount", Decimal(1), ("vserver",), NOON + DAY, None, 1)
    desk = Desk({"ord-1": PREPAID}, SHOP, {}, {"SAVE": coupon})
    item: dict[str, Any] = {
        "product": "vserver",
        "name": "a",
        "components": [component("old")],
        "days": 30,
    }
    accepted(desk.accept(order("create", coupon="SAVE", **item)))
    assert reason(desk.accept(order("create", **item))) == "resource_exists"
    again = order("create", coupon="SAVE", **{**item, "item_id": "vm-2"})
    assert reason(desk.accept(again)) == "coupon_used_up"


_EVENTS: dict[str, type[ResourceEvent]] = {
    "create": ResourceProvisioned,
    "resize": ResourceResized,
    "renew": ResourceRenewed,
    "delete": ResourceDeleted,
}


def event(placed: OrderPlaced, item: PricedItem, before: Resource) -> ResourceEvent:
    ends_at = before.ends_at
    if item.days is not None:
        ends_at = (item.starts_at or placed.time) + timedelta(days=item.days)
    told = _EVENTS[item.action].model_validate(
        {
            "resource_id": "vm-1",
            "account_id": "acc-1",
            "user_type": "prepaid",
            "product": "vserver",
            "name": "web",
            "order_id": placed.order_id,
            "item_id": item.item_id,
            "components": item.components,
            "at": placed.time,
            "starts_at": before.starts_at or placed.time,
            "ends_at": ends_at,
            "state": "suspended" if item.action == "delete" else "active",
            "version": before.version + 1,
            "item": item,
        }
    )
    return said(told, at=placed.time)


steps = st.tuples(
    st.sampled_from(["resize", "renew"]),
    st.integers(0, 60 * 60 * 24 * 20),
    st.integers(1, 5),
    st.integers(1, 400),
    st.decimals(0, 100, places=2),
)


@settings(max_examples=60)
@given(
    st.lists(steps, max_size=6),
    st.lists(st.integers(0, 10**7), min_size=6, max_size=6),
    st.integers(0, 10**8),
)
def test_no_series_of_actions_gives_back_more_than_was_paid(
    series: list[tuple[Action, int, int, int, Decimal]], prices: list[int], until_deletion_s: int
) -> None:
    """Created, resized and renewed at changing prices, with coupons, and then deleted."""
    shop = catalogue(prices={f"sku{number}": of for number, of in enumerate(prices)})
    now = replace(resource(), version=0, state="new", pieces=(), starts_at=None, ends_at=None)
    first: dict[str, Any] = {"product": "vserver", "name": "a", "days": 30}
    at, paid = NOON, 0
    plan: list[tuple[OrderPlaced, Decimal]] = [
        (order("create", coupon="SAVE", components=[component("sku0")], **first), Decimal(30))
    ]
    for action, seconds, sku, days, off in series:
        at += timedelta(seconds=seconds)
        item: dict[str, Any] = (
            {"components": [component(f"sku{sku}", days)]} if action == "resize" else {"days": days}
        )
        plan.append((order(action, at, coupon="SAVE" if off else None, **item), off))
    plan.append((order("delete", at + timedelta(seconds=until_deletion_s)), Decimal(0)))
    for placed, off in plan:
        coupon = Coupon("SAVE", "percent", off, ("vserver",), NOON + 10_000 * DAY, None, None)
        known = () if placed.action == "create" else (now,)
        decision = decide(placed, *known, shop=shop, coupon=coupon)
        if isinstance(decision, Rejection):
            continue
        item_of = decision.items[0]
        change = after(now, event(placed, item_of, now), shop)
        paid += max(0, item_of.amount) - change.given_back
        now = change.resource
        left = sum(one.unused_value(placed.time) for one in now.pieces)
        assert 0 <= left <= paid
        assert item_of.net + item_of.vat == item_of.amount
    assert now.pieces == () or now.state != "suspended"
