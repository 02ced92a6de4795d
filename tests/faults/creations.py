"""What customers order, and how they change their minds."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from shared.ids import derived_id
from shared.messages import Message
from shared.messages.billing import RemindersDue, RenewalsDue
from shared.messages.provisioning import ResourcesDue
from shared.messages.scheduler import TickDay, TickMinute
from shared.messages.upstream import (
    BatchedUsageReport,
    OrderItem,
    ResourceAutoRenewSet,
    TopUpReceived,
    UsageBatchRecorded,
    UsageRecorded,
)
from shared.messages.wallet import WalletRelease
from tests.builders import NOON, component, said
from tests.faults.load import Load
from tests.faults.portal import IMAGE_VND, declined, goodwill, paid_through_bank, questions
from tests.system.shop import order, server

_KINDS: Final = {
    "credit": 14,
    "several": 12,
    "broken": 8,
    "poor": 8,
    "gateway": 8,
    "refused": 5,
    "abandoned": 3,
    "top_up": 5,
    "postpaid": 13,
    "coupon": 4,
    "trash": 5,
    "team": 4,
    "metered": 4,
    "held": 3,
    "lame": 1,
    "poc": 3,
}
"""Of a hundred orders."""
_BY: Final = {
    "poor": "poor",
    "refused": "poor",
    "abandoned": "poor",
    "gateway": "poor",
    "top_up": "some",
    "postpaid": "late",
    "metered": "late",
    "held": "tight",
}
"""Which customers order it; all else: the rich."""
_PRODUCTS: Final = {
    "trash": "vtrash",
    "team": "vteam",
    "metered": "vmetered",
    "held": "vheld",
    "lame": "vheld",
}
_AT_LEAST: Final = (*_KINDS, *("postpaid",) * 5)
"""Of each kind one, and enough invoices to be paid in each way."""
_USED_FIRST: Final = ("metered", "held", "lame")
"""And paid afterwards, by postpaid customers or from what is held."""
_CHANGED: Final = ("credit", "several", "coupon", "gateway", "postpaid")
"""What is changed later: of others, most are never provisioned."""
_CHANGES: Final = ("resize", "stop", "delete", "renew", "reboot", "", "", "")


def creations(load: Load) -> list[Message]:
    """Orders to create something, and what gateways say of them."""
    kinds = load.chance.choices([*_KINDS], weights=[*_KINDS.values()], k=load.orders)
    if load.orders >= len(_AT_LEAST):
        kinds[: len(_AT_LEAST)] = _AT_LEAST
    return [
        *_raw(load),
        *(message for number, kind in enumerate(kinds) for message in _create(load, number, kind)),
    ]


def _raw(load: Load) -> list[Message]:
    """What is used before anybody has published its price."""
    account_id = resource_id = product = f"{load.name}-raw"
    load.placed.add(resource_id)
    item = OrderItem(
        item_id=resource_id, product=product, name="raw", components=(component("box"),)
    )
    placed = order(resource_id, [item], account_id=account_id)
    return [placed, *_use(account_id, resource_id)]


def _create(load: Load, number: int, kind: str) -> list[Message]:
    order_id = f"{load.name}-{kind}-{number}"
    account_id = f"{load.name}-{_BY.get(kind, 'rich')}-{load.chance.randrange(load.accounts)}"
    at = NOON + timedelta(minutes=load.chance.randrange(600))
    load.placed.add(order_id)
    load.created.append((account_id, kind, order_id))
    more: dict[str, Any] = {"account_id": account_id, "at": at}
    match kind:
        case "several":
            skus = [("image", "disk"), ("image",), ("broken",), ("disk",)]
            items = [
                server(order_id if number == 0 else f"{order_id}-{number}", *parts)
                for number, parts in enumerate(load.chance.sample(skus, 3))
            ]
            return [order(order_id, items, **more)]
        case "broken":
            return [order(order_id, [server(order_id, "image", "broken")], **more)]
        case "coupon":
            coupon = f"{load.name}-coupon"
            return [order(order_id, [server(order_id, "image")], coupon=coupon, **more)]
        case "poc":
            trial = server(order_id, "image", days=None)
            return [order(order_id, [trial], payment_method="poc", **more)]
        case "trash" | "team" | "metered" | "held" | "lame":
            item = OrderItem(
                item_id=order_id,
                product=_PRODUCTS[kind],
                name=order_id,
                components=(component("lame" if kind == "lame" else "box"),),
                days=None if kind in _USED_FIRST else 10,
            )
            use = _use(account_id, order_id) if kind == "metered" else []
            return [order(order_id, [item], **more), *use]
        case "postpaid":
            item = server(order_id, "image", "disk", days=None)
            return [order(order_id, [item], **more)]
        case "gateway" | "refused" | "abandoned" | "top_up":
            return _through_a_gateway(load, order_id, kind, account_id, at)
        case _:
            return [order(order_id, [server(order_id, "image", "disk")], **more)]


def _through_a_gateway(
    load: Load, order_id: str, kind: str, account_id: str, at: datetime
) -> list[Message]:
    method = "top_up_and_pay" if kind == "top_up" else "gateway"
    placed = order(
        order_id,
        [server(order_id, "image")],
        account_id=account_id,
        at=at,
        payment_method=method,
    )
    answered_at = at + timedelta(minutes=load.chance.randrange(1, 60))
    payment_id = derived_id("payment", order_id)
    if kind == "refused":
        return [placed, said(declined(payment_id), at=answered_at)]
    if kind == "gateway":
        return [placed, said(paid_through_bank(payment_id, IMAGE_VND), at=answered_at)]
    return [placed]


def _use(account_id: str, resource_id: str) -> list[Message]:
    """What a product team reports, perhaps before anybody else knows the resource."""
    at = NOON + timedelta(days=2)
    use: dict[str, Any] = {
        "account_id": account_id,
        "resource_id": resource_id,
        "meter": "traffic",
        "quantity": "2.5",
        "to": at,
    }
    report = UsageRecorded(from_=at - timedelta(hours=2), **use | {"quantity": Decimal("1.25")})
    one = BatchedUsageReport(report_id=f"use-{resource_id}", from_=at - timedelta(hours=1), **use)
    return [said(report, at=at), said(UsageBatchRecorded(reports=(one,)), at=at)]


def changes(load: Load) -> list[Message]:
    """Orders that change what was created; wishes, ticks and top-ups around them."""
    messages = [message for one in load.created for message in _wish(load, *one)]
    changed = [one for one in load.created if one[1] in _CHANGED]
    for number, (account_id, _, resource_id) in enumerate(changed):
        if action := _CHANGES[number % len(_CHANGES)]:
            at = NOON + timedelta(days=1, minutes=load.chance.randrange(6_000))
            messages.append(load.ordered(account_id, resource_id, action, at))
            if action == "stop":
                load.stopped.append((account_id, resource_id))
    late = NOON + timedelta(days=1)
    for account_id, _, resource_id in [one for one in load.created if one[1] == "credit"][::2]:
        messages.append(said(goodwill(account_id, resource_id), at=late))
    top_ups = [
        TopUpReceived(
            top_up_id=f"{load.name}-more-{number}",
            account_id=f"{load.name}-rich-{number % load.accounts}",
            amount=1 + number,
            gateway="bank",
            gateway_reference=f"{load.name}-more-{number}",
        )
        for number in range(load.accounts)
    ]
    release = WalletRelease(
        hold_id=f"{load.name}-hold",
        change_id=f"{load.name}-hold-2",
        account_id=f"{load.name}-rich-0",
        reason="estimate",
    )
    due = (RenewalsDue(account_id=f"{load.name}-rich-0"), RemindersDue(), ResourcesDue())
    return [
        *messages,
        *questions(load.name, load.accounts, late),
        *(said(one, at=late) for one in (*top_ups, release, TickMinute(), TickDay(), *due)),
        load.switch("rich-2", "postpaid", late),
    ]


def _wish(load: Load, account_id: str, kind: str, resource_id: str) -> list[Message]:
    """What is said of a resource besides orders: its renewals, its use."""
    at = NOON + timedelta(days=2)
    if kind == "trash":
        wish = ResourceAutoRenewSet(account_id=account_id, resource_id=resource_id, months=1)
        return [said(wish, at=at)] if load.chance.random() < 0.5 else []
    if kind == "poc" and load.chance.random() < 0.5:
        return [load.ordered(account_id, resource_id, "stop_poc", at)]
    return []
