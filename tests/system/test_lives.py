"""Random users live random months: after every step all that must hold does (domain 11)."""

import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from shared.messages import Message
from shared.messages.scheduler import TickDay, TickMinute, TickMonth
from shared.messages.upstream import (
    AccountRegistered,
    AccountSwitchRequested,
    InvoicePaymentRequested,
    OrderItem,
    PocGranted,
    ResourceAutoRenewSet,
    TopUpReceived,
)
from shared.periods import BillingMonth
from tests.builders import component, said
from tests.system.house import House
from tests.system.shop import assert_audit_is_clean, catalogue, fetch, order

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
RUNS = itertools.count(1)
USERS = 3


@dataclass
class Life:
    """Some users of a house, and the business time that they live in."""

    house: House
    run: int = field(default_factory=lambda: next(RUNS))
    now: datetime = datetime(2026, 1, 10, 3, 0, tzinfo=UTC)
    orders: int = 0
    resources: list[tuple[str, str]] = field(default_factory=list)
    last: list[Message] = field(default_factory=list)

    def user(self, number: int) -> str:
        return f"user-{self.run}-{number}"

    def order_id(self) -> str:
        self.orders += 1
        return f"order-{self.run}-{self.orders}"

    async def publish(self, *messages: Message) -> None:
        """Say something now, and let a minute pass."""
        self.last = list(messages)
        await self.house.publish(*messages)
        self.now += timedelta(minutes=1)

    async def pass_time(self, days: int) -> None:
        """The ticks of some days, of each month that ends within them, and of the last minute."""
        before, self.now = self.now, self.now + timedelta(days=days)
        month = BillingMonth.containing(before, ZONE)
        ticks: list[Message] = [
            said(TickDay(), at=before + timedelta(days=day + 1)) for day in range(days)
        ]
        while month.end(ZONE) <= self.now:
            ticks.append(said(TickMonth(period=str(month)), at=month.end(ZONE)))
            month = month.next()
        await self.publish(*ticks, said(TickMinute(), at=self.now))


Step = Callable[[Life], Awaitable[None]]


@dataclass(frozen=True)
class TopUp:
    user: int
    amount: int

    async def __call__(self, life: Life) -> None:
        name = life.order_id()
        top_up = TopUpReceived(
            top_up_id=name,
            account_id=life.user(self.user),
            amount=self.amount,
            gateway="bank",
            gateway_reference=name,
        )
        await life.publish(said(top_up, at=life.now))


@dataclass(frozen=True)
class GrantPoc:
    user: int
    amount: int
    days: int

    async def __call__(self, life: Life) -> None:
        grant = PocGranted(
            account_id=life.user(self.user),
            amount=self.amount,
            ends_at=life.now + timedelta(days=self.days),
            granted_by="sales",
        )
        await life.publish(said(grant, at=life.now))


@dataclass(frozen=True)
class Create:
    user: int
    skus: Sequence[Sequence[str]]
    days: int
    auto_renew: bool
    from_poc: bool = False

    async def __call__(self, life: Life) -> None:
        order_id = life.order_id()
        items = [
            OrderItem(
                item_id=f"{order_id}-{number}",
                product="vserver",
                name="server",
                components=tuple(component(sku) for sku in skus),
                days=self.days,
                auto_renew_months=1 if self.auto_renew else None,
            )
            for number, skus in enumerate(self.skus)
        ]
        life.resources += ((life.user(self.user), item.item_id) for item in items)
        method = "poc" if self.from_poc else None
        await life.publish(
            order(
                order_id,
                items,
                account_id=life.user(self.user),
                at=life.now,
                payment_method=method,
            )
        )


@dataclass(frozen=True)
class Act:
    """Something that is done to a resource, be it possible or not."""

    action: str
    which: int
    sku: str
    days: int

    async def __call__(self, life: Life) -> None:
        if not life.resources:
            return
        account_id, resource_id = life.resources[self.which % len(life.resources)]
        order_id = life.order_id()
        item = OrderItem(
            item_id=order_id,
            resource_id=resource_id,
            components=(component(self.sku),) if self.action == "resize" else None,
            days=self.days if self.action in ("renew", "recover") else None,
        )
        await life.publish(
            order(order_id, [item], account_id=account_id, at=life.now, action=self.action)
        )


