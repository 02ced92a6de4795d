"""The notifications' SQL: accounts, recipients, notices, errands, and how notices ended."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from services.notifications.domain.notices import Language
from services.notifications.domain.recipients import Recipient
from shared.database import Connection, Row
from shared.envelope import Envelope
from shared.ids import derived_id
from shared.messages import Message
from shared.messages.upstream import (
    AccountRegistered,
    NoticeGroup,
    NotificationPreferencesSet,
)
from shared.sql import Statements

sql = Statements("services.notifications")


@dataclass(frozen=True, slots=True)
class Asked:
    """A notice that is asked for; `email` where it goes to somebody else than the account."""

    notice_id: str
    account_id: str
    template: str
    facts: Mapping[str, Any]
    email: str | None
    cause: Envelope

    @staticmethod
    def by(
        message: Message,
        account_id: str,
        template: str,
        facts: Mapping[str, Any],
        email: str | None = None,
    ) -> "Asked":
        """What a message asks for; the notice's id is the same each time that message comes."""
        cause = message.envelope
        named = derived_id("notice", cause.source, cause.id, email or "")
        return Asked(named, account_id, template, facts, email, cause)


@dataclass(frozen=True, slots=True)
class Question:
    """An address that is asked to agree to copies."""

    account_id: str
    email: str
    token: str
    asked_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Errand:
    """A notice to be sent, with whom to write to, that so many times was tried in vain."""

    notice_id: str
    account_id: str
    template: str
    facts: Mapping[str, Any]
    only_to: str | None
    email: str
    name: str
    currency: str
    language: Language | None
    time_zone: str | None
    confirmed: tuple[str, ...]
    failures: int
    waited_s: float
    cause: Envelope


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a notice ended: `accepted` are the addresses for which the server took it."""

    outcome: Literal["sent", "failed"]
    subject: str | None = None
    accepted: tuple[str, ...] = ()
    reason: str | None = None


async def save_accounts(db: Connection, registrations: Sequence[AccountRegistered]) -> None:
    """Keep new accounts; those that exist stay as they are."""
    first = {one.account_id: one for one in reversed(registrations)}
    ordered = [first[account_id] for account_id in sorted(first)]
    await db.execute(
        sql.save_accounts,
        [one.account_id for one in ordered],
        [one.email for one in ordered],
        [one.name for one in ordered],
        [one.currency for one in ordered],
        [one.language for one in ordered],
        [one.time_zone for one in ordered],
        [one.time for one in ordered],
    )


async def find_accounts(
    db: Connection, account_ids: Collection[str]
) -> dict[str, Sequence[NoticeGroup]]:
    """What those of these accounts that are known do not want to hear of."""
    rows = await db.fetch(sql.find_accounts, list(account_ids))
    return {row["account_id"]: row["muted"] for row in rows}


async def lock_accounts(db: Connection, account_ids: Collection[str]) -> dict[str, datetime | None]:
    """Hold accounts whose preferences are being set; returns when they were set last."""
    rows = await db.fetch(sql.lock_accounts, sorted(account_ids))
    return {row["account_id"]: row["preferences_at"] for row in rows}


async def save_preferences(db: Connection, wishes: Iterable[NotificationPreferencesSet]) -> None:
    """Keep what accounts, which are held, do not want to hear of."""
    kept = list(wishes)
    await db.execute(
        sql.save_preferences,
        [wish.account_id for wish in kept],
        [f"{{{','.join(sorted(set(wish.muted)))}}}" for wish in kept],
        [wish.time for wish in kept],
    )


async def save_languages(db: Connection, wishes: Iterable[NotificationPreferencesSet]) -> None:
    """Keep in which language accounts, which are held, are written to; one wish an account."""
    kept = list(wishes)
    await db.execute(
        sql.save_languages,
        [wish.account_id for wish in kept],
        [wish.language for wish in kept],
        [wish.time for wish in kept],
    )


async def find_recipients(
    db: Connection, account_ids: Collection[str]
) -> dict[str, list[Recipient]]:
    """Who gets copies of accounts' notices, or was asked to agree to it."""
    found: dict[str, list[Recipient]] = {}
    for row in await db.fetch(sql.find_recipients, list(account_ids)):
        recipient = Recipient(row["email"], row["expires_at"], row["confirmed"])
        found.setdefault(row["account_id"], []).append(recipient)
    return found


