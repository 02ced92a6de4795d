"""Invoices as invoicing tells of them."""

from datetime import UTC, datetime
from decimal import Decimal

from shared.messages.invoicing import InvoiceIssued
from shared.messages.items import InvoiceLine
from tests.builders import said


def invoice_issued(account_id: str = "acc-1", invoice_id: str = "inv-1") -> InvoiceIssued:
    """An unpaid invoice over 100,000 dong."""
    return said(
        InvoiceIssued(
            invoice_id=invoice_id,
            number=f"2026A-000000{invoice_id[-1]}",
            account_id=account_id,
            resource_id="res-1",
            kind="usage",
            status="unpaid",
            period_from=datetime(2026, 10, 1, tzinfo=UTC),
            period_to=datetime(2026, 11, 1, tzinfo=UTC),
            lines=(
                InvoiceLine(
                    sku="cpu",
                    description="web: cpu",
                    quantity=Decimal(1),
                    minutes=43_200,
                    unit_price=Decimal(90_909),
                    amount=90_909,
                ),
            ),
            discount=0,
            net=90_909,
            vat=9_091,
            gross=100_000,
            currency="VND",
        )
    )
