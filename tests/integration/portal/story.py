"""The life of an account as messages: what the portal hears of it from others."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from shared.messages import Message
from shared.messages.billing import (
    OrderConfirmed,
    PaymentConfirmed,
    PaymentRequested,
    QuotedItem,
    QuoteGiven,
    RefundToCredit,
)
from shared.messages.catalogue import PricePublished, ProductPublished
from shared.messages.gateways import PaymentLinkReady
from shared.messages.invoicing import (
    InvoiceCredited,
    InvoiceIssued,
    InvoicePartiallyPaid,
    InvoicesIssued,
    ResourceUsage,
    UsageReportGiven,
)
from shared.messages.items import Component, InvoiceLine, PricedItem
from shared.messages.notifications import (
    NotificationRecipientAgreed,
    NotificationRecipientAsked,
    NotificationRequested,
    NotificationSent,
)
from shared.messages.provisioning import (
    ProvisioningFailed,
    ResourceProvisioned,
    ResourceStopped,
    ResourceSuspended,
)
from shared.messages.upstream import (
    AccountRegistered,
    NoticeGroup,
    NotificationPreferencesSet,
    OrderItem,
    OrderPlaced,
    PocGranted,
    ResourceAutoRenewSet,
    TopUpReceived,
)
from shared.messages.wallet import WalletCredited, WalletDebited
from tests.builders import NOON, component, said

ACCOUNT = "acc-1"
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
LINE = InvoiceLine(
    sku="image",
    description="vServer: image",
    quantity=Decimal(1),
    minutes=43_200,
    unit_price=Decimal(90_000),
    amount=90_000,
    vat=8_182,
    vat_rate=Decimal("0.1"),
    vat_included=True,
)


def registered(account_id: str = ACCOUNT, name: str = "An") -> AccountRegistered:
    """A customer."""
    return said(
        AccountRegistered(account_id=account_id, email=f"{account_id}@example.com", name=name),
        id=f"registered {account_id}",
    )


def on_sale() -> list[Message]:
    """A product with two parts."""
    product = ProductPublished(
        product="vserver",
        name="vServer",
        vat_rate=Decimal("0.1"),
        refundable=True,
        expiry_policy="grace",
        trash_days=7,
        renew_attempt_days=(3,),
        actions=("create", "resize", "renew", "recover", "delete", "stop", "start", "reboot"),
        driver="simulated",
    )
    prices = [
        PricePublished(
            product="vserver",
            sku=sku,
            unit_price=Decimal(amount),
            currency="VND",
            per="30d",
            effective_from=NOON - 100 * DAY,
        )
        for sku, amount in (("disk", 35_000), ("image", 90_000))
    ]
    return [said(one, at=NOON - 90 * DAY) for one in (product, *prices)]


def priced_item(resource_id: str = "vm-1", **more: Any) -> PricedItem:
    """A priced server of an image for 30 days."""
    return PricedItem.model_validate(
        {
            "item_id": resource_id,
            "resource_id": resource_id,
            "action": "create",
            "product": "vserver",
            "name": "web",
            "user_type": "prepaid",
            "currency": "VND",
            "components": [component("image").model_dump()],
            "lines": [LINE.model_dump()],
            "net": 81_818,
            "vat": 8_182,
            "amount": 90_000,
            "days": 30,
            **more,
        }
    )


def topped_up(amount: int = 500_000, *, at: datetime = NOON) -> list[Message]:
    """Money came, and is credit."""
    received = said(
        TopUpReceived(
            top_up_id="top-1",
            account_id=ACCOUNT,
            amount=amount,
            gateway="bank",
            gateway_reference="r-1",
        ),
        at=at,
    )
    return [received, wallet(WalletCredited, amount, amount, 1, at=at, reason="top_up")]


def wallet(
    kind: type[WalletCredited] | type[WalletDebited],
    amount: int,
    balance: int,
    position: int,
    *,
    at: datetime = NOON,
    reason: str = "order",
) -> Message:
    """The wallet moved."""
    return said(
        kind(
            account_id=ACCOUNT,
            wallet="credit",
            amount=amount,
            balance=balance,
            held=0,
            available=balance,
            reason=reason,
            reference=f"ref-{position}",
            position=position,
        ),
        at=at,
        id=f"wallet {position}",
    )


def bought(order_id: str = "ord-1", resource_id: str = "vm-1") -> list[Message]:
    """A server that was ordered, paid, provided and invoiced."""
    placed = said(
        OrderPlaced(
            order_id=order_id,
            account_id=ACCOUNT,
            action="create",
            items=(
                OrderItem(
                    item_id=resource_id,
                    product="vserver",
                    name="web",
                    components=(component("image"),),
                    days=30,
                ),
            ),
            payment_method="credit",
        ),
        id=f"placed {order_id}",
    )
    paid = PaymentConfirmed(
        payment_id=f"payment-{order_id}",
        order_id=order_id,
        account_id=ACCOUNT,
        amount=90_000,
        currency="VND",
        method="credit",
        items=(priced_item(resource_id),),
    ).because(placed)
    running = ResourceProvisioned(
        resource_id=resource_id,
        account_id=ACCOUNT,
        user_type="prepaid",
        product="vserver",
        name="web",
        order_id=order_id,
        item_id=resource_id,
        components=(Component(sku="image", quantity=Decimal(1)),),
        at=NOON,
        starts_at=NOON,
        ends_at=NOON + 10 * DAY,
        state="active",
        version=1,
        payment_id=f"payment-{order_id}",
        item=priced_item(resource_id),
    ).because(paid)
    issued = InvoiceIssued(
        invoice_id=f"invoice-{order_id}",
        number=f"2026A-{order_id}",
        account_id=ACCOUNT,
        resource_id=resource_id,
        order_id=order_id,
        kind="prepaid",
        status="paid",
        period_from=NOON,
        period_to=NOON + 30 * DAY,
        lines=(LINE,),
        discount=0,
        net=81_818,
        vat=8_182,
        gross=90_000,
        currency="VND",
    ).because(running)
    told = NotificationRequested(
        account_id=ACCOUNT, template="resource_created", facts={"name": "web"}
    ).because(running)
    return [placed, paid, wallet(WalletDebited, 90_000, 410_000, 2), running, issued, told]


def stopped(version: int = 2) -> Message:
    """The server stopped."""
    return said(
        ResourceStopped(
            resource_id="vm-1",
            account_id=ACCOUNT,
            user_type="prepaid",
            product="vserver",
            name="web",
            components=(component("image"),),
            at=NOON + HOUR,
            starts_at=NOON,
            ends_at=NOON + 10 * DAY,
            state="stopped",
            version=version,
        ),
        at=NOON + HOUR,
        id=f"stopped {version}",
    )


def suspended() -> Message:
    """The server's term is over."""
    return said(
        ResourceSuspended(
            resource_id="vm-1",
            account_id=ACCOUNT,
            user_type="prepaid",
            product="vserver",
            name="web",
            components=(component("image"),),
            at=NOON + 10 * DAY,
            starts_at=NOON,
            ends_at=NOON + 10 * DAY,
            state="suspended",
            version=3,
        ),
        at=NOON + 10 * DAY,
        id="suspended",
    )


