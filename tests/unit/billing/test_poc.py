"""What a POC wallet pays for, and what it costs and gives back (domain 9)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.billing.domain import poc
from services.billing.domain.orders import Accepted
from services.billing.domain.purchases import Account
from services.billing.domain.rejection import Rejection
from services.billing.domain.reminders import Ending, reminder
from services.billing.domain.resources import Resource, after
from shared.messages.model import Action, PocState
from shared.messages.provisioning import ResourceSuspended
from shared.messages.upstream import OrderPlaced
from tests.builders import NOON
from tests.unit.billing.shop import DAY, catalogue, component, piece, product, resource
from tests.unit.billing.test_orders import accepted, decide, order, reason

END = NOON + 30 * DAY
GRANTED = Account("acc-1", "VND", "prepaid", poc_ends_at=END)
TRIAL = resource(piece(181_000), poc="running")


def trial(**item: Any) -> OrderPlaced:
    """An order for a trial, from the POC wallet."""
    fields = {"product": "vserver", "name": "a", "components": [component("old")], **item}
    placed = order("create", **fields)
    return OrderPlaced.model_validate({**placed.model_dump(), "payment_method": "poc"}).within(
        placed.envelope
    )


def test_without_a_term_it_ends_with_its_wallet() -> None:
    decision = decide(trial(), account=GRANTED)
    item = accepted(decision)
    assert (item.amount, item.ends_at, item.poc) == (181_000, END, "running")
    assert isinstance(decision, Accepted)
    assert decision.payment_method == "poc"


@given(st.integers(1, 60))
def test_no_term_is_longer_than_its_wallets(days: int) -> None:
    decision = decide(trial(days=days), account=GRANTED)
    if days > 30:
        assert reason(decision) == "beyond_poc_wallet"
    else:
        assert accepted(decision).ends_at == NOON + days * DAY


def test_a_debt_does_not_keep_a_trial_from_being_stopped() -> None:
    owing = replace(GRANTED, overdue_since=NOON - DAY)
    assert accepted(decide(order("stop_poc"), TRIAL, account=owing)).poc == "ended"
    assert reason(decide(trial(), account=owing)) == "account_overdue"


def test_it_is_stopped_though_its_product_names_no_such_action() -> None:
    shop = catalogue(product(actions=("create",)), old=181_000)
    assert accepted(decide(order("stop_poc"), TRIAL, shop=shop, account=GRANTED)).amount == 0


def test_a_smaller_trial_gives_back_though_its_product_does_not_refund() -> None:
    shop = catalogue(product(refundable=False), old=181_000, new=81_000)
    smaller = order("resize", components=[component("new")])
    assert accepted(decide(smaller, TRIAL, shop=shop, account=GRANTED)).amount == -100_000
    regular = replace(TRIAL, poc=None)
    assert accepted(decide(smaller, regular, shop=shop, account=GRANTED)).amount == 0


@given(st.integers(0, 40 * 24 * 60))
def test_stopping_gives_back_what_is_left_of_what_was_paid(minutes: int) -> None:
    at = NOON + timedelta(minutes=minutes)
    ended = ResourceSuspended(
        resource_id="vm-1",
        account_id="acc-1",
        user_type="prepaid",
        product="vserver",
        name="web",
        components=TRIAL.components,
        at=at,
        starts_at=NOON,
        ends_at=min(at, END),
        state="suspended",
        version=2,
        because_of="poc_ended",
        poc="ended",
    )
    change = after(TRIAL, ended, catalogue(product(refundable=False)))
    left = max(0, 30 * 24 * 60 - minutes)
    assert change.wallet == "poc"
    assert abs(change.given_back * 43_200 - 181_000 * left) <= 43_200 / 2
    assert (change.resource.pieces, change.resource.in_trash) == ((), True)


@pytest.mark.parametrize("action", ["resize", "renew"])
@pytest.mark.parametrize(
    ("state", "method", "expected"),
    [
        ("running", "poc", "poc"),
        ("running", None, "poc"),
        ("running", "credit", "poc_wallet_only"),
        ("running", "gateway", "poc_wallet_only"),
        (None, "poc", "not_a_poc_resource"),
        (None, None, "credit"),
        (None, "credit", "credit"),
    ],
)
def test_the_two_kinds_of_money_stay_apart(
    action: Action, state: PocState | None, method: str | None, expected: str
) -> None:
    item = {"components": [component("new")]} if action == "resize" else {"days": 1}
    asked = order(action, **item)
    placed = OrderPlaced.model_validate({**asked.model_dump(), "payment_method": method})
    shop = catalogue(old=181_000, new=520_000)
    account = replace(GRANTED, poc_ends_at=END + 30 * DAY)
    decision = decide(
        placed.within(asked.envelope), replace(TRIAL, poc=state), shop=shop, account=account
    )
    if isinstance(decision, Accepted):
        assert decision.payment_method == expected
        assert decision.items[0].poc == ("running" if expected == "poc" else None)
    else:
        assert decision.reason == expected


def test_what_ended_is_renewable_until_its_release_whatever_its_policy() -> None:
    shop = catalogue(product(expiry_policy="trash"), old=181_000)
    ended: Resource = replace(TRIAL, poc="ended", state="suspended", in_trash=True, pieces=())
    item = accepted(decide(order("renew", END + DAY, days=30), ended, shop=shop, account=GRANTED))
    assert (item.starts_at, item.poc) == (END, None)
    assert isinstance(poc.refused(order("recover"), GRANTED), Rejection)


@pytest.mark.parametrize(("trash_days", "kept"), [(0, 7), (3, 3)])
def test_users_are_told_until_when_what_ended_is_kept(trash_days: int, kept: int) -> None:
    ended = Ending("acc-1", "vm-1", "vserver", "web", "suspended", END, None, poc="ended")
    template, facts = reminder(ended, product(trash_days=trash_days), END + DAY)
    assert template == "resource_release_soon"
    assert facts["released_at"] == (END + kept * DAY).isoformat()
