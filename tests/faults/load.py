"""Customers of every kind: who they are, what they have, and what they did so far.

Everything is drawn from one seed.
"""

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from shared.messages import Message
from shared.messages.catalogue import CouponPublished, DiscountGranted
from shared.messages.upstream import (
    AccountSwitchRequested,
    OrderItem,
    PocGranted,
)
from shared.messages.wallet import WalletHold
from tests.builders import NOON, component, said
from tests.faults.products import other_products, raw_product
from tests.system.shop import LONG_AGO, catalogue, customer, order

_ORDERS_AN_ACCOUNT: Final = 20
_CREDIT: Final = 10**9
_TIGHT_VND: Final = 3_500
"""Holds three days of a box, and not four."""
PROGRAMS: Final = 2


@dataclass(slots=True)
class Load:
    """What customers do, in waves: what is within a wave may come in any order.

    Attributes:
        name: begins every id, so that several loads can share a house.
        orders: how many creations; about half as many orders change what they created.
        chance: draws everything.
        months_later: which month is closed after its orders: so many after November 2026.
        placed: the ids of all orders that were drawn so far.
        created: accounts, kinds of orders, and the resources that they create.
        stopped: accounts and resources that they stop.
    """

    name: str
    orders: int
    chance: random.Random
    months_later: int = 0
    placed: set[str] = field(default_factory=set)
    created: list[tuple[str, str, str]] = field(default_factory=list)
    stopped: list[tuple[str, str]] = field(default_factory=list)

    @property
    def accounts(self) -> int:
        """How many there are of each kind of customer."""
        return max(3, self.orders // _ORDERS_AN_ACCOUNT)

    @property
    def programs(self) -> list[str]:
        """The accounts whose programs order through the HTTP API."""
        return [f"{self.name}-program-{number}" for number in range(PROGRAMS)]

    def is_ours(self, account_id: str) -> bool:
        """Whether it is one of this load's accounts."""
        return account_id.startswith(f"{self.name}-")

    def opening(self) -> list[Message]:
        """A catalogue, and customers with and without credit, prepaid and postpaid."""
        coupon = CouponPublished(
            code=f"{self.name}-coupon",
            kind="amount",
            value=Decimal(20_000),
            products=("vserver",),
            valid_until=NOON + timedelta(days=30),
        )
        raw = f"{self.name}-raw"
        messages = [*catalogue(), *other_products(), *raw_product(raw), said(coupon, at=LONG_AGO)]
        for number in range(self.accounts):
            messages += customer(f"{self.name}-rich-{number}", credit=_CREDIT)
            messages += customer(f"{self.name}-poor-{number}")
            messages += customer(f"{self.name}-some-{number}", credit=50_000 + number)
            messages += customer(f"{self.name}-late-{number}")
            messages += customer(f"{self.name}-tight-{number}", credit=_TIGHT_VND)
            messages.append(self.switch(f"late-{number}", "postpaid", NOON - timedelta(days=30)))
        messages += [*customer(raw), self.switch("raw", "postpaid", NOON - timedelta(days=30))]
        for account_id in self.programs:
            messages += customer(account_id, credit=_CREDIT)
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
            for number in range(self.accounts)
        ]
        hold = WalletHold(
            hold_id=f"{self.name}-hold",
            change_id=f"{self.name}-hold-1",
            account_id=rich,
            amount=1_000,
            reason="estimate",
        )
        return [*messages, *(said(one, at=NOON) for one in (discount, *grants, hold))]

    def switch(self, account: str, user_type: str, at: datetime) -> Message:
        """Sales switch an account's user type."""
        wish = AccountSwitchRequested.model_validate(
            {
                "account_id": f"{self.name}-{account}",
                "user_type": user_type,
                "requested_by": "sales",
                "reason": "contract",
            }
        )
        return said(wish, at=at)

    def ordered(self, account_id: str, resource_id: str, action: str, at: datetime) -> Message:
        """An order that changes a resource."""
        order_id = f"{action}-{resource_id}"
        self.placed.add(order_id)
        item = OrderItem(
            item_id=order_id,
            resource_id=resource_id,
            components=(component("image"), component("disk", 2)) if action == "resize" else None,
            days=30 if action in ("renew", "recover") else None,
        )
        return order(order_id, [item], account_id=account_id, action=action, at=at)