def failed() -> list[Message]:
    """An order whose server could not be provided; the money is credit again."""
    confirmed = said(
        OrderConfirmed(
            order_id="ord-2",
            account_id=ACCOUNT,
            action="create",
            items=(priced_item("vm-2"),),
        ),
        id="confirmed ord-2",
    )
    broken = ProvisioningFailed(
        order_id="ord-2",
        item_id="vm-2",
        resource_id="vm-2",
        account_id=ACCOUNT,
        action="create",
        reason="simulated_failure",
    ).because(confirmed)
    refund = RefundToCredit(
        refund_id="refund-2",
        account_id=ACCOUNT,
        wallet="credit",
        amount=90_000,
        order_id="ord-2",
        item_id="vm-2",
        reason="provisioning_failed",
    ).because(broken)
    return [confirmed, broken, refund]


def month_invoices() -> list[Message]:
    """An unpaid invoice of the month's run; some of it paid, some of it credited."""
    invoice = {
        "invoice_id": "invoice-month",
        "number": "2026A-0000009",
        "account_id": ACCOUNT,
        "resource_id": "vm-1",
        "kind": "usage",
        "status": "unpaid",
        "period_from": NOON - 30 * DAY,
        "period_to": NOON,
        "lines": [LINE.model_dump(mode="json")],
        "discount": 0,
        "net": 81_818,
        "vat": 8_182,
        "gross": 90_000,
        "currency": "VND",
        "due_at": NOON + 15 * DAY,
    }
    issued = said(
        InvoicesIssued.model_validate({"period": "2026-10", "invoices": [invoice]}), id="run"
    )
    paid = InvoicePartiallyPaid(
        invoice_id="invoice-month",
        account_id=ACCOUNT,
        payment_id="payment-part",
        amount=30_000,
        outstanding=60_000,
    ).because(issued, at=NOON + HOUR)
    credited = InvoiceCredited(
        credit_note_id="note-1",
        number="2026A-C1",
        invoice_id="invoice-month",
        account_id=ACCOUNT,
        amount=10_000,
        net=9_091,
        vat=909,
        given_back=0,
        outstanding=50_000,
        currency="VND",
        reason="outage",
    ).because(issued, at=NOON + 2 * HOUR)
    return [issued, paid, credited]


