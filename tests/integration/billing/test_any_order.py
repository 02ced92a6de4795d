"""Whatever users do, and in whatever order messages come, and how often: the books are right."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.ids import derived_id
from shared.messages import Message, NotYet, Refused, Said
from shared.messages.billing import (
    OrderConfirmed,
    PaymentConfirmed,
    PaymentRequested,
    RefundReserve,
    RefundReserved,
    RefundToCredit,
    RenewalsDue,
)
from shared.messages.provisioning import ResourceEvent
from shared.messages.scheduler import TickMinute
from shared.messages.upstream import (
    GatewayPaymentFailed,
    GatewayPaymentSucceeded,
    OrderPlaced,
    TopUpReceived,
)
from shared.messages.wallet import WalletCharge
from tests.builders import NOON, said
from tests.integration.billing.neighbours import (
    DAY,
    HOUR,
    components_of,
    coupon,
    created,
    credited,
    debited,
    declined,
    failed,
    happened,
    item_of,
    placed,
    registered,
    to_reserve,
)
from tests.integration.billing.till import Till

ACCOUNTS = ("acc-1", "acc-2")
CONFIGURATIONS = (("image",), ("disk",), ("image", "disk"))


@dataclass
class Neighbours:
    """A wallet, a gateway and provisioning, each of which may say no."""

    random: Random
    credit: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ACCOUNTS, 400_000))
    charges: dict[str, Message] = field(default_factory=dict)
    moved: set[str] = field(default_factory=set)
    from_gateway: int = 0
    last: dict[str, ResourceEvent] = field(default_factory=dict)

    def answer(self, heard: Said) -> list[Message]:
        """What neighbours answer to something that billing says."""
        match heard:
            case WalletCharge():
                return [self._charge(heard)]
            case TopUpReceived() | RefundToCredit() | RefundReserved():
                return self._credit(heard)
            case PaymentRequested():
                return self._pay(heard)
            case PaymentConfirmed() | OrderConfirmed():
                return self._provision(heard)
            case OrderPlaced() | RenewalsDue():
                return [heard]
            case _:
                return []

    def _charge(self, charge: WalletCharge) -> Message:
        if charge.charge_id not in self.charges:
            available = self.credit[charge.account_id]
            if charge.amount <= available:
                self.credit[charge.account_id] -= charge.amount
                self.charges[charge.charge_id] = debited(charge)
            else:
                self.charges[charge.charge_id] = declined(charge, available)
        return self.charges[charge.charge_id]

    def _credit(self, money: TopUpReceived | RefundToCredit | RefundReserved) -> list[Message]:
        match money:
            case TopUpReceived():
                money_id = money.top_up_id
            case RefundToCredit():
                money_id = money.refund_id
            case _:
                money_id = money.credit_note_id
        if money_id not in self.moved:
            self.moved.add(money_id)
            self.credit[money.account_id] += money.amount
        return [credited(money)] if isinstance(money, TopUpReceived) else []

    def _pay(self, request: PaymentRequested) -> list[Message]:
        came: list[Message] = []
        for number in range(self.random.choice([0, 1, 1, 2])):
            amount = request.amount + self.random.choice([0, 0, 0, 1])
            self.from_gateway += amount
            success = GatewayPaymentSucceeded(
                payment_id=request.payment_id,
                gateway="momo",
                gateway_reference=f"{request.payment_id}-{number}",
                amount=amount,
            )
            came.append(said(success, at=request.time + self.random.choice([HOUR, 4 * DAY])))
        if self.random.random() < 0.3:
            failure = GatewayPaymentFailed(
                payment_id=request.payment_id,
                gateway="momo",
                gateway_reference="no",
                reason="no",
            )
            came.append(said(failure, at=request.time + HOUR))
        return came

    def _provision(self, confirmed: PaymentConfirmed | OrderConfirmed) -> list[Message]:
        told: list[Message] = []
        for item in confirmed.items:
            if self.random.random() < 0.25:
                told.append(failed(confirmed, item))
            else:
                event = happened(confirmed, item=item, before=self.last.get(item.resource_id))
                self.last[item.resource_id] = event
                told += [event, *self._correct(event, item.amount)]
        return told

    def _correct(self, event: ResourceEvent, amount: int) -> list[Message]:
        """Support have some of what was paid for an item credited, at times more than is left."""
        if amount <= 0 or self.random.random() < 0.5:
            return []
        return [
            to_reserve(
                event,
                self.random.randint(1, amount),
                derived_id("credit note", event.order_id or "", event.item_id or "", str(number)),
            )
            for number in range(self.random.randint(1, 3))
        ]


def wish(random: Random, neighbours: Neighbours, at: datetime, number: int) -> OrderPlaced:
    """Something that a user orders, mostly for a resource that there is."""
    account_id = random.choice(ACCOUNTS)
    method = random.choice(["credit", "credit", "gateway", "top_up_and_pay"])
    running = [one.resource_id for one in neighbours.last.values() if one.account_id == account_id]
    action = random.choice(["create", "resize", "renew", "delete", "stop", "recover"])
    if action == "create" or not running:
        items = [
            item_of(
                *random.choice(CONFIGURATIONS),
                item_id=f"vm-{random.randint(1, 60)}-{place}",
                auto_renew_months=random.choice([None, 1]),
            )
            for place in range(random.randint(1, 2))
        ]
        return created(
            *items,
            account_id=account_id,
            at=at,
            order_id=f"ord-{number}",
            payment_method=method,
            coupon=random.choice([None, "SAVE"]),
        )
    item: dict[str, Any] = {"item_id": "item", "resource_id": random.choice([*running, "vm-0"])}
    if action in ("renew", "recover"):
        item["days"] = random.randint(1, 60)
    if action == "resize":
        item["components"] = components_of(*random.choice(CONFIGURATIONS))
    return placed(
        action,
        item,
        account_id=account_id,
        at=at,
        order_id=f"ord-{number}",
        payment_method=method,
        attempt=6,
    )


async def play(till: Till, random: Random) -> Neighbours:
    """Users, neighbours and ticks; messages come one or several at a time, some of them twice."""
    neighbours = Neighbours(random)
    pool: list[Message] = []
    at = NOON
    for number in range(40):
        at += timedelta(hours=random.randint(1, 48))
        pool.append(wish(random, neighbours, at, number))
        if random.random() < 0.5:
            pool.append(said(TickMinute(), at=at))
        for _ in range(random.randint(0, 6)):
            pool = await _hear_some(till, neighbours, pool)
    pool.append(said(TickMinute(), at=at + 10 * DAY))
    for _ in range(1_000):
        if not pool:
            return neighbours
        pool = await _hear_some(till, neighbours, pool)
    raise AssertionError("it never comes to rest")


async def _hear_some(till: Till, neighbours: Neighbours, pool: list[Message]) -> list[Message]:
    """What is left to be heard, and what is said to what was heard."""
    random = neighbours.random
    group = random.sample(pool, min(len(pool), random.randint(1, 4)))
    left = [one for one in pool if one not in group or random.random() < 0.15]
    for answer in await till.hear(*group):
        if isinstance(answer, Refused):
            assert isinstance(answer.cause, RefundReserve), answer
        if isinstance(answer, NotYet):
            left += [answer.cause] if answer.cause not in left else []
        else:
            left += neighbours.answer(answer)
    return left


async def audit(till: Till, neighbours: Neighbours) -> None:
    """Section 11 of the domain, as far as it is billing's."""
    open_orders = await till.rows(
        "select order_id, state from purchase_order where state = 'provisioning'"
        " or state = 'awaiting_payment' and not exists"
        " (select from payment join gateway_request using (payment_id) where open)"
    )
    assert open_orders == []
    unfinished = await till.rows("""
        select p.order_id from payment p join payment_outcome o using (payment_id)
        join order_item i on i.order_id = p.order_id
        left join item_outcome e on (e.order_id, e.item_id) = (i.order_id, i.item_id)
        left join refund r on (r.order_id, r.item_id) = (i.order_id, i.item_id)
        where o.outcome = 'confirmed' and e.outcome is null
           or o.outcome = 'failed' and e.outcome is not null
           or e.outcome = 'failed' and i.amount > 0 and r.amount is distinct from i.amount
    """)
    assert unfinished == []
    too_much = await till.rows("""
        select i.resource_id
        from order_item i
        left join payment p using (order_id)
        left join payment_outcome o using (payment_id)
        left join refund r on (r.order_id, r.item_id) = (i.order_id, i.item_id)
        left join (select order_id, item_id, sum(given_back) as amount from credit_note
                   group by order_id, item_id) c
            on (c.order_id, c.item_id) = (i.order_id, i.item_id)
        group by i.resource_id
        having sum(coalesce(r.amount, 0) + coalesce(c.amount, 0))
             > sum(case when o.outcome = 'confirmed' then greatest(i.amount, 0) else 0 end)
    """)
    assert too_much == []
    [uses] = await till.rows("""
        select uses, (select count(*) from coupon_use where given_back_at is null) as counted
        from coupon
    """)
    assert uses["uses"] == uses["counted"] <= 3
    busy = await till.rows(
        "select resource_id from resource r join purchase_order o on o.order_id = r.busy_with"
        " where o.state <> 'awaiting_payment'"
    )
    assert busy == []
    for row in await till.rows("select resource_id, state, version, busy_with from resource"):
        if (event := neighbours.last.get(row["resource_id"])) is not None:
            assert (row["state"], row["version"]) == (event.state, event.version)
    await _money_is_conserved(till, neighbours)


async def _money_is_conserved(till: Till, neighbours: Neighbours) -> None:
    [books] = await till.rows("""
        select (select coalesce(sum(amount), 0) from payment_outcome)::bigint as paid,
               (select coalesce(sum(amount), 0) from refund)::bigint as refunded,
               (select coalesce(sum(given_back), 0) from credit_note)::bigint as credited
    """)
    began_with = 400_000 * len(ACCOUNTS)
    money_in = began_with + neighbours.from_gateway
    assert sum(neighbours.credit.values()) == (
        money_in - books["paid"] + books["refunded"] + books["credited"]
    )
    assert min(neighbours.credit.values()) >= 0


@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 10**9))
async def test_the_books_are_right_whatever_happens_and_in_whatever_order(
    till: Till, seed: int
) -> None:
    transaction = till.db.transaction()
    await transaction.start()
    try:
        await till.open_shop(registered("acc-2"), coupon(max_uses=3))
        await audit(till, await play(till, Random(seed)))
    finally:
        await transaction.rollback()
