"""Who gets a notice: the account, and whom it added and who agreed (reading 6)."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from services.notifications.domain.notices import Notice
from shared.messages.upstream import NoticeGroup

CONFIRMED_WITHIN: Final = timedelta(days=3)
"""How long the link is valid by which a recipient agrees (reading 5.4)."""
COPIED: Final[NoticeGroup] = "renewals_and_bills"
"""The group of which recipients get copies: expiry, renewal and bill settlement."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """An address that an account added; it gets nothing before it has agreed."""

    email: str
    expires_at: datetime
    confirmed: bool

    def is_asked(self, at: datetime) -> bool:
        """Whether it has agreed, or may still."""
        return self.confirmed or at < self.expires_at


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of an account's recipients: who is to be asked, and who goes."""

    asked: tuple[str, ...]
    removed: tuple[str, ...]


def change(present: Iterable[Recipient], wanted: Collection[str], at: datetime) -> Change:
    """
    Args:
        present: of the account; who agreed stays so.
        wanted: all addresses that are to get copies.
        at: when that was wished for.
    """
    by_email: Mapping[str, Recipient] = {one.email: one for one in present}
    return Change(
        asked=tuple(
            email
            for email in sorted(set(wanted))
            if (known := by_email.get(email)) is None or not known.is_asked(at)
        ),
        removed=tuple(sorted(by_email.keys() - set(wanted))),
    )


def is_muted(notice: Notice, muted: Collection[NoticeGroup]) -> bool:
    """Whether an account does not want this notice, and need not have it."""
    return notice.group in muted and not notice.mandatory


def copies(notice: Notice, confirmed: Collection[str], email: str) -> tuple[str, ...]:
    """Who gets a copy of a notice, besides the account's own address."""
    return tuple(sorted(set(confirmed) - {email})) if notice.group == COPIED else ()
