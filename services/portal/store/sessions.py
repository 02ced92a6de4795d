"""Who is logged in, and how often things were done lately."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.database import Connection
from shared.sql import Statements

sql = Statements("services.portal.store", "sessions.sql")


@dataclass(frozen=True, slots=True)
class Session:
    """A login. `csrf` is what its forms carry."""

    session_hash: str
    subject: str
    name: str
    roles: tuple[str, ...]
    account_ids: tuple[str, ...]
    csrf: str
    language: str | None


@dataclass(frozen=True, slots=True)
class NewSession:
    """Who logs in, as the provider told it."""

    session: Session
    email: str | None
    at: datetime
    idle: timedelta
    at_most: timedelta


async def append_session(db: Connection, new: NewSession) -> None:
    """Log somebody in."""
    one = new.session
    await db.execute(
        sql.append_session,
        one.session_hash,
        one.subject,
        one.name,
        new.email,
        list(one.roles),
        list(one.account_ids),
        one.csrf,
        one.language,
        new.at,
        new.at + new.at_most,
    )


async def find_session(
    db: Connection, session_hash: str, at: datetime, idle: timedelta
) -> Session | None:
    """The login with this hash, unless it is over; it lasts on from now."""
    row = await db.fetchrow(sql.find_session, session_hash, at, idle)
    if row is None:
        return None
    return Session(
        session_hash=row["session_hash"],
        subject=row["subject"],
        name=row["name"],
        roles=tuple(row["roles"]),
        account_ids=tuple(row["account_ids"]),
        csrf=row["csrf"],
        language=row["language"],
    )


async def add_account(
    db: Connection, session_hash: str, subject: str, account_id: str, at: datetime
) -> None:
    """An account that somebody has just opened is theirs, in this login too."""
    await db.execute(sql.append_member, subject, account_id, at)
    await db.execute(sql.add_account, session_hash, account_id)


async def find_opened(db: Connection, subject: str) -> list[str]:
    """The accounts that somebody opened here."""
    return [row["account_id"] for row in await db.fetch(sql.find_opened, subject)]


async def end_session(db: Connection, session_hash: str) -> None:
    """Log somebody out."""
    await db.execute(sql.end_session, session_hash)


async def forget_sessions(db: Connection, at: datetime) -> None:
    """Logins that are over, and counts of times long past."""
    await db.execute(sql.forget_sessions, at)
    await db.execute(sql.forget_allowances, at - timedelta(hours=1))


async def count(db: Connection, what: str, minute: datetime) -> int:
    """Note that something was done once more in this minute; returns how often it was."""
    times: int = await db.fetchval(sql.count, what, minute.replace(second=0, microsecond=0))
    return times
