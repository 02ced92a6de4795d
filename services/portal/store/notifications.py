"""What accounts want to be told, and who gets copies."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.portal.domain.notifications import Agreement
from shared.database import Connection
from shared.sql import Statements

sql = Statements("services.portal.store", "notifications.sql")


@dataclass(frozen=True, slots=True)
class Preferences:
    """The groups that an account mutes, and the language it is written to in, if one is chosen."""

    muted: Sequence[str] = ()
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Recipient:
    """An address that is to get copies; it may agree until `valid_until`."""

    email: str
    state: Agreement
    valid_until: datetime | None


async def get_preferences(db: Connection, account_id: str) -> Preferences:
    """What an account wants to be told: everything, where it said nothing."""
    row = await db.fetchrow(sql.find_preferences, account_id)
    return Preferences(row["muted"], row["language"]) if row else Preferences()


async def find_recipients(db: Connection, account_id: str, at: datetime) -> list[Recipient]:
    """Who gets copies of an account's notices, and whether they have agreed by a time."""
    rows = await db.fetch(sql.find_recipients, account_id, at)
    return [Recipient(row["email"], row["state"], row["valid_until"]) for row in rows]
