"""What is said besides orders: what customers ask in the portal, and what pays invoices."""

from datetime import datetime
from typing import Final

from shared.ids import derived_id
from shared.messages import Message
from shared.messages.invoicing import Invoice
from shared.messages.upstream import (
    AccountChanged,
    BillingDetails,
    GatewayPaymentFailed,
    GatewayPaymentSucceeded,
    InvoiceCreditRequested,
    InvoicePaymentRecorded,
    InvoicePaymentRequested,
    NotificationPreferencesSet,
    NotificationRecipientConfirmed,
    QuoteRequested,
    TopUpRequested,
    UsageReportRequested,
)
from tests.builders import said, to_credit
from tests.system.shop import server

IMAGE_VND: Final = 180_000
"""What an image costs for 60 days."""
ASKED_VND: Final = 10_000
"""What is asked to be paid in through a gateway."""
GOODWILL_VND: Final = 1_000


def copied_to(account_id: str) -> str:
    """The address that is to get copies of an account's notices."""
    return f"copy-{account_id}@example.com"


def questions(name: str, accounts: int, at: datetime) -> list[Message]:
    """What customers ask and wish in the portal, besides orders."""
    messages: list[Message] = []
    for number in range(0, accounts, 2):
        account_id = f"{name}-rich-{number}"
        quote = QuoteRequested(
            quote_id=f"{name}-quote-{number}",
            account_id=account_id,
            action="create",
            items=(server(f"{name}-quoted-{number}", "image", "disk"),),
        )
        wish = NotificationPreferencesSet(
            account_id=account_id, recipients=(copied_to(account_id),)
        )
        agreed = NotificationRecipientConfirmed(token=f"{name}-unknown-{number}")
        top_up = TopUpRequested(
            top_up_id=f"{name}-asked-{number}", account_id=account_id, amount=ASKED_VND
        )
        used = UsageReportRequested(
            request_id=f"{name}-used-{number}",
            account_id=f"{name}-late-{number}",
            period="2026-11",
        )
        moved = AccountChanged(
            account_id=account_id, billing_details=BillingDetails(legal_name="Moved")
        )
        messages += (said(one, at=at) for one in (quote, wish, agreed, top_up, used, moved))
    return messages


def paid_through_bank(payment_id: str, amount: int) -> GatewayPaymentSucceeded:
    """A gateway took the money."""
    return GatewayPaymentSucceeded(
        payment_id=payment_id,
        gateway="bank",
        gateway_reference=derived_id("paid", payment_id),
        amount=amount,
    )


def declined(payment_id: str) -> GatewayPaymentFailed:
    """A gateway did not take the money."""
    return GatewayPaymentFailed(
        payment_id=payment_id,
        gateway="bank",
        gateway_reference=derived_id("declined", payment_id),
        reason="declined",
    )


def paid_by(invoice: Invoice, method: str) -> InvoicePaymentRequested:
    """A customer pays what is left of an invoice."""
    return InvoicePaymentRequested.model_validate(
        {"invoice_id": invoice.invoice_id, "account_id": invoice.account_id, "method": method}
    )


def recorded(invoice: Invoice, amount: int, reference: str) -> InvoicePaymentRecorded:
    """Sales note money that came by bank transfer."""
    return InvoicePaymentRecorded(
        invoice_id=invoice.invoice_id,
        account_id=invoice.account_id,
        amount=amount,
        reference=reference,
        recorded_by="sales",
    )


def corrected(invoice: Invoice) -> InvoiceCreditRequested:
    """Support have half of an invoice credited."""
    return to_credit(
        derived_id("note", invoice.invoice_id),
        invoice.invoice_id,
        max(1, invoice.gross // 2),
        account_id=invoice.account_id,
    )


def goodwill(account_id: str, resource_id: str) -> InvoiceCreditRequested:
    """Support have something credited of what a resource was created for, less than is used before
    it could be deleted: the rest may go back at the same time."""
    return to_credit(
        derived_id("goodwill", resource_id),
        derived_id("invoice", resource_id, resource_id),
        GOODWILL_VND,
        account_id=account_id,
    )