async def save_recipients(db: Connection, questions: Sequence[Question]) -> None:
    """Keep who is asked to agree to copies."""
    await db.execute(
        sql.save_recipients,
        [one.account_id for one in questions],
        [one.email for one in questions],
        [one.token for one in questions],
        [one.asked_at for one in questions],
        [one.expires_at for one in questions],
    )


async def drop_recipients(db: Connection, removed: Sequence[tuple[str, str]]) -> None:
    """Send no more copies to these addresses of these accounts."""
    await db.execute(
        sql.drop_recipients,
        [account_id for account_id, _ in removed],
        [email for _, email in removed],
    )


async def confirm_recipients(db: Connection, agreed: Sequence[tuple[str, datetime]]) -> list[Row]:
    """Who has the links with these tokens agreed, where it was in time; returns who is new."""
    return await db.fetch(
        sql.confirm_recipients, [token for token, _ in agreed], [at for _, at in agreed]
    )


async def append_notices(db: Connection, notices: Sequence[Asked]) -> set[str]:
    """Note notices; returns the ids of those that were not asked for before."""
    ordered = sorted(notices, key=lambda one: one.notice_id)
    rows = await db.fetch(
        sql.append_notices,
        [one.notice_id for one in ordered],
        [one.account_id for one in ordered],
        [one.template for one in ordered],
        [json.dumps(one.facts) for one in ordered],
        [one.email for one in ordered],
        [one.cause.time for one in ordered],
        [one.cause.source for one in ordered],
        [one.cause.id for one in ordered],
        [one.cause.type for one in ordered],
        [one.cause.correlation_id for one in ordered],
        [one.cause.traceparent for one in ordered],
    )
    return {row["notice_id"] for row in rows}


async def append_errands(db: Connection, notice_ids: Sequence[str]) -> None:
    """Have new notices sent."""
    await db.execute(sql.append_errands, notice_ids)


async def append_muted(db: Connection, notice_ids: Sequence[str]) -> None:
    """End new notices that nobody wants."""
    await db.execute(sql.append_muted, notice_ids)


async def claim_errands(db: Connection, *, lease_s: float, at_most: int) -> list[Errand]:
    """Lease notices that are due."""
    return [_errand(row) for row in await db.fetch(sql.claim_errands, lease_s, at_most)]


async def postpone_errand(db: Connection, notice_id: str, pause_s: float, trouble: str) -> None:
    """Try again after a pause; `trouble` is why, for people."""
    await db.execute(sql.postpone_errand, notice_id, pause_s, trouble)


async def end_errand(db: Connection, notice_id: str, outcome: Outcome) -> bool:
    """A notice ended so; False if somebody else had ended it."""
    if await db.fetchval(sql.end_errand, notice_id) is None:
        return False
    await db.execute(
        sql.append_outcome,
        notice_id,
        outcome.outcome,
        outcome.subject,
        list(outcome.accepted),
        outcome.reason,
    )
    return True


async def forget_notices(db: Connection, *, days: int, at_most: int) -> int:
    """Forget notices that ended more than so many days ago, oldest first; returns how many."""
    forgotten: int = await db.fetchval(sql.forget_notices, days, at_most)
    return forgotten


async def show_notices(db: Connection, account_id: str, *, limit: int = 20) -> list[Row]:
    """An account's notices, newest first."""
    return await db.fetch(sql.show_notices, account_id, limit)


def _errand(row: Row) -> Errand:
    cause = Envelope(
        id=row["cause_id"],
        source=row["cause_source"],
        type=row["cause_type"],
        time=row["asked_at"],
        subject=row["account_id"],
        correlation_id=row["correlation_id"],
        traceparent=row["traceparent"],
    )
    return Errand(
        notice_id=row["notice_id"],
        account_id=row["account_id"],
        template=row["template"],
        facts=json.loads(row["facts"]),
        only_to=row["only_to"],
        email=row["email"],
        name=row["name"],
        currency=row["currency"],
        language=row["language"],
        time_zone=row["time_zone"],
        confirmed=tuple(row["confirmed"]),
        failures=row["failures"],
        waited_s=row["waited_s"],
        cause=cause,
    )
