"""A database in which real workers have played a bit of everything, for commands and the audit."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from shared.messages import Message
from shared.messages.billing import AccountSwitched, PaymentRequested
from shared.messages.catalogue import CouponPublished
from shared.messages.invoicing import InvoiceRunCompleted
from shared.messages.scheduler import TickDay, TickMonth
from shared.messages.upstream import (
    AccountSwitchRequested,
    GatewayPaymentSucceeded,
    InvoicePaymentRequested,
    OrderItem,
    PocGranted,
)
from tests.builders import NOON, said
from tests.system.house import House
from tests.system.shop import (
    LONG_AGO,
    catalogue,
    customer,
    nodes,
    order,
    server,
    topped_up,
    use_priced_catalogue,
)

OCTOBER_ENDS = datetime(2026, 10, 31, 17, 5, tzinfo=UTC)
NOVEMBER_ENDS = datetime(2026, 11, 30, 17, 5, tzinfo=UTC)
"""In Ho Chi Minh City."""
DEAD = "no-such-invoice"


async def play(house: House) -> None:
    """Prepaid orders that succeed, fail and can't be paid; a gateway's money; proofs of concept;
    two months of use, of a postpaid user and of a prepaid one against a hold."""
    house.start()
    await house.publish(*_beginning())
    await house.wait_for(AccountSwitched)
    await house.wait_until_idle()
    await house.publish(*_orders())
    await house.wait_for(PaymentRequested, lambda asked: asked.order_id == "ord-gate")
    await house.wait_for(PaymentRequested, lambda asked: asked.order_id == "ord-top")
    await house.publish(
        _paid_through_gateway("gate", 180_000, "g-1"),
        _paid_through_gateway("top", 80_000, "g-3"),
    )
    await house.wait_until_idle()
    await house.publish(said(TickMonth(period="2026-10"), at=OCTOBER_ENDS))
    await house.wait_for(InvoiceRunCompleted)
    await house.wait_until_idle()
    await house.publish(*_afterwards())
    await house.wait_until_idle()
    await house.publish(said(TickMonth(period="2026-11"), at=NOVEMBER_ENDS))
    await house.wait_for(InvoiceRunCompleted, lambda run: run.period == "2026-11")
    await house.wait_until_idle()


def _beginning() -> Sequence[Message]:
    to_postpaid = AccountSwitchRequested(
        account_id="chi", user_type="postpaid", requested_by="sales", reason="contract"
    )
    coupon = CouponPublished.model_validate(
        {
            "code": "SAVE",
            "kind": "amount",
            "value": "20000",
            "products": ["vserver"],
            "valid_until": NOON + timedelta(days=30),
        }
    )
    grant = PocGranted(
        account_id="pia", amount=900_000, ends_at=NOON + timedelta(days=60), granted_by="sales"
    )
    return [
        *catalogue(),
        said(coupon, at=LONG_AGO),
        *customer("an", credit=2_000_000),
        *customer("bad", credit=300_000),
        *customer("poor"),
        *customer("gate"),
        *customer("top", credit=100_000),
        *customer("chi"),
        *customer("pia"),
        said(grant, at=NOON - timedelta(days=1)),
        *customer("kim", credit=50_000_000),
        *use_priced_catalogue(),
        said(to_postpaid, at=datetime(2026, 9, 20, tzinfo=UTC)),
    ]


def _orders() -> Sequence[Message]:
    shop, extra = server("shop", "image", days=None), server("extra", "disk", days=None)
    october = datetime(2026, 10, 3, tzinfo=UTC)
    return [
        order("ord-web", [server("web", "image", "disk")], account_id="an", coupon="SAVE"),
        order("ord-two", [server("good", "image"), server("worse", "broken")], account_id="an"),
        order("ord-bad", [server("bad", "image", "broken")], account_id="bad"),
        order("ord-poor", [server("none", "image")], account_id="poor"),
        order("ord-gate", [server("gated", "image")], account_id="gate", payment_method="gateway"),
        order(
            "ord-top",
            [server("topped", "image")],
            account_id="top",
            payment_method="top_up_and_pay",
        ),
        order("trial", [server("trial", "image")], account_id="pia", payment_method="poc"),
        order(
            "ord-tries",
            [server("tried", "image"), server("untried", "broken")],
            account_id="pia",
            payment_method="poc",
        ),
        order("ord-nodes", [nodes("nodes")], account_id="kim"),
        order("ord-shop", [shop], account_id="chi", at=october),
        order("ord-extra", [extra], account_id="chi", at=october),
    ]


def _afterwards() -> Sequence[Message]:
    """A proof of concept is stopped; deletions, one told only after its month was invoiced;
    automatic payment; and what nobody can handle."""
    good, extra = (OrderItem(item_id=f"del-{one}", resource_id=one) for one in ("good", "extra"))
    nonsense = InvoicePaymentRequested(invoice_id=DEAD, account_id="chi", method="credit")
    tried = OrderItem(item_id="stop-tried", resource_id="tried")
    return [
        order(
            "ord-stop", [tried], account_id="pia", action="stop_poc", at=NOON + timedelta(days=30)
        ),
        order("ord-del", [good], account_id="an", action="delete", at=NOON + timedelta(days=30)),
        order(
            "ord-late",
            [extra],
            account_id="chi",
            action="delete",
            at=datetime(2026, 10, 20, tzinfo=UTC),
        ),
        _paid_through_gateway("gate", 180_000, "g-2"),
        *topped_up("chi", 50_000),
        said(TickDay(), at=NOON + timedelta(days=1)),
        said(nonsense, at=NOON, id="nonsense"),
    ]


def _paid_through_gateway(what: str, amount: int, reference: str) -> Message:
    succeeded = GatewayPaymentSucceeded(
        payment_id=f"payment-ord-{what}", gateway="bank", gateway_reference=reference, amount=amount
    )
    return said(succeeded, at=NOON + timedelta(minutes=5))
