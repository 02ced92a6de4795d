"""A catalogue and customers for whole flows, and the audit at their end."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from services.cli.audit import checked
from shared.database import connection
from shared.messages import Message
from shared.messages.catalogue import PricePublished, ProductPublished
from shared.messages.upstream import AccountRegistered, OrderItem, OrderPlaced, TopUpReceived
from tests.builders import NOON, component, said
from tests.system.house import House

LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)
PRICES = {"image": "90000", "disk": "35000", "broken": "50000"}


def catalogue(**policy: Any) -> list[Message]:
    """A product `vserver` with the prices of domain 6; whatever has a part `broken` fails."""
    told: dict[str, Any] = {
        "product": "vserver",
        "name": "vServer",
        "vat_rate": Decimal("0.1"),
        "effective_from": LONG_AGO,
        "refundable": True,
        "expiry_policy": "grace",
        "trash_days": 0,
        "renew_attempt_days": (7, 4, 1, 0),
        "actions": (
            "create",
            "resize",
            "renew",
            "recover",
            "delete",
            "stop",
            "start",
            "reboot",
        ),
        "driver": "simulated",
        "driver_options": {"fail_skus": ["broken"]},
    }
    product = ProductPublished(**told | policy)
    prices = [
        PricePublished(
            product="vserver",
            sku=sku,
            unit_price=Decimal(unit_price),
            currency="VND",
            per="30d",
            effective_from=LONG_AGO,
        )
        for sku, unit_price in PRICES.items()
    ]
    return [said(message, at=LONG_AGO) for message in (product, *prices)]


def use_priced_catalogue() -> list[Message]:
    """A product `vcontainer`, paid by use: a node is 9,000,000 for 30 days (domain 8)."""
    (product,) = (one for one in catalogue() if isinstance(one, ProductPublished))
    containers = ProductPublished(
        **product.model_dump() | {"product": "vcontainer", "name": "vContainer", "use_priced": True}
    )
    prices = [
        PricePublished(
            product="vcontainer",
            sku=sku,
            unit_price=Decimal(9_000_000),
            currency="VND",
            per="30d",
            effective_from=LONG_AGO,
        )
        for sku in ("node", "broken")
    ]
    return [said(message, at=LONG_AGO) for message in (containers, *prices)]


def nodes(item_id: str, count: int = 2, sku: str = "node") -> OrderItem:
    """Nodes of 300,000 a day, without a term: they are paid by use."""
    return OrderItem(
        item_id=item_id,
        product="vcontainer",
        name=item_id,
        components=(component(sku, count),),
    )


def customer(account_id: str = "acc-1", *, credit: int = 0) -> list[Message]:
    """A prepaid customer, with credit where there is some."""
    registered = AccountRegistered(
        account_id=account_id, email=f"{account_id}@example.com", name=account_id
    )
    return [said(registered, at=NOON - timedelta(days=90)), *(topped_up(account_id, credit))]


def topped_up(account_id: str, amount: int) -> list[Message]:
    """Money by bank transfer; none where the amount is 0."""
    if amount == 0:
        return []
    top_up = TopUpReceived(
        top_up_id=f"top-up-{account_id}",
        account_id=account_id,
        amount=amount,
        gateway="bank",
        gateway_reference=account_id,
    )
    return [said(top_up, at=NOON - timedelta(days=80))]


def server(item_id: str, *skus: str, days: int | None = 60) -> OrderItem:
    """A server of these parts, for a prepaid term of `days`."""
    return OrderItem(
        item_id=item_id,
        product="vserver",
        name=item_id,
        components=tuple(component(sku) for sku in skus),
        days=days,
    )


def order(
    order_id: str,
    items: Sequence[OrderItem],
    *,
    account_id: str = "acc-1",
    at: datetime = NOON,
    **more: Any,
) -> OrderPlaced:
    """An order, to create something where nothing else is said."""
    fields = {"action": "create", "order_id": order_id, "account_id": account_id} | more
    return said(OrderPlaced(items=tuple(items), **fields), at=at)


async def assert_audit_is_clean(house: House) -> None:
    """Everything of domain 11 holds, and nothing is on its way any more."""
    in_flight = await assert_nothing_is_wrong(house)
    assert not in_flight, in_flight


async def assert_nothing_is_wrong(house: House) -> list[str]:
    """Everything of domain 11 holds; returns the checks for which something is on its way, be it
    among the dead letters."""
    async with connection(house.database) as db:
        checks = await checked(db, timedelta(0))
    wrong = {check.name: check.wrong for check in checks if check.wrong}
    assert not wrong, wrong
    return [check.name for check in checks if check.in_flight]


async def fetch(house: House, statement: str, *arguments: object) -> list[tuple[Any, ...]]:
    """Rows of the house's database, as an operator sees it."""
    async with connection(house.database) as db:
        return [tuple(row) for row in await db.fetch(statement, *arguments)]