def waiting_for_gateway() -> list[Message]:
    """An invoice's payment that waits at a gateway."""
    requested = said(
        PaymentRequested(
            payment_id="payment-gate",
            invoice_id="invoice-month",
            account_id=ACCOUNT,
            amount=50_000,
            method="gateway",
            pay_until=NOON + DAY,
        ),
        id="requested gate",
    )
    link = PaymentLinkReady(
        payment_id="payment-gate",
        account_id=ACCOUNT,
        gateway="zalopay",
        url="https://pay.example.com/1",
        pay_until=NOON + DAY,
    ).because(requested)
    return [requested, link]


def granted() -> Message:
    """Sales grant a proof of concept."""
    return said(
        PocGranted(
            account_id=ACCOUNT, amount=1_000_000, ends_at=NOON + 30 * DAY, granted_by="sales"
        ),
        id="granted",
    )


def auto_renewal(months: int | None, *, at: datetime = NOON) -> ResourceAutoRenewSet:
    """The user sets automatic renewal."""
    wish = {"account_id": ACCOUNT, "resource_id": "vm-1", "months": months}
    return said(ResourceAutoRenewSet.model_validate(wish), at=at, id=f"auto {months} {at}")


def wished(
    *recipients: str, muted: Sequence[NoticeGroup] = (), at: datetime = NOON
) -> NotificationPreferencesSet:
    """The user says what to be told, and who gets copies."""
    wish = {"account_id": ACCOUNT, "muted": muted, "recipients": recipients, "language": "vi"}
    return said(NotificationPreferencesSet.model_validate(wish), at=at, id=f"wish {at}")


def asked(wish: NotificationPreferencesSet, email: str) -> NotificationRecipientAsked:
    """An address is asked to agree to copies."""
    return NotificationRecipientAsked(
        account_id=ACCOUNT, email=email, asked_at=wish.time, valid_until=wish.time + 3 * DAY
    ).because(wish, key=email)


def agreed(
    wish: NotificationPreferencesSet, email: str, after: timedelta = HOUR
) -> NotificationRecipientAgreed:
    """An address agrees to them."""
    return NotificationRecipientAgreed(account_id=ACCOUNT, email=email, asked_at=wish.time).because(
        wish, key=email, at=wish.time + after
    )


def notified() -> list[Message]:
    """The user is told things, chooses which, and has copies sent to two, of whom one agrees."""
    early = wished("old@example.com", at=NOON - DAY)
    wish = wished("boss@example.com", "books@example.com", muted=("payments",))
    told = said(
        NotificationRequested(
            account_id=ACCOUNT, template="invoice_paid", facts={"invoice_id": "invoice-ord-1"}
        ),
        id="told",
    )
    sent = NotificationSent(
        notice_id="notice-1", account_id=ACCOUNT, template="invoice_paid", subject="Paid"
    ).because(told)
    return [
        early,
        asked(early, "old@example.com"),
        wish,
        asked(wish, "boss@example.com"),
        asked(wish, "books@example.com"),
        agreed(wish, "boss@example.com"),
        told,
        sent,
    ]


def quoted(quote_id: str, amount: int = 90_000) -> QuoteGiven:
    """Billing's answer to a page."""
    item = QuotedItem.model_validate(priced_item().model_dump() | {"amount": amount})
    return said(
        QuoteGiven(
            quote_id=quote_id,
            account_id=ACCOUNT,
            currency="VND",
            user_type="prepaid",
            items=(item,),
            to_pay=amount,
        )
    )


def used(request_id: str = "r-1", *, until: datetime = NOON, gross: int = 90_000) -> Message:
    """Invoicing's answer to a page."""
    return said(
        UsageReportGiven(
            request_id=request_id,
            account_id=ACCOUNT,
            period="2026-11",
            until=until,
            currency="VND",
            resources=(
                ResourceUsage(
                    resource_id="vm-1", lines=(LINE,), net=gross - 8_182, vat=8_182, gross=gross
                ),
            ),
            net=gross - 8_182,
            vat=8_182,
            gross=gross,
        ),
        at=until,
        id=request_id,
    )


def whole_life() -> list[Message]:
    """All of it, in the order in which it happened."""
    return [
        registered(),
        *on_sale(),
        *topped_up(),
        *bought(),
        stopped(),
        *failed(),
        *month_invoices(),
        *waiting_for_gateway(),
        granted(),
        auto_renewal(3),
        *notified(),
        used(),
    ]
