"""Invoicing's handlers on a real database, and messages of its neighbours with short defaults."""

import itertools
import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

from services.invoicing.handlers import HANDLERS
from shared.database import Connection
from shared.messages import Later, Message, NotYet, Refused, Said
from shared.messages.catalogue import PricePublished, ProductPublished
from shared.messages.invoicing import Invoice, InvoicesIssued
from shared.messages.items import Component, InvoiceLine, PricedItem
from shared.messages.provisioning import ResourceEvent, ResourceProvisioned
from shared.messages.scheduler import TickMonth
from shared.messages.upstream import AccountRegistered
from shared.service import Handler
from tests.builders import said
from tests.conftest import OpenDatabase

E = TypeVar("E", bound=ResourceEvent)
M = TypeVar("M", bound=Message)

BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)
HANOI_OFFSET = "+07:00"
_ORDERS = itertools.count(1)


def hanoi(text: str) -> datetime:
    """An instant by clocks in Hanoi, the default billing time zone: `2026-11-01 00:00`."""
    return datetime.fromisoformat(text + HANOI_OFFSET).astimezone(UTC)


class Invoicing:
    """Hands messages to the service's handlers, a group and a transaction at a time."""

    def __init__(self, open_database: OpenDatabase) -> None:
        self.open_database = open_database

    async def hear(self, *messages: Message) -> list[Said]:
        """Handle a group; its answers are not followed."""
        async with self.open_database("invoicing") as db:
            return await handle(messages, db)

    async def settle(self, *messages: Message) -> list[Said]:
        """Handle a group, then what invoicing says to itself, until nothing is left."""
        everything: list[Said] = []
        waiting: list[Message] = list(messages)
        while waiting:
            answers = await self.hear(*waiting)
            everything += answers
            waiting = [one for one in answers if isinstance(one, Message) and type(one) in HANDLERS]
        return everything

    async def rows(self, statement: str, *arguments: object) -> list[dict[str, Any]]:
        """What the database holds."""
        async with self.open_database("invoicing") as db:
            return [dict(row) for row in await db.fetch(statement, *arguments)]

    async def value(self, statement: str, *arguments: object) -> Any:
        """One value that the database holds."""
        async with self.open_database("invoicing") as db:
            return await db.fetchval(statement, *arguments)


async def handle(messages: Sequence[Message], db: Connection) -> list[Said]:
    """Call the handlers as the worker does: in the table's order, each with all that is its."""
    by_handler: defaultdict[Handler, list[Message]] = defaultdict(list)
    for message in messages:
        by_handler[HANDLERS[type(message)]].append(message)
    answers: list[Said] = []
    for handler in dict.fromkeys(HANDLERS.values()):
        if group := by_handler.get(handler):
            answers += await handler(group, db)
    return answers


def of_type(answers: Sequence[Said], kind: type[M]) -> list[M]:
    """The messages of one type among answers."""
    return [one for one in answers if isinstance(one, kind)]


def put_off(answers: Sequence[Said]) -> list[str]:
    """Why messages were put off."""
    return [one.reason for one in answers if isinstance(one, NotYet)]


def refused(answers: Sequence[Said]) -> list[str]:
    """Why messages were refused."""
    return [one.reason for one in answers if isinstance(one, Refused)]


def invoices_in(answers: Sequence[Said]) -> list[Invoice]:
    """The invoices of `invoices.issued`, as whoever hears the message reads them."""
    return [
        invoice
        for one in of_type(answers, InvoicesIssued)
        for invoice in InvoicesIssued.model_validate(json.loads(one.encode())["data"]).invoices
    ]


def messages_in(answers: Sequence[Said]) -> list[Message]:
    """All that is to be published."""
    return [
        one.message if isinstance(one, Later) else one
        for one in answers
        if isinstance(one, Message | Later)
    ]


def registered(account_id: str = "acc-1", currency: str = "VND") -> AccountRegistered:
    """A new account."""
    return said(
        AccountRegistered(
            account_id=account_id, email="a@example.com", name="An", currency=currency
        ),
        at=BEGINNING,
    )


