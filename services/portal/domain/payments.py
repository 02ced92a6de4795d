"""What messages tell of payments: of orders, of invoices, and top-ups through a gateway."""

from collections.abc import Iterator
from typing import Any, Final

from services.portal.domain.facts import Fact
from shared.ids import derived_id
from shared.messages import Message
from shared.messages.billing import PaymentConfirmed, PaymentFailed, PaymentRequested
from shared.messages.gateways import PaymentLinkReady, TopUpFailed
from shared.messages.upstream import InvoicePaymentRecorded, TopUpReceived, TopUpRequested

TRANSFER: Final = "transfer"
"""The gateway of money that somebody saw on the bank's statement."""


def of_payment(message: Message) -> Iterator[Fact]:
    """How far a payment is, and where it can be made."""
    told: dict[str, Any]
    match message:
        case PaymentRequested():
            told = _of(message) | {
                "method": message.method,
                "amount": message.amount,
                "currency": message.currency,
                "requested_at": message.time,
                "pay_until": message.pay_until,
            }
        case PaymentConfirmed():
            told = _of(message) | {
                "method": message.method,
                "amount": message.amount,
                "currency": message.currency,
                "confirmed_at": message.time,
            }
        case PaymentFailed():
            told = _of(message) | {"failed_at": message.time, "reason": message.reason}
        case PaymentLinkReady():
            told = {"gateway": message.gateway, "url": message.url, "pay_until": message.pay_until}
        case TopUpRequested():
            told = {
                "method": "gateway",
                "amount": message.amount,
                "currency": message.currency,
                "requested_at": message.time,
                "top_up": True,
            }
        case TopUpReceived():
            told = {
                "method": "transfer" if message.gateway == TRANSFER else "gateway",
                "gateway": message.gateway,
                "amount": message.amount,
                "confirmed_at": message.time,
                "top_up": True,
            }
        case TopUpFailed():
            told = {
                "method": "gateway",
                "gateway": message.gateway,
                "amount": message.amount,
                "failed_at": message.time,
                "reason": message.reason[:64],
                "top_up": True,
            }
        case InvoicePaymentRecorded():
            told = {
                "method": "recorded",
                "invoice_id": message.invoice_id,
                "amount": message.amount,
                "confirmed_at": message.time,
            }
        case _:
            return
    match message:
        case TopUpReceived():
            payment_id = message.requested_as or message.top_up_id
        case TopUpRequested() | TopUpFailed():
            payment_id = message.top_up_id
        case InvoicePaymentRecorded():
            payment_id = recorded_id(message.invoice_id, message.reference)
        case _:
            payment_id = message.payment_id
    key = {"account_id": message.account_id, "payment_id": payment_id}
    yield (message.account_id, payment_id), key | told


def _of(message: PaymentRequested | PaymentConfirmed | PaymentFailed) -> dict[str, Any]:
    return {"order_id": message.order_id, "invoice_id": message.invoice_id}


def recorded_id(invoice_id: str, reference: str) -> str:
    """The payment's id, as invoicing has it, that Sales recorded for an invoice."""
    return derived_id("recorded", invoice_id, reference)
