"""What the states of a resource allow, and what is in force when (domain 5, 7)."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from services.provisioning.domain.catalogue import Catalogue, ProductVersion, Switch, UserTypes
from services.provisioning.domain.requests import Asked
from services.provisioning.domain.resources import Resource, State, fulfil, is_possible
from shared.messages.items import PricedItem
from shared.messages.model import Action, UserType
from tests.builders import NOON, component

DAY = timedelta(days=1)
END = NOON + 30 * DAY


def _resource(state: State = "active", **fields: Any) -> Resource:
    prepaid = Resource(
        resource_id="vm-1",
        account_id="acc-1",
        product="vserver",
        name="web",
        user_type="prepaid",
        state=state,
        components=(component(),),
        starts_at=NOON,
        ends_at=END,
        version=1,
        next_step="expire",
        next_due_at=END,
    )
    return replace(prepaid, **fields)


def _item(action: Action, user_type: UserType = "prepaid", **fields: Any) -> PricedItem:
    if "ends_at" not in fields:
        fields.setdefault("days", 30)
    return PricedItem.model_validate(
        {
            "item_id": "item-1",
            "resource_id": "vm-1",
            "action": action,
            "product": "vserver",
            "name": "web",
            "user_type": user_type,
            "currency": "VND",
            "components": (component("cpu", 4),),
            **fields,
        }
    )


ALLOWED: dict[State, set[Action]] = {
    "new": {"create"},
    "active": {"resize", "renew", "delete", "stop", "reboot"},
    "stopped": {"resize", "renew", "delete", "start", "reboot"},
    "suspended": {"recover"},
    "deleted": set(),
    "failed": set(),
}
ACTIONS: tuple[Action, ...] = (
    "create",
    "resize",
    "renew",
    "recover",
    "delete",
    "stop",
    "start",
    "reboot",
)


@pytest.mark.parametrize("state", ALLOWED)
@pytest.mark.parametrize("action", ACTIONS)
def test_a_state_allows_its_actions_and_no_others(state: State, action: Action) -> None:
    suspended_by = "deletion" if state == "suspended" else None
    resource = _resource(state, suspended_by=suspended_by)
    possible = is_possible(_item(action), "acc-1", resource, NOON + DAY)
    assert possible == (action in ALLOWED[state])


@pytest.mark.parametrize(
    ("suspended_by", "asked_at", "renewable", "recoverable"),
    [
        ("grace_policy", END + 20 * DAY, True, False),
        ("trash_policy", END + DAY, False, True),
        ("trash_policy", END - DAY, True, True),
        ("deletion", END - DAY, False, True),
        ("poc_ended", END + DAY, True, True),
    ],
)
def test_what_is_suspended_is_renewed_or_recovered_by_why_it_is(
    suspended_by: str, asked_at: datetime, renewable: bool, recoverable: bool
) -> None:
    poc = "ended" if suspended_by == "poc_ended" else None
    resource = _resource("suspended", suspended_by=suspended_by, poc=poc)
    assert is_possible(_item("renew"), "acc-1", resource, asked_at) == renewable
    assert is_possible(_item("recover"), "acc-1", resource, asked_at) == recoverable


@pytest.mark.parametrize("state", ALLOWED)
@pytest.mark.parametrize("poc", ["running", None])
def test_only_a_running_proof_of_concept_is_stopped(state: State, poc: str | None) -> None:
    suspended_by = "deletion" if state == "suspended" else None
    resource = _resource(state, suspended_by=suspended_by, poc=poc)
    possible = is_possible(_item("stop_poc", poc="ended"), "acc-1", resource, NOON + DAY)
    assert possible == (poc == "running" and state in ("active", "stopped"))


@pytest.mark.parametrize(
    ("poc", "item_poc", "asked_at", "possible"),
    [
        (None, None, END - DAY, True),
        (None, "running", END - DAY, False),
        ("running", "running", END - DAY, True),
        ("running", None, END - DAY, False),
        ("ended", None, END + DAY, True),
        ("ended", "running", END + DAY, False),
        ("ended", "running", END - DAY, True),
    ],
)
def test_a_proof_of_concept_is_renewed_as_one_only_before_its_end(
    poc: str | None, item_poc: str | None, asked_at: datetime, possible: bool
) -> None:
    where = {"state": "suspended", "suspended_by": "poc_ended"} if poc == "ended" else {}
    resource = replace(_resource(poc=poc), **where)  # type: ignore[arg-type]
    assert is_possible(_item("renew", poc=item_poc), "acc-1", resource, asked_at) == possible


def test_a_postpaid_resource_is_neither_renewed_nor_recovered() -> None:
    running = _resource(user_type="postpaid", ends_at=None)
    assert not is_possible(_item("renew"), "acc-1", running, NOON + DAY)
    trashed = _resource("suspended", suspended_by="deletion", user_type="postpaid", ends_at=None)
    assert not is_possible(_item("recover"), "acc-1", trashed, NOON + DAY)


def test_what_has_ended_is_not_resized() -> None:
    assert not is_possible(_item("resize"), "acc-1", _resource(), END)
    assert is_possible(_item("resize"), "acc-1", _resource(), END - DAY)
    assert not is_possible(_item("resize", components=()), "acc-1", _resource(), END - DAY)


def test_a_term_that_is_over_before_it_begins_is_not_asked_for() -> None:
    new = _resource("new", starts_at=None, ends_at=None, version=0)
    assert not is_possible(_item("create", ends_at=NOON), "acc-1", new, NOON)
    assert not is_possible(_item("create", days=None), "acc-1", new, NOON)


def test_another_account_or_product_is_not_possible() -> None:
    assert not is_possible(_item("stop"), "acc-2", _resource(), NOON + DAY)
    assert not is_possible(_item("stop", product="vdb"), "acc-1", _resource(), NOON + DAY)


def test_a_suspended_resource_that_is_renewed_is_switched_on_again() -> None:
    resource = _resource("suspended", suspended_by="grace_policy", next_step="release")
    change = fulfil(_item("renew"), resource, END + 20 * DAY, trash_days=0)
    assert change is not None
    assert (change.resource.state, change.follow_up) == ("active", "start")
    assert (change.resource.next_step, change.resource.next_due_at) == ("expire", END + 30 * DAY)


def _version(effective: int, published: int, driver: str) -> ProductVersion:
    return ProductVersion(
        product="vserver",
        effective_from=NOON + effective * DAY,
        published_at=NOON + published * DAY,
        message_id=driver,
        driver=driver,
        driver_options="{}",
        expiry_policy="grace",
        trash_days=0,
        metered=False,
    )


@pytest.mark.parametrize("arrival", list(permutations(range(3))))
def test_the_version_in_force_does_not_depend_on_the_order_of_arrival(
    arrival: tuple[int, ...],
) -> None:
    versions = [_version(0, 0, "first"), _version(5, 1, "second"), _version(5, 2, "corrected")]
    catalogue = Catalogue(versions[number] for number in arrival)
    found = [catalogue.find("vserver", NOON + days * DAY) for days in (-1, 0, 4, 5, 9)]
    drivers = [version.driver if version else None for version in found]
    assert drivers == [None, "first", "first", "corrected", "corrected"]


@pytest.mark.parametrize("arrival", list(permutations(range(2))))
def test_an_account_is_prepaid_until_it_is_switched_and_from_that_instant_on(
    arrival: tuple[int, ...],
) -> None:
    switches = [
        ("acc-1", Switch(NOON, "a", "postpaid")),
        ("acc-1", Switch(NOON + DAY, "b", "prepaid")),
    ]
    user_types = UserTypes(switches[number] for number in arrival)
    instants = (NOON - DAY, NOON, NOON + DAY / 2, NOON + DAY)
    assert [user_types.at("acc-1", instant) for instant in instants] == [
        "prepaid",
        "postpaid",
        "postpaid",
        "prepaid",
    ]
    assert user_types.find_last("acc-1") == switches[1][1]
    assert user_types.at("acc-2", NOON) == "prepaid"


@pytest.mark.parametrize(("told", "counts"), [(-1, NOON), (1, NOON + DAY), (3, NOON + 2 * DAY)])
def test_a_team_did_it_neither_before_it_was_asked_nor_after_it_told(
    told: int, counts: datetime
) -> None:
    asked = Asked(
        request_id="r-1",
        resource_id="vm-1",
        account_id="acc-1",
        action="create",
        order=None,
        correlation_id=None,
        driver="message",
        asked_at=NOON,
    )
    assert asked.answered_at(NOON + told * DAY, told_at=NOON + 2 * DAY) == counts