@dataclass(frozen=True)
class AutoRenew:
    which: int
    months: int | None

    async def __call__(self, life: Life) -> None:
        if life.resources:
            account_id, resource_id = life.resources[self.which % len(life.resources)]
            wish = ResourceAutoRenewSet.model_validate(
                {"account_id": account_id, "resource_id": resource_id, "months": self.months}
            )
            await life.publish(said(wish, at=life.now))


@dataclass(frozen=True)
class Switch:
    user: int
    user_type: str

    async def __call__(self, life: Life) -> None:
        switch = AccountSwitchRequested.model_validate(
            {
                "account_id": life.user(self.user),
                "user_type": self.user_type,
                "requested_by": "sales",
                "reason": "asked for",
            }
        )
        await life.publish(said(switch, at=life.now))


@dataclass(frozen=True)
class Pay:
    """The user pays one of the open invoices."""

    which: int
    part: bool

    async def __call__(self, life: Life) -> None:
        open_ones = await fetch(
            life.house,
            "select invoice_id, account_id, gross - paid from invoicing.invoice_state"
            " where paid < gross and account_id like $1 order by invoice_id",
            f"user-{life.run}-%",
        )
        if open_ones:
            invoice_id, account_id, outstanding = open_ones[self.which % len(open_ones)]
            payment = InvoicePaymentRequested(
                invoice_id=invoice_id,
                account_id=account_id,
                method="credit",
                amount=max(1, outstanding // 2) if self.part else None,
            )
            await life.publish(said(payment, at=life.now))


@dataclass(frozen=True)
class PassTime:
    days: int

    async def __call__(self, life: Life) -> None:
        await life.pass_time(self.days)


@dataclass(frozen=True)
class SayAgain:
    """What was said last comes once more, the same and in another order."""

    async def __call__(self, life: Life) -> None:
        await life.house.publish(*reversed(life.last))


users = st.integers(0, USERS - 1)
which = st.integers(0, 20)
skus = st.sampled_from([("image",), ("image", "disk"), ("image", "broken")])
creations = st.builds(
    Create, users, st.lists(skus, min_size=1, max_size=3), st.integers(1, 90), st.booleans()
)
trials = st.builds(
    Create,
    users,
    st.lists(skus, min_size=1, max_size=2),
    st.integers(1, 60),
    st.just(False),
    st.just(True),
)
actions = st.builds(
    Act,
    st.sampled_from(
        ["resize", "renew", "recover", "delete", "stop", "start", "reboot", "stop_poc"]
    ),
    which,
    st.sampled_from(["image", "disk", "broken"]),
    st.integers(1, 60),
)
steps = st.one_of(
    creations,
    actions,
    actions,
    st.builds(TopUp, users, st.integers(1, 3_000_000)),
    trials,
    st.builds(GrantPoc, users, st.integers(1, 500_000), st.integers(1, 60)),
    st.builds(AutoRenew, which, st.sampled_from([1, 3, None])),
    st.builds(Switch, users, st.sampled_from(["prepaid", "postpaid"])),
    st.builds(Pay, which, st.booleans()),
    st.builds(PassTime, st.integers(1, 45)),
    st.builds(SayAgain),
)
PRELUDE: Sequence[Step] = (
    TopUp(0, 2_000_000),
    TopUp(1, 400_000),
    Switch(2, "postpaid"),
    Create(0, [("image",), ("image", "disk"), ("image", "broken")], 30, auto_renew=True),
    Create(1, [("image", "disk")], 60, auto_renew=False),
    Create(2, [("image",), ("disk",)], 30, auto_renew=False),
    GrantPoc(0, 500_000, 40),
    Create(0, [("image",), ("image", "broken"), ("disk",)], 30, auto_renew=False, from_poc=True),
)
"""So that each life has something to lose."""


@pytest.mark.timeout(600)
@settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(steps, min_size=20, max_size=30))
async def test_money_and_use_are_accounted_for_after_every_step_of_every_life(
    house: House, life_steps: list[Step]
) -> None:
    life = Life(house)
    if life.run == 1:
        house.start()
        await house.publish(*catalogue(trash_days=life.run % 2 * 7))
    await life.publish(
        *(
            said(
                AccountRegistered(
                    account_id=life.user(number), email="user@example.com", name="User"
                ),
                at=life.now,
            )
            for number in range(USERS)
        )
    )
    for step in (*PRELUDE, *life_steps):
        await step(life)
        await house.wait_until_idle()
        await assert_audit_is_clean(house)
    assert await fetch(house, "select count(*) from billing.dead_letter") == [(0,)]
