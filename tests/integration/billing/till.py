"""Billing's handlers on a real database."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

from services.billing.handlers import HANDLERS
from shared.database import Connection
from shared.messages import Message, NotYet, Refused, Said
from shared.messages.billing import PaymentConfirmed
from shared.messages.provisioning import (
    ResourceEvent,
)
from shared.messages.upstream import (
    OrderPlaced,
)
from shared.messages.wallet import WalletCharge
from shared.service import Handler
from shared.wire import parse
from tests.builders import NOON
from tests.integration.billing.neighbours import (
    created,
    debited,
    happened,
    item_of,
    priced,
    published,
    registered,
)

M = TypeVar("M", bound=Message)


async def handle(db: Connection, messages: Sequence[Message]) -> list[Said]:
    """Have the service handle a group of messages, as its worker does; confirmations are read back
    from what goes over the wire."""
    answers: list[Said] = []
    for handler in dict.fromkeys(HANDLERS.values()):
        if mine := [one for one in messages if _handler(one) is handler]:
            answers += await handler(mine, db)
    return [
        parse(answer.encode(), answer.type) if isinstance(answer, PaymentConfirmed) else answer
        for answer in answers
    ]


def _handler(message: Message) -> Handler | None:
    return HANDLERS.get(type(message))


class Till:
    """Billing in a test: it hears messages, a group and a transaction at a time."""

    def __init__(self, db: Connection) -> None:
        self.db = db

    async def hear(self, *messages: Message) -> list[Said]:
        """Handle a group; its answers are not followed."""
        async with self.db.transaction():
            return await handle(self.db, messages)

    async def rows(self, statement: str, *arguments: object) -> list[dict[str, Any]]:
        """What the database holds."""
        return [dict(row) for row in await self.db.fetch(statement, *arguments)]

    async def open_shop(self, *more: Message, **product: Any) -> None:
        """An account, a product with two prices, and what else is on sale."""
        await self.hear(
            registered(),
            published(**product),
            priced("image", 90_000),
            priced("disk", 35_000),
            *more,
        )

    async def pay(self, *orders: OrderPlaced) -> PaymentConfirmed:
        """Place orders of which one is to be paid, from credit that suffices."""
        charge = one(await self.hear(*orders), WalletCharge)
        return one(await self.hear(debited(charge)), PaymentConfirmed)

    async def run(
        self, resource_id: str = "vm-1", *, at: datetime = NOON, **item: Any
    ) -> ResourceEvent:
        """Create a prepaid resource of an image for 30 days, and have it provisioned."""
        confirmed = await self.pay(created(item_of("image", item_id=resource_id, **item), at=at))
        event = happened(confirmed, at=at)
        await self.hear(event)
        return event

    async def state(self, resource_id: str = "vm-1") -> str:
        """The state of a resource."""
        [row] = await self.rows("select state from resource where resource_id = $1", resource_id)
        return str(row["state"])


def of_type(answers: Sequence[Said], message_type: type[M]) -> list[M]:
    """Those of the answers that are of one type."""
    return [answer for answer in answers if isinstance(answer, message_type)]


def one(answers: Sequence[Said], message_type: type[M]) -> M:
    """The only answer of its type."""
    found = of_type(answers, message_type)
    assert len(found) == 1, answers
    return found[0]


def waits(answers: Sequence[Said]) -> list[str]:
    """Why messages are put off."""
    return [answer.reason for answer in answers if isinstance(answer, NotYet)]


def refusals(answers: Sequence[Said]) -> list[str]:
    """Why messages are put away."""
    return [answer.reason for answer in answers if isinstance(answer, Refused)]
