"""Messages as upstream services would publish them, with defaults for what a test is not about."""

import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeVar

from shared.envelope import Envelope
from shared.messages import Message
from shared.messages.items import Component
from shared.messages.upstream import InvoiceCreditRequested

M = TypeVar("M", bound=Message)

NOON = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
"""The business time of a message, where a test does not care."""


def said(message: M, *, at: datetime = NOON, id: str | None = None, attempt: int = 0) -> M:
    """Stamp a message as its source would, with an id of its own."""
    return message.within(
        Envelope(
            id=id or uuid.uuid4().hex,
            source=message.source,
            type=message.type,
            time=at,
            subject=getattr(message, "account_id", None),
            attempt=attempt,
        )
    )


def component(sku: str = "cpu", quantity: str | int = 1) -> Component:
    """A part of a configuration."""
    return Component(sku=sku, quantity=Decimal(quantity))


def to_credit(
    credit_note_id: str, invoice_id: str, amount: int, *, account_id: str = "acc-1"
) -> InvoiceCreditRequested:
    """Support have so much of an invoice credited; not stamped yet."""
    return InvoiceCreditRequested(
        credit_note_id=credit_note_id,
        invoice_id=invoice_id,
        account_id=account_id,
        amount=amount,
        reason="an hour without network",
        requested_by="support",
    )
