"""What an account's life leaves in the portal: one of each thing, for tests that read."""

from datetime import datetime, timedelta
from decimal import Decimal

from shared.messages import Message
from shared.messages.billing import PaymentConfirmed, QuoteGiven
from shared.messages.invoicing import InvoiceIssued, InvoicePartiallyPaid, UsageReportGiven
from shared.messages.items import Component, InvoiceLine
from shared.messages.provisioning import ResourceProvisioned
from shared.messages.upstream import AccountRegistered, OrderItem, OrderPlaced, TopUpReceived
from shared.messages.wallet import WalletCredited, WalletDebited
from tests.builders import NOON, component, said


def registered(account_id: str) -> Message:
    """Who it is."""
    return said(
        AccountRegistered(account_id=account_id, email=f"{account_id}@example.com", name="An")
    )


def order_placed(account_id: str, order_id: str, *, at: datetime = NOON) -> OrderPlaced:
    """An order of one server."""
    item = OrderItem(
        item_id=f"r-{order_id}", product="vserver", name="web", components=(component(),), days=30
    )
    return said(
        OrderPlaced(
            order_id=order_id,
            account_id=account_id,
            action="create",
            items=(item,),
            payment_method="credit",
        ),
        at=at,
    )


def provisioned(
    account_id: str, order_id: str, *, name: str = "web", at: datetime = NOON
) -> ResourceProvisioned:
    """Its server runs."""
    return said(
        ResourceProvisioned(
            resource_id=f"r-{order_id}",
            account_id=account_id,
            user_type="prepaid",
            product="vserver",
            name=name,
            order_id=order_id,
            item_id=f"r-{order_id}",
            components=(Component(sku="cpu", quantity=Decimal("1.5")),),
            at=at,
            starts_at=at,
            ends_at=at + timedelta(days=30),
            state="active",
            version=1,
        ),
        at=at,
    )


def invoice_issued(account_id: str, order_id: str, *, at: datetime = NOON) -> InvoiceIssued:
    """Its invoice, which is not paid yet."""
    line = InvoiceLine(
        sku="cpu",
        description="cpu",
        quantity=Decimal("1.5"),
        minutes=43_200,
        unit_price=Decimal(60000),
        amount=90_000,
        vat=8_182,
        vat_rate=Decimal("0.1"),
    )
    return said(
        InvoiceIssued(
            invoice_id=f"inv-{order_id}",
            number=f"2026A-{order_id}",
            account_id=account_id,
            resource_id=f"r-{order_id}",
            kind="usage",
            status="unpaid",
            period_from=at,
            period_to=at + timedelta(days=30),
            lines=(line,),
            discount=0,
            net=81_818,
            vat=8_182,
            gross=90_000,
            currency="VND",
            due_at=at + timedelta(days=45),
        ),
        at=at,
    )


def wallet_credited(
    account_id: str, amount: int, position: int, *, at: datetime = NOON
) -> WalletCredited:
    """Money came, as the `position`th movement of the wallet."""
    return said(
        WalletCredited(
            account_id=account_id,
            wallet="credit",
            amount=amount,
            balance=amount * position,
            held=0,
            available=amount * position,
            reason="top_up",
            reference=f"top-{position}",
            position=position,
        ),
        at=at,
    )


def payment_confirmed(account_id: str, order_id: str, *, at: datetime = NOON) -> PaymentConfirmed:
    """It is paid."""
    return said(
        PaymentConfirmed(
            payment_id=f"pay-{order_id}",
            order_id=order_id,
            account_id=account_id,
            amount=90_000,
            currency="VND",
            method="credit",
        ),
        at=at,
    )


def life_of(account_id: str) -> list[Message]:
    """One of each thing that can be read; ids of things end with the account's."""
    order_id = f"ord-{account_id}"
    return [
        registered(account_id),
        wallet_credited(account_id, 500_000, 1),
        said(
            TopUpReceived(
                top_up_id=f"top-{account_id}",
                account_id=account_id,
                amount=500_000,
                gateway="bank",
                gateway_reference=f"t-{account_id}",
            )
        ),
        order_placed(account_id, order_id),
        said(
            WalletDebited(
                account_id=account_id,
                wallet="credit",
                amount=90_000,
                balance=410_000,
                held=0,
                available=410_000,
                reason="order",
                reference=order_id,
                position=2,
            )
        ),
        payment_confirmed(account_id, order_id),
        provisioned(account_id, order_id),
        invoice_issued(account_id, order_id),
        said(
            InvoicePartiallyPaid(
                invoice_id=f"inv-{order_id}",
                account_id=account_id,
                payment_id=f"part-{account_id}",
                amount=30_000,
                outstanding=60_000,
            )
        ),
        said(
            UsageReportGiven(
                request_id="r-1",
                account_id=account_id,
                period="2026-11",
                until=NOON,
                currency="VND",
                net=1_000,
                vat=100,
                gross=1_100,
            )
        ),
        said(QuoteGiven(quote_id=f"q-{account_id}", account_id=account_id, to_pay=1)),
    ]
