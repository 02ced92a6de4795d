"""The switch of an account's user type: only Sales and Support do it (domain 10)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.billing.domain.rejection import Rejection
from shared.messages.model import UserType


@dataclass(frozen=True, slots=True)
class Switch:
    """The user type that an account was to have from a moment on; who asked, and why."""

    at: datetime
    user_type: UserType
    requested_by: str
    reason: str


def other(user_type: UserType) -> UserType:
    """What an account of this type may be switched to."""
    return "postpaid" if user_type == "prepaid" else "prepaid"


def type_at(history: Sequence[Switch], at: datetime) -> UserType:
    """The user type at a moment; before the first switch an account is prepaid."""
    before = [switch for switch in history if switch.at <= at]
    return max(before, key=lambda switch: switch.at).user_type if before else "prepaid"


def decide(
    history: Sequence[Switch], asked: Switch, overdue_since: datetime | None
) -> list[Switch] | Rejection:
    """What a request changes: the requested switch, and the one after it where that was asked for
    already, and asked for nothing new before this one came (domain 11.5).

    Args:
        history: what was asked of the account and not refused for a debt, at distinct times.
        asked: the request.
        overdue_since: since when an invoice of the account is overdue, or None.

    Returns:
        The changes in their order, at least one; or why there is none.
    """
    if any(switch.at == asked.at for switch in history):
        return Rejection("already_so", f"the account was switched at {asked.at.isoformat()}")
    if asked.user_type == "prepaid" and overdue_since is not None and overdue_since <= asked.at:
        return Rejection("invoice_overdue", f"an invoice was due on {overdue_since.isoformat()}")
    before = type_at(history, asked.at)
    if before == asked.user_type:
        return Rejection("already_so", f"the account is {before} already")
    later = min(
        (switch for switch in history if switch.at > asked.at),
        key=lambda switch: switch.at,
        default=None,
    )
    return [asked] if later is None or later.user_type == asked.user_type else [asked, later]
