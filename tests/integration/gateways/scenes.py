"""What billing and the clock say to the gateways in a test."""

from datetime import timedelta

from shared.messages import Message
from shared.messages.billing import PaymentRequested
from shared.messages.gateways import PaymentLinkReady
from shared.messages.model import PaymentMethod
from shared.messages.scheduler import TickMinute
from tests.builders import NOON, said
from tests.integration.gateways.conftest import Office
from tests.integration.gateways.stand_in import StandIn

UNTIL = NOON + timedelta(days=1)
MINUTE = timedelta(minutes=1)


def requested(
    payment_id: str = "pay-1",
    amount: int = 250_000,
    method: PaymentMethod = "gateway",
    currency: str = "VND",
) -> PaymentRequested:
    """Billing asks for money."""
    return said(
        PaymentRequested(
            payment_id=payment_id,
            order_id="ord-1",
            account_id="acc-1",
            amount=amount,
            currency=currency,
            method=method,
            pay_until=UNTIL,
        ),
        id=f"asked-{payment_id}-{amount}",
    )


def tick(after: timedelta) -> Message:
    """A minute begins so long after noon."""
    return said(TickMinute(), at=NOON + after)


async def open_order(office: Office, stand_in: StandIn, payment: PaymentRequested) -> str:
    """Have a payment's page created; returns the id by which ZaloPay knows it."""
    await office.handle(payment)
    await office.work()
    (link,) = await office.said(PaymentLinkReady)
    return stand_in.order_of(link.url)