def product(
    name: str = "vserver",
    *,
    vat_rate: str = "0.1",
    vat_included: bool = True,
    since: datetime = BEGINNING,
) -> ProductPublished:
    """A product's VAT."""
    return said(
        ProductPublished(
            product=name,
            name=name,
            vat_rate=Decimal(vat_rate),
            vat_included=vat_included,
            effective_from=since,
            refundable=True,
            expiry_policy="grace",
            trash_days=7,
            renew_attempt_days=(3,),
            actions=("create",),
            driver="simulated",
        ),
        at=since,
    )


def price(
    unit_price: str | int,
    *,
    sku: str = "cpu",
    product: str = "vserver",
    currency: str = "VND",
    since: datetime = BEGINNING,
    per: str = "30d",
    published: datetime | None = None,
) -> PricePublished:
    """A price from a date on."""
    return said(
        PricePublished.model_validate(
            {
                "product": product,
                "sku": sku,
                "unit_price": str(unit_price),
                "currency": currency,
                "per": per,
                "effective_from": since,
            }
        ),
        at=published or since,
    )


def happened(
    kind: type[E],
    at: datetime,
    version: int,
    *,
    resource_id: str = "res-1",
    account_id: str = "acc-1",
    user_type: str = "postpaid",
    components: Sequence[tuple[str, str | int]] = (("cpu", 1),),
    item: PricedItem | None = None,
    order_id: str | None = None,
    ends_at: datetime | None = None,
    payment_id: str | None = None,
    state: str = "active",
    name: str = "web-1",
    poc: str | None = None,
) -> E:
    """Something happened to a resource."""
    return said(
        kind.model_validate(
            {
                "resource_id": resource_id,
                "account_id": account_id,
                "user_type": user_type,
                "product": "vserver",
                "name": name,
                "order_id": order_id or (item and f"ord-{next(_ORDERS)}"),
                "item_id": item.item_id if item else None,
                "components": [_component(*one) for one in components],
                "at": at,
                "starts_at": at,
                "ends_at": ends_at,
                "state": state,
                "version": version,
                "payment_id": payment_id,
                "item": item,
                "poc": poc,
            }
        ),
        at=at,
    )


def _component(sku: str, quantity: str | int) -> Component:
    return Component(sku=sku, quantity=Decimal(quantity))


def provisioned(at: datetime, resource_id: str = "res-1", **facts: Any) -> ResourceProvisioned:
    """A postpaid resource is Active, where nothing else is said."""
    return happened(ResourceProvisioned, at, 1, resource_id=resource_id, **facts)


def paid_item(
    amount: int,
    *,
    resource_id: str = "res-1",
    item_id: str = "item-1",
    action: str = "create",
    discount: int = 0,
    currency: str = "VND",
    starts_at: datetime | None = None,
    poc: str | None = None,
) -> PricedItem:
    """A prepaid item with one line, VAT of 10 % included; `amount` is what is left to pay."""
    gross = amount + discount
    vat = round(Decimal(gross) / 11)
    net_vat = round(Decimal(amount) / 11)
    return PricedItem.model_validate(
        {
            "item_id": item_id,
            "resource_id": resource_id,
            "action": action,
            "product": "vserver",
            "name": "web-1",
            "user_type": "prepaid",
            "currency": currency,
            "lines": [
                InvoiceLine(
                    sku="cpu",
                    description="vServer: cpu",
                    quantity=Decimal(1),
                    minutes=43_200,
                    unit_price=Decimal(abs(gross)),
                    amount=gross,
                    vat=vat,
                    vat_rate=Decimal("0.1"),
                )
            ],
            "discount": discount,
            "net": amount - net_vat,
            "vat": net_vat,
            "amount": amount,
            "starts_at": starts_at,
            "poc": poc,
        }
    )


def postpaid_item(discount_rate: str, *, resource_id: str = "res-1") -> PricedItem:
    """A postpaid item of an account with a discount by contract."""
    return PricedItem.model_validate(
        {
            "item_id": f"item-{resource_id}",
            "resource_id": resource_id,
            "action": "create",
            "product": "vserver",
            "name": "web-1",
            "user_type": "postpaid",
            "currency": "VND",
            "discount_rate": discount_rate,
        }
    )


def month_over(period: str, at: datetime) -> TickMonth:
    """The tick that closes a month."""
    return said(TickMonth(period=period), at=at)
