"""What messages tell of what accounts want to be told, and what of it may be muted (reading 6)."""

from collections.abc import Iterator, Mapping
from typing import Final, Literal, TypeAlias

from services.portal.domain.facts import Fact
from shared.messages import Message
from shared.messages.notifications import (
    NotificationFailed,
    NotificationRecipientAgreed,
    NotificationRecipientAsked,
    NotificationSent,
)
from shared.messages.upstream import AccountRegistered, NoticeGroup, NotificationPreferencesSet

MOST_RECIPIENTS: Final = 10

Agreement: TypeAlias = Literal["waiting", "late", "agreed"]
"""Of an address that gets copies: it may still agree, it no longer may, or it has."""

ALWAYS: Final[Mapping[NoticeGroup, tuple[str, ...]]] = {
    "account": ("account_switched", "webhook_disabled", "recipient_confirmation", "poc_granted"),
    "resources": ("provisioning_failed",),
    "renewals_and_bills": (
        "resource_suspended",
        "resource_release_soon",
        "resource_released",
        "invoices_overdue",
        "hold_short",
        "poc_ends_soon",
        "poc_stopped",
    ),
    "payments": ("payment_link",),
}
"""The notices of each group that are sent whatever is muted."""

MUTABLE: Final[Mapping[NoticeGroup, tuple[str, ...]]] = {
    "resources": (
        "resource_created",
        "resource_resized",
        "resource_renewed",
        "resource_recovered",
        "resource_deleted",
    ),
    "renewals_and_bills": (
        "resource_ends_soon",
        "auto_renew_failed",
        "auto_renew_refused",
        "invoice_paid",
        "invoice_partially_paid",
        "invoice_payment_failed",
        "invoice_nothing_due",
        "invoice_credited",
    ),
    "payments": ("payment_confirmed", "payment_failed", "payment_became_credit"),
}
"""The notices of each group that may be muted; a group without any can't be."""


def of_preferences(message: Message) -> Iterator[Fact]:
    """What an account wants to be told, and its language."""
    match message:
        case AccountRegistered():
            yield (
                (message.account_id,),
                {
                    "account_id": message.account_id,
                    "language": message.language,
                    "language_at": message.time if message.language else None,
                },
            )
        case NotificationPreferencesSet():
            yield (
                (message.account_id,),
                {
                    "account_id": message.account_id,
                    "muted": sorted(set(message.muted)),
                    "recipients": sorted(set(message.recipients)),
                    "set_at": message.time,
                    "language": message.language,
                    "language_at": message.time if message.language else None,
                },
            )


def of_recipient(message: Message) -> Iterator[Fact]:
    """An address that is asked to agree to copies, or has agreed."""
    if isinstance(message, NotificationRecipientAsked | NotificationRecipientAgreed):
        asked = message if isinstance(message, NotificationRecipientAsked) else None
        yield (
            (message.account_id, message.email, message.asked_at.isoformat()),
            {
                "account_id": message.account_id,
                "email": message.email,
                "asked_at": message.asked_at,
                "valid_until": asked.valid_until if asked else None,
                "agreed_at": None if asked else message.time,
            },
        )


def of_end(message: Message) -> Iterator[Fact]:
    """How a notice ended."""
    if isinstance(message, NotificationSent | NotificationFailed):
        yield (
            (message.account_id, message.notice_id),
            {
                "account_id": message.account_id,
                "notice_id": message.notice_id,
                "event_id": message.envelope.causation_id,
                "outcome": "sent" if isinstance(message, NotificationSent) else "failed",
                "at": message.time,
            },
        )


def muted_but(wanted: set[str]) -> tuple[NoticeGroup, ...]:
    """What is muted where only these groups are wanted; what can't be muted never is."""
    return tuple(sorted(MUTABLE.keys() - wanted))
