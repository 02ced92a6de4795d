"""What the demo plays: customers, a product, and what they order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from shared.messages import Message
from shared.messages.catalogue import PricePublished, ProductPublished
from shared.messages.items import Component
from shared.messages.model import Action
from shared.messages.upstream import (
    AccountRegistered,
    AccountSwitchRequested,
    OrderItem,
    OrderPlaced,
    PocGranted,
    TopUpReceived,
)

_ACTIONS: Final[tuple[Action, ...]] = (
    "create",
    "resize",
    "renew",
    "recover",
    "delete",
    "stop",
    "start",
    "reboot",
)
BROKEN: Final = "broken-disk"
"""A part that the demo's product can't provide, so that provisioning fails."""
_PRICES: Final = {"image": "90000", "disk": "35000", BROKEN: "50000"}


@dataclass(frozen=True, slots=True)
class Story:
    """The messages of one run. `run` makes its ids its own; `now` is its business time."""

    run: str
    now: datetime

    def name(self, what: str) -> str:
        """An id of this run."""
        return f"{what}-{self.run}"

    def catalogue(self, since: datetime) -> Sequence[Message]:
        """A product with prices per 30 days, on sale from `since`."""
        product = self.name("vserver")
        return [
            ProductPublished(
                product=product,
                name="vServer",
                vat_rate=Decimal("0.1"),
                effective_from=since,
                refundable=True,
                expiry_policy="grace",
                trash_days=7,
                renew_attempt_days=(7, 4, 1, 0),
                actions=_ACTIONS,
                driver="simulated",
                driver_options={"fail_skus": [BROKEN]},
            ),
            *(
                PricePublished(
                    product=product,
                    sku=sku,
                    unit_price=Decimal(unit_price),
                    currency="VND",
                    per="30d",
                    effective_from=since,
                )
                for sku, unit_price in _PRICES.items()
            ),
        ]

    def registered(self, who: str) -> AccountRegistered:
        """A new customer, prepaid."""
        account_id = self.name(who)
        return AccountRegistered(
            account_id=account_id, email=f"{account_id}@example.com", name=who.capitalize()
        )

    def topped_up(self, who: str, amount: int) -> TopUpReceived:
        """Money by bank transfer."""
        return TopUpReceived(
            top_up_id=self.name(f"top-up-{who}"),
            account_id=self.name(who),
            amount=amount,
            gateway="bank",
            gateway_reference=self.name(who),
        )

    def to_postpaid(self, who: str) -> AccountSwitchRequested:
        """Sales let a customer use first and pay later."""
        return AccountSwitchRequested(
            account_id=self.name(who),
            user_type="postpaid",
            requested_by="sales@example.com",
            reason="contract signed",
        )

    def granted(self, who: str, amount: int, ends_at: datetime) -> PocGranted:
        """Sales let a customer try things out (domain 9)."""
        return PocGranted(
            account_id=self.name(who),
            amount=amount,
            ends_at=ends_at,
            granted_by="sales@example.com",
        )

    def proof_stopped(self, who: str, what: str) -> OrderPlaced:
        """An order to end what was tried out."""
        item = OrderItem(item_id=self.name(f"stop-{what}"), resource_id=self.name(what))
        return OrderPlaced(
            order_id=self.name(f"order-stop-{what}"),
            account_id=self.name(who),
            action="stop_poc",
            items=(item,),
        )

    def order(self, who: str, what: str, items: Sequence[OrderItem], **more: Any) -> OrderPlaced:
        """An order to create something."""
        return OrderPlaced(
            order_id=self.name(f"order-{what}"),
            account_id=self.name(who),
            action="create",
            items=tuple(items),
            **more,
        )

    def server(self, what: str, *skus: str, days: int | None = 60) -> OrderItem:
        """A server of these parts."""
        return OrderItem(
            item_id=self.name(what),
            product=self.name("vserver"),
            name=what,
            components=tuple(Component(sku=sku, quantity=Decimal(1)) for sku in skus),
            days=days,
        )

    def ago(self, **time: float) -> datetime:
        """A business time before now."""
        return self.now - timedelta(**time)
