"""A resource's life as a whole: laws that hold whatever users, teams and ticks do."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from services.provisioning.domain.catalogue import Catalogue, ProductVersion, Switch, UserTypes
from services.provisioning.domain.requests import Asked, Order, new_resource
from services.provisioning.domain.resources import Resource
from services.provisioning.drivers import Failed, Succeeded
from services.provisioning.work import Work
from shared.messages import Message
from shared.messages.billing import OrderConfirmed
from shared.messages.items import PricedItem
from shared.messages.product_teams import ProductFailed
from shared.messages.provisioning import ProvisioningFailed, ResourceEvent
from shared.messages.scheduler import TickMinute
from tests.builders import NOON, component, said

DAY = timedelta(days=1)
Policy = Literal["trash", "grace"]


@dataclass
class House:
    """Provisioning without a database: what a handler would load and save is kept here."""

    driver: str = "simulated"
    policy: Policy = "grace"
    trash_days: int = 3
    switches: list[tuple[str, Switch]] = field(default_factory=list)
    resources: dict[str, Resource] = field(default_factory=dict)
    requests: dict[str, Asked] = field(default_factory=dict)
    told: list[Message] = field(default_factory=list)

    @property
    def events(self) -> list[ResourceEvent]:
        return [one for one in self.told if isinstance(one, ResourceEvent)]

    @property
    def failures(self) -> list[ProvisioningFailed]:
        return [one for one in self.told if isinstance(one, ProvisioningFailed)]

    def _work(self) -> Work:
        version = ProductVersion(
            product="vserver",
            effective_from=NOON - DAY,
            published_at=NOON - DAY,
            message_id="m",
            driver=self.driver,
            driver_options="{}",
            expiry_policy=self.policy,
            trash_days=self.trash_days,
            metered=False,
        )
        return Work(
            self.resources, Catalogue([version]), UserTypes(self.switches), timedelta(days=7)
        )

    def _save(self, work: Work) -> None:
        self.resources |= work.changed
        self.requests |= work.requests
        self.told += [one for one in work.said if isinstance(one, Message)]

    def order(self, item: PricedItem, order_id: str, at: datetime) -> bool:
        """Confirm an order; False where it has to wait."""
        order = Order(order_id, item, None)
        if item.action == "create":
            self.resources.setdefault(item.resource_id, new_resource(order, "acc-1"))
        work = self._work()
        if work.waits_for([order]):
            return False
        cause = said(
            OrderConfirmed(
                order_id=order_id, account_id="acc-1", action=item.action, items=(item,)
            ),
            at=at,
        )
        work.order(order, "acc-1", cause)
        self._save(work)
        return True

    def answer(self, asked: Asked, succeeds: bool, at: datetime) -> None:
        work = self._work()
        cause = said(ProductFailed(request_id=asked.request_id, reason="x"), at=at)
        work.answer(asked, Succeeded(at) if succeeds else Failed("full", at), cause)
        self._save(work)

    def tick(self, at: datetime) -> None:
        work = self._work()
        cause = said(TickMinute(), at=at)
        for asked in self.requests.values():
            if asked.outcome is None and asked.deadline is not None and asked.deadline < at:
                work.time_out(asked, cause)
        for resource_id in self.resources:
            work.pass_time(resource_id, at, cause)
        self._save(work)

    def switch(self, to: Literal["prepaid", "postpaid"], at: datetime) -> None:
        switch = Switch(at, "m", to)
        self.switches.append(("acc-1", switch))
        work = self._work()
        for resource_id in self.resources:
            work.switch(resource_id, switch, said(TickMinute(), at=at))
        self._save(work)

    def check(self) -> None:
        """What the schema guarantees too, and what listeners rely on."""
        for resource in self.resources.values():
            versions = [
                one.version for one in self.events if one.resource_id == resource.resource_id
            ]
            assert versions == list(range(1, resource.version + 1))
            assert (resource.state == "suspended") == (resource.suspended_by is not None)
            assert (resource.next_step is None) == (resource.next_due_at is None)
            if resource.state in ("active", "stopped"):
                assert (resource.ends_at is not None) == (resource.user_type == "prepaid")
                assert (resource.next_step is not None) == (resource.ends_at is not None)
            if resource.state in ("new", "failed", "deleted"):
                assert resource.next_step is None
            if resource.poc is not None:
                assert resource.user_type == "prepaid"
                has_ended = resource.state in ("suspended", "deleted")
                assert (resource.poc == "ended") == has_ended
            assert (resource.suspended_by == "poc_ended") == (
                resource.poc == "ended" and resource.state == "suspended"
            )
            open_ones = [
                one.request_id
                for one in self.requests.values()
                if one.resource_id == resource.resource_id
                and one.order is not None
                and one.outcome is None
            ]
            assert open_ones == ([resource.open_request] if resource.open_request else [])


def _item(
    action: str, number: int, user_type: str = "prepaid", days: int = 30, poc: str | None = None
) -> PricedItem:
    if action == "renew_poc":
        action, poc = "renew", "running"
    fields: dict[str, Any] = {"components": (component("cpu", number + 1),), "poc": poc}
    if action in ("create", "renew", "recover") and user_type == "prepaid":
        fields["days"] = days
    return PricedItem.model_validate(
        {
            "item_id": "vm-1" if action == "create" else f"item-{number}",
            "resource_id": "vm-1",
            "action": action,
            "product": "vserver",
            "name": "web",
            "user_type": user_type,
            "currency": "VND",
            **fields,
        }
    )


ACTIONS = (
    "resize",
    "renew",
    "renew_poc",
    "recover",
    "delete",
    "stop",
    "start",
    "reboot",
    "stop_poc",
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(ACTIONS), st.integers(0, 40), st.integers(1, 60)),
        st.tuples(st.sampled_from(["tick"]), st.integers(0, 40), st.just(0)),
    ),
    max_size=12,
)


def _play(
    house: House, steps: Sequence[tuple[str, int, int]], poc: str | None, *, ticks: bool
) -> None:
    at = NOON
    house.order(_item("create", 0, poc=poc), "ord-0", at)
    for number, (what, days_later, term) in enumerate(steps, start=1):
        at += days_later * DAY
        if what == "tick":
            if ticks:
                house.tick(at)
        else:
            house.order(_item(what, number, days=term), f"ord-{number}", at)
    house.tick(at + 200 * DAY)


@given(
    steps=STEPS,
    policy=st.sampled_from(["trash", "grace"]),
    trash_days=st.integers(0, 7),
    poc=st.sampled_from([None, "running"]),
)
@settings(max_examples=150, deadline=None)
def test_missed_ticks_make_no_difference(
    steps: Sequence[tuple[str, int, int]], policy: Policy, trash_days: int, poc: str | None
) -> None:
    ticking = House(policy=policy, trash_days=trash_days)
    missing = House(policy=policy, trash_days=trash_days)
    _play(ticking, steps, poc, ticks=True)
    _play(missing, steps, poc, ticks=False)
    assert ticking.resources == missing.resources
    assert [_content(one) for one in ticking.told] == [_content(one) for one in missing.told]
    ticking.check()
    _assert_once_a_poc(ticking)


def _assert_once_a_poc(house: House) -> None:
    """What is no proof of concept any more never is again, and none is used as postpaid."""
    states = [event.poc for event in house.events]
    running = [number for number, state in enumerate(states) if state == "running"]
    assert running == list(range(len(running)))
    assert all(event.user_type == "prepaid" for event in house.events if event.poc)


def _content(event: Message) -> tuple[str, dict[str, Any], datetime]:
    """All but the ids in the envelope, which differ with what caused it."""
    return event.type, event.model_dump(), event.time


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from([*ACTIONS, "succeed", "fail", "tick", "to_postpaid", "to_prepaid"]),
            st.integers(0, 30 * 24 * 60),
        ),
        max_size=20,
    ),
    policy=st.sampled_from(["trash", "grace"]),
    user_type=st.sampled_from(["prepaid", "postpaid"]),
    is_poc=st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_each_item_ends_in_exactly_one_of_an_event_or_a_failure(
    steps: Sequence[tuple[str, int]], policy: Policy, user_type: str, is_poc: bool
) -> None:
    house = House(driver="message", policy=policy)
    at = NOON
    if user_type == "postpaid":
        house.switch("postpaid", at - DAY)
    poc = "running" if is_poc and user_type == "prepaid" else None
    house.order(_item("create", 0, user_type, poc=poc), "ord-0", at)
    for number, (what, minutes) in enumerate(steps, start=1):
        at += timedelta(minutes=minutes)
        asked = [one for one in house.requests.values() if one.asked_at <= at]
        match what:
            case "succeed" | "fail":
                if asked:
                    house.answer(asked[minutes % len(asked)], what == "succeed", at)
            case "tick":
                house.tick(at)
            case "to_postpaid" | "to_prepaid":
                house.switch("postpaid" if what == "to_postpaid" else "prepaid", at)
            case action:
                house.order(_item(action, number), f"ord-{number}", at)
        house.check()
    house.tick(at + DAY)
    house.check()
    for one in house.requests.values():
        assert one.outcome is not None or one.order is None
        if one.order is not None:
            item_id = one.order.item.item_id
            ends = [event.item_id for event in house.events if event.item_id == item_id]
            failed = [failure.item_id for failure in house.failures if failure.item_id == item_id]
            late_deletion = one.action == "delete" and len(ends) == len(failed) == 1
            assert len(ends) + len(failed) == 1 or late_deletion
    _assert_once_a_poc(house)
    gone = [n for n, event in enumerate(house.events) if event.type == "resource.released"]
    assert gone in ([], [len(house.events) - 1])
