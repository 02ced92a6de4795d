"""A credit note and a refund of billing for the same resource cross between two services."""

from collections.abc import Sequence

import pytest

from services.billing.handlers import HANDLERS as BILLING
from services.invoicing.handlers import HANDLERS as INVOICING
from shared.messages import Message, Said
from shared.messages.billing import OrderConfirmed, PaymentConfirmed, RefundToCredit
from shared.messages.invoicing import InvoiceIssued
from shared.messages.provisioning import ResourceEvent
from shared.messages.upstream import InvoiceCreditRequested
from shared.messages.wallet import WalletCharge
from tests.builders import NOON, said, to_credit
from tests.conftest import OpenDatabase
from tests.integration.billing import till
from tests.integration.billing.neighbours import (
    ACCOUNT,
    acted,
    components_of,
    created,
    debited,
    happened,
    item_of,
    priced,
    published,
    registered,
)
from tests.integration.billing.till import of_type, one, refusals
from tests.integration.invoicing import house

PAID = 90_000


class Both:
    """Billing and invoicing, without queues: what they say is delivered when a test says so."""

    def __init__(self, open_database: OpenDatabase) -> None:
        self.open_database = open_database

    async def billing(self, *messages: Message) -> list[Said]:
        """Billing handles a group."""
        async with self.open_database("billing") as db:
            return await till.handle(db, messages)

    async def invoicing(self, *messages: Message) -> list[Said]:
        """Invoicing handles a group."""
        async with self.open_database("invoicing") as db:
            return await house.handle(messages, db)

    async def deliver(self, answers: Sequence[Said]) -> list[Said]:
        """All that was said, and all that this leads to, reaches whoever handles it."""
        everything, waiting = list(answers), list(answers)
        while waiting:
            messages = [one for one in waiting if isinstance(one, Message)]
            waiting = [
                *await self.billing(*(one for one in messages if type(one) in BILLING)),
                *await self.invoicing(*(one for one in messages if type(one) in INVOICING)),
            ]
            everything += waiting
        return everything

    async def running(self) -> tuple[ResourceEvent, InvoiceCreditRequested]:
        """A prepaid resource that runs, and the request to credit its invoice in full."""
        shop = registered(), published(), priced("image", PAID), priced("disk", 35_000)
        await self.billing(*shop)
        await self.invoicing(*shop[:2])
        charge = one(await self.billing(created(item_of("image"))), WalletCharge)
        confirmed = one(await self.billing(debited(charge)), PaymentConfirmed)
        event = happened(confirmed)
        await self.billing(event)
        invoice = one(await self.invoicing(event), InvoiceIssued)
        request = to_credit("cn-1", invoice.invoice_id, PAID, account_id=ACCOUNT)
        return event, said(request, at=NOON)

    async def ends(self, event: ResourceEvent, action: str) -> ResourceEvent:
        """What a user ordered is done, which neither service has heard of."""
        smaller = acted("resize", components=components_of("disk"))
        order = smaller if action == "resize" else acted(action)
        confirmed = one(await self.billing(order), OrderConfirmed)
        return happened(confirmed, before=event)


@pytest.mark.parametrize(("action", "unused"), [("delete", 90_000), ("resize", 55_000)])
async def test_a_refund_and_a_credit_note_that_cross_give_no_more_back_than_went_in(
    open_database: OpenDatabase, action: str, unused: int
) -> None:
    both = Both(open_database)
    event, request = await both.running()
    done = await both.ends(event, action)
    crossing = [*await both.invoicing(request), *await both.billing(done)]
    answers = await both.deliver([*crossing, done])
    refunds = of_type(answers, RefundToCredit)
    assert [(refund.amount, refund.reason) for refund in refunds] == [(unused, f"{action}d")]
    assert refusals(answers) == ["exceeds_invoice"]


@pytest.mark.parametrize(
    ("action", "first"), [("delete", (PAID, "invoice_credited")), ("resize", (55_000, "resized"))]
)
async def test_a_credit_note_before_a_refund_takes_what_no_order_has_a_claim_to(
    open_database: OpenDatabase, action: str, first: tuple[int, str]
) -> None:
    """What a deletion gives back is known once it is done; an order for less says it at once."""
    both = Both(open_database)
    event, request = await both.running()
    done = await both.ends(event, action)
    asked = [one for one in await both.invoicing(request) if isinstance(one, Message)]
    told = [*await both.billing(*asked), *await both.billing(done)]
    refunds = of_type(await both.deliver([*told, done]), RefundToCredit)
    assert [(refund.amount, refund.reason) for refund in refunds] == [first]
