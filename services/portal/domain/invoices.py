"""What messages tell of invoices, their payments and credit notes."""

from collections.abc import Iterator

from services.portal.domain.facts import Fact
from shared.messages import Message
from shared.messages.invoicing import (
    Invoice,
    InvoiceCredited,
    InvoiceIssued,
    InvoicePaid,
    InvoicePartiallyPaid,
    InvoicesIssued,
)


def of_invoice(message: Message) -> Iterator[Fact]:
    """An invoice as it was issued."""
    match message:
        case InvoiceIssued():
            yield _invoice(message, message, None)
        case InvoicesIssued():
            for invoice in message.invoices:
                yield _invoice(invoice, message, message.period)
        case _:
            return


def _invoice(invoice: Invoice, message: Message, period: str | None) -> Fact:
    return (
        (invoice.account_id, invoice.invoice_id),
        {
            "account_id": invoice.account_id,
            "invoice_id": invoice.invoice_id,
            "number": invoice.number,
            "resource_id": invoice.resource_id,
            "order_id": invoice.order_id,
            "kind": invoice.kind,
            "period": period,
            "period_from": invoice.period_from,
            "period_to": invoice.period_to,
            "lines": [line.model_dump(mode="json", exclude_none=True) for line in invoice.lines],
            "discount": invoice.discount,
            "net": invoice.net,
            "vat": invoice.vat,
            "gross": invoice.gross,
            "currency": invoice.currency,
            "paid_at_once": invoice.status == "paid",
            "issued_at": message.time,
            "due_at": invoice.due_at,
        },
    )


def of_invoice_payment(message: Message) -> Iterator[Fact]:
    """What was paid of an invoice that was issued unpaid."""
    if isinstance(message, InvoicePaid | InvoicePartiallyPaid):
        yield (
            (message.account_id, message.invoice_id, message.payment_id),
            {
                "account_id": message.account_id,
                "invoice_id": message.invoice_id,
                "payment_id": message.payment_id,
                "amount": message.amount,
                "outstanding": message.outstanding,
                "at": message.time,
            },
        )


def of_credit_note(message: Message) -> Iterator[Fact]:
    """What corrects an invoice."""
    if isinstance(message, InvoiceCredited):
        yield (
            (message.account_id, message.credit_note_id),
            {
                "account_id": message.account_id,
                "credit_note_id": message.credit_note_id,
                "number": message.number,
                "invoice_id": message.invoice_id,
                "amount": message.amount,
                "net": message.net,
                "vat": message.vat,
                "given_back": message.given_back,
                "outstanding": message.outstanding,
                "currency": message.currency,
                "reason": message.reason,
                "at": message.time,
            },
        )
