"""What others say to the notifications in a test."""

from datetime import timedelta
from typing import Any

from shared.messages.notifications import NotificationRequested
from shared.messages.upstream import (
    AccountRegistered,
    NotificationPreferencesSet,
    NotificationRecipientConfirmed,
)
from tests.builders import NOON, said

DAY = timedelta(days=1)


def registered(account_id: str = "acc-1", **others: Any) -> AccountRegistered:
    """A customer."""
    given = {"email": f"{account_id}@example.com", "name": "Ánh"} | others
    return said(AccountRegistered(account_id=account_id, **given), at=NOON - DAY)


def notice(
    template: str = "payment_confirmed", *, id: str | None = None, **facts: Any
) -> NotificationRequested:
    """Somebody has a user told something."""
    given = {"payment_id": "pay-1", "amount": 250_000} | facts
    return said(NotificationRequested(account_id="acc-1", template=template, facts=given), id=id)


def of_invoice(template: str = "invoice_paid", **facts: Any) -> NotificationRequested:
    """The same of an invoice."""
    invoice: dict[str, Any] = {
        "invoice_id": "inv-1",
        "number": "2026A-0000001",
        "currency": "VND",
        "gross": 230_000,
        "paid": 230_000,
        "outstanding": 0,
    }
    return notice(template, **invoice | facts)


def preferences(*recipients: str, after: timedelta = DAY * 0, **others: Any) -> Any:
    """What a user wants to hear of, and who gets copies."""
    wish = NotificationPreferencesSet(account_id="acc-1", recipients=recipients, **others)
    return said(wish, at=NOON + after)


def agreed(token: str, after: timedelta = DAY * 0) -> NotificationRecipientConfirmed:
    """Somebody follows the link."""
    return said(NotificationRecipientConfirmed(token=token), at=NOON + after)
