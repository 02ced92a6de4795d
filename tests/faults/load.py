"""Customers of every kind, who order, pay, change their minds and pay their invoices.

Everything is drawn from one seed. What is published is shuffled, and some of it comes twice.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from shared.ids import derived_id
from shared.messages import Message
from shared.messages.billing import PaymentRequested, RemindersDue, RenewalsDue
from shared.messages.catalogue import CouponPublished, DiscountGranted
from shared.messages.invoicing import Invoice, InvoiceIssued, InvoicesIssued
from shared.messages.product_teams import ProductFailed, ProductRequested, ProductSucceeded
from shared.messages.provisioning import ResourcesDue
from shared.messages.scheduler import TickDay, TickMinute, TickMonth
from shared.messages.upstream import (
    AccountSwitchRequested,
    BatchedUsageReport,
    GatewayPaymentSucceeded,
    OrderItem,
    PocGranted,
    ResourceAutoRenewSet,
    TopUpReceived,
    UsageBatchRecorded,
    UsageRecorded,
)
from shared.messages.wallet import WalletHold, WalletRelease
from tests.builders import NOON, component, said
from tests.faults.portal import corrected, declined, paid_by, questions, recorded
from tests.faults.products import other_products
from tests.system.shop import LONG_AGO, catalogue, customer, order, server

_ORDERS_AN_ACCOUNT: Final = 20
_CREDIT: Final = 10**9
_TIGHT_VND: Final = 3_500
"""Holds three days of a box, and not four."""
_TWICE: Final = 0.3
_FAR: Final = 50
_IMAGE_VND: Final = 180_000
"""What an image costs for 60 days."""
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
    "held": 4,
    "poc": 3,
}
"""Of a hundred orders."""
_USED_FIRST: Final = ("metered", "held")
"""And paid afterwards, by postpaid customers or from what is held."""
_CHANGED: Final = ("credit", "several", "coupon", "gateway", "postpaid")
"""What is changed later: of others, most are never provisioned."""
_CHANGES: Final = ("resize", "stop", "delete", "renew", "reboot", "", "", "")
NOVEMBER_ENDS: Final = datetime(2026, 11, 30, 17, 5, tzinfo=UTC)
OVERDUE: Final = datetime(2026, 12, 20, 1, 0, tzinfo=UTC)


def shuffled(messages: Iterable[Message], chance: random.Random) -> list[Message]:
    """Messages in any order, some of them twice."""
    every = list(messages)
    every += [message for message in every if chance.random() < _TWICE]
    chance.shuffle(every)
    return every


def interleaved(
    waves: Sequence[Sequence[Message]], chance: random.Random, far: int = _FAR
) -> list[Message]:
    """Messages of waves that go on side by side, some of them twice, and each up to `far` places
    from where it belongs: what refers to another may come before it, but not minutes before."""
    length = sum(map(len, waves))
    placed = [
        (number * length / len(wave) + chance.uniform(-far, far), message)
        for wave in waves
        for number, message in enumerate(wave)
    ]
    placed += [
        (place + chance.uniform(0, far), message)
        for place, message in placed
        if chance.random() < _TWICE
    ]
    return [message for _, message in sorted(placed, key=lambda one: one[0])]


@dataclass(slots=True)
class Load:
    """What customers do, in waves: what is within a wave may come in any order.

    Attributes:
        name: begins every id, so that several loads can share a house.
        orders: how many creations; about half as many orders change what they created.
        chance: draws everything.
    """

    name: str
    orders: int
    chance: random.Random
    placed: set[str] = field(default_factory=set)
    """The ids of all orders that were drawn so far."""
    _created: list[tuple[str, str, str]] = field(default_factory=list)
    """Account, kind of order and resource of what was asked to be created."""
    _stopped: list[tuple[str, str]] = field(default_factory=list)
    """Account and resource of what was asked to be stopped."""

    @property
    def _accounts(self) -> int:
        return max(3, self.orders // _ORDERS_AN_ACCOUNT)

    def opening(self) -> list[Message]:
        """A catalogue, and customers with and without credit, prepaid and postpaid."""
        coupon = CouponPublished(
            code=f"{self.name}-coupon",
            kind="amount",
            value=Decimal(20_000),
            products=("vserver",),
            valid_until=NOON + timedelta(days=30),
        )
        messages = [*catalogue(), *other_products(), said(coupon, at=LONG_AGO)]
        for number in range(self._accounts):
            messages += customer(f"{self.name}-rich-{number}", credit=_CREDIT)
            messages += customer(f"{self.name}-poor-{number}")
            messages += customer(f"{self.name}-some-{number}", credit=50_000 + number)
            messages += customer(f"{self.name}-late-{number}")
            messages += customer(f"{self.name}-tight-{number}", credit=_TIGHT_VND)
            messages.append(self._switch(f"late-{number}", "postpaid", NOON - timedelta(days=30)))
        rich = f"{self.name}-rich-0"
        discount = DiscountGranted(
            account_id=f"{self.name}-rich-1",
            products=("vserver",),
            rate=Decimal("0.1"),
            effective_from=LONG_AGO,
            granted_by="sales",
        )
        grants = [
            PocGranted(
                account_id=f"{self.name}-rich-{number}",
                amount=500_000,
                ends_at=NOON + timedelta(days=9),
                granted_by="sales",
            )
            for number in range(self._accounts)
        ]
        hold = WalletHold(
            hold_id=f"{self.name}-hold",
            change_id=f"{self.name}-hold-1",
            account_id=rich,
            amount=1_000,
            reason="estimate",
        )
        return [*messages, *(said(one, at=NOON) for one in (discount, *grants, hold))]

    def _switch(self, account: str, user_type: str, at: datetime) -> Message:
        wish = AccountSwitchRequested.model_validate(
            {
                "account_id": f"{self.name}-{account}",
                "user_type": user_type,
                "requested_by": "sales",
                "reason": "contract",
            }
        )
        return said(wish, at=at)

    def creations(self) -> list[Message]:
        """Orders to create something, and what gateways say of them."""
        kinds = self.chance.choices([*_KINDS], weights=[*_KINDS.values()], k=self.orders)
        if self.orders >= len(_KINDS):
            kinds[: len(_KINDS)] = _KINDS
        return [
            message for number, kind in enumerate(kinds) for message in self._create(number, kind)
        ]

    def _create(self, number: int, kind: str) -> list[Message]:
        order_id = f"{self.name}-{kind}-{number}"
        name = {"poor": "poor", "refused": "poor", "abandoned": "poor"}.get(kind, "rich")
        name = {
            "postpaid": "late",
            "metered": "late",
            "held": "tight",
            "gateway": "poor",
            "top_up": "some",
        }.get(kind, name)
        account_id = f"{self.name}-{name}-{self.chance.randrange(self._accounts)}"
        at = NOON + timedelta(minutes=self.chance.randrange(600))
        self.placed.add(order_id)
        self._created.append((account_id, kind, order_id))
        more: dict[str, Any] = {"account_id": account_id, "at": at}
        match kind:
            case "several":
                skus = [("image", "disk"), ("image",), ("broken",), ("disk",)]
                items = [
                    server(order_id if number == 0 else f"{order_id}-{number}", *parts)
                    for number, parts in enumerate(self.chance.sample(skus, 3))
                ]
                return [order(order_id, items, **more)]
            case "broken":
                return [order(order_id, [server(order_id, "image", "broken")], **more)]
            case "coupon":
                coupon = f"{self.name}-coupon"
                return [order(order_id, [server(order_id, "image")], coupon=coupon, **more)]
            case "poc":
                trial = server(order_id, "image", days=None)
                return [order(order_id, [trial], payment_method="poc", **more)]
            case "trash" | "team" | "metered" | "held":
                item = OrderItem(
                    item_id=order_id,
                    product=f"v{kind}",
                    name=order_id,
                    components=(component("box"),),
                    days=None if kind in _USED_FIRST else 10,
                )
                use = self._use(account_id, order_id) if kind == "metered" else []
                return [order(order_id, [item], **more), *use]
            case "postpaid":
                item = server(order_id, "image", "disk", days=None)
                return [order(order_id, [item], **more)]
            case "gateway" | "refused" | "abandoned" | "top_up":
                return self._through_a_gateway(order_id, kind, account_id, at)
            case _:
                return [order(order_id, [server(order_id, "image", "disk")], **more)]

    def _through_a_gateway(
        self, order_id: str, kind: str, account_id: str, at: datetime
    ) -> list[Message]:
        method = "top_up_and_pay" if kind == "top_up" else "gateway"
        placed = order(
            order_id,
            [server(order_id, "image")],
            account_id=account_id,
            at=at,
            payment_method=method,
        )
        answered_at = at + timedelta(minutes=self.chance.randrange(1, 60))
        payment_id = derived_id("payment", order_id)
        if kind == "refused":
            return [placed, said(declined(payment_id), at=answered_at)]
        if kind == "gateway":
            return [placed, said(self._success(payment_id, _IMAGE_VND), at=answered_at)]
        return [placed]

    def _success(self, payment_id: str, amount: int) -> GatewayPaymentSucceeded:
        return GatewayPaymentSucceeded(
            payment_id=payment_id,
            gateway="bank",
            gateway_reference=derived_id("paid", payment_id),
            amount=amount,
        )

    def changes(self) -> list[Message]:
        """Orders that change what was created; wishes, ticks and top-ups around them."""
        messages = [message for one in self._created for message in self._wish(*one)]
        changed = [one for one in self._created if one[1] in _CHANGED]
        for number, (account_id, _, resource_id) in enumerate(changed):
            if action := _CHANGES[number % len(_CHANGES)]:
                at = NOON + timedelta(days=1, minutes=self.chance.randrange(6_000))
                messages.append(self._ordered(account_id, resource_id, action, at))
                if action == "stop":
                    self._stopped.append((account_id, resource_id))
        late = NOON + timedelta(days=1)
        top_ups = [
            TopUpReceived(
                top_up_id=f"{self.name}-more-{number}",
                account_id=f"{self.name}-rich-{number % self._accounts}",
                amount=1 + number,
                gateway="bank",
                gateway_reference=f"{self.name}-more-{number}",
            )
            for number in range(self._accounts)
        ]
        release = WalletRelease(
            hold_id=f"{self.name}-hold",
            change_id=f"{self.name}-hold-2",
            account_id=f"{self.name}-rich-0",
            reason="estimate",
        )
        due = (RenewalsDue(account_id=f"{self.name}-rich-0"), RemindersDue(), ResourcesDue())
        return [
            *messages,
            *questions(self.name, self._accounts, late),
            *(said(one, at=late) for one in (*top_ups, release, TickMinute(), TickDay(), *due)),
            self._switch("rich-2", "postpaid", late),
        ]

    def _wish(self, account_id: str, kind: str, resource_id: str) -> list[Message]:
        """What is said of a resource besides orders: its renewals, its use."""
        at = NOON + timedelta(days=2)
        if kind == "trash":
            wish = ResourceAutoRenewSet(account_id=account_id, resource_id=resource_id, months=1)
            return [said(wish, at=at)] if self.chance.random() < 0.5 else []
        return []

    def _use(self, account_id: str, resource_id: str) -> list[Message]:
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
        one = BatchedUsageReport(
            report_id=f"use-{resource_id}", from_=at - timedelta(hours=1), **use
        )
        return [said(report, at=at), said(UsageBatchRecorded(reports=(one,)), at=at)]

    def _ordered(self, account_id: str, resource_id: str, action: str, at: datetime) -> Message:
        order_id = f"{action}-{resource_id}"
        self.placed.add(order_id)
        item = OrderItem(
            item_id=order_id,
            resource_id=resource_id,
            components=(component("image"), component("disk", 2)) if action == "resize" else None,
            days=30 if action in ("renew", "recover") else None,
        )
        return order(order_id, [item], account_id=account_id, action=action, at=at)

    def passing_time(self) -> list[list[Message]]:
        """Ticks and what customers do between: each wave after the one before is done."""
        recoveries = [
            self._ordered(account_id, resource_id, "recover", NOON + timedelta(days=12))
            for account_id, kind, resource_id in self._created
            if kind == "trash" and self.chance.random() < 0.5
        ]
        starts = [
            self._ordered(account_id, resource_id, "start", NOON + timedelta(days=6))
            for account_id, resource_id in self._stopped
        ]
        back = self._switch("rich-2", "prepaid", NOVEMBER_ENDS + timedelta(hours=1))
        days: list[list[Message]] = [
            [said(TickDay(), at=NOON + timedelta(days=day))] for day in range(2, 6)
        ]
        return [
            *days,
            self._relief(),
            starts,
            [said(TickMinute(), at=NOON + timedelta(days=8))],
            [said(TickMinute(), at=NOON + timedelta(days=11))],
            recoveries,
            [said(TickMonth(period="2026-11"), at=NOVEMBER_ENDS), back],
        ]

    def _relief(self) -> list[Message]:
        """Money for those whose holds lacked credit for days."""
        top_ups = [
            TopUpReceived(
                top_up_id=f"{self.name}-relief-{number}",
                account_id=f"{self.name}-tight-{number}",
                amount=1_000_000,
                gateway="bank",
                gateway_reference=f"{self.name}-relief-{number}",
            )
            for number in range(self._accounts)
        ]
        return [said(one, at=NOON + timedelta(days=5, hours=1)) for one in top_ups]

    def provisioned(self, heard: Sequence[Message]) -> list[Message]:
        """What a product's own team says it did, or could not do, of what it was asked for."""
        at = NOON + timedelta(hours=13)
        asked = [
            message
            for message in heard
            if isinstance(message, ProductRequested) and message.resource_id.startswith(self.name)
        ]
        return [
            said(
                ProductSucceeded(request_id=one.request_id, at=at)
                if number % 2 == 0
                else ProductFailed(request_id=one.request_id, reason="no room"),
                at=at,
            )
            for number, one in enumerate(sorted(asked, key=lambda one: one.request_id))
        ]

    def payments(self, heard: Sequence[Message]) -> list[Message]:
        """What customers and Sales do about the invoices of the month."""
        at = NOVEMBER_ENDS + timedelta(days=2)
        messages: list[Message] = []
        for number, invoice in enumerate(self._unpaid(heard)):
            match number % 5:
                case 0:
                    messages.append(said(paid_by(invoice, "credit"), at=at))
                case 1:
                    wish = paid_by(invoice, "gateway")
                    messages.append(said(wish, at=at))
                case 2:
                    part = invoice.gross - 1 if invoice.gross > 1 else 1
                    messages.append(said(recorded(invoice, part, "part"), at=at))
                case 3:
                    messages.append(said(corrected(invoice), at=at))
                case _:
                    pass
        return messages

    def answers(self, heard: Sequence[Message]) -> list[Message]:
        """What gateways say of the invoices that are paid through them: half of them are not."""
        at = NOVEMBER_ENDS + timedelta(days=2, hours=1)
        asked = [
            message
            for message in heard
            if isinstance(message, PaymentRequested)
            and message.invoice_id is not None
            and message.method == "gateway"
            and message.account_id.startswith(f"{self.name}-")
        ]
        return [
            said(
                self._success(one.payment_id, one.amount)
                if number % 2
                else declined(one.payment_id),
                at=at,
            )
            for number, one in enumerate(sorted(asked, key=lambda one: one.payment_id))
        ]

    def overdue(self) -> list[Message]:
        """The days on which what was not paid becomes overdue."""
        return [said(TickMinute(), at=OVERDUE), said(TickDay(), at=OVERDUE)]

    def settling(self, heard: Sequence[Message]) -> list[Message]:
        """What was left unpaid is paid by bank transfer."""
        at = OVERDUE + timedelta(days=1)
        messages = [self._switch("late-0", "prepaid", OVERDUE + timedelta(minutes=1))]
        for number, invoice in enumerate(self._unpaid(heard)):
            if number % 5 == 4:
                messages.append(said(recorded(invoice, invoice.gross, "rest"), at=at))
        return messages

    def _unpaid(self, heard: Sequence[Message]) -> list[Invoice]:
        invoices: dict[str, Invoice] = {}
        for message in heard:
            several: Sequence[Invoice] = ()
            if isinstance(message, InvoicesIssued):
                several = message.invoices
            elif isinstance(message, InvoiceIssued):
                several = (message,)
            for invoice in several:
                ours = invoice.account_id.startswith(f"{self.name}-")
                if ours and invoice.status != "paid" and invoice.gross > 0:
                    invoices[invoice.invoice_id] = invoice
        return [invoices[invoice_id] for invoice_id in sorted(invoices)]
