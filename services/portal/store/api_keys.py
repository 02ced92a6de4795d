"""Programs' keys, and what programs were answered."""

from dataclasses import dataclass
from datetime import datetime

from shared.database import Connection, Row
from shared.sql import Statements

sql = Statements("services.portal.store", "api_keys.sql")


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key as it is kept: by the hash of what its program has."""

    account_id: str
    key_id: str
    name: str
    secret_hash: str
    scopes: tuple[str, ...]
    created_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ApiKey:
    """Which account a program works for, and what it may do there."""

    account_id: str
    key_id: str
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered to a program's act. `fingerprint` is of what it asked for."""

    fingerprint: str
    status: int
    body: str
    location: str | None


async def append_key(db: Connection, key: NewKey) -> None:
    """Keep a key."""
    await db.execute(
        sql.append_key,
        key.account_id,
        key.key_id,
        key.name,
        key.secret_hash,
        list(key.scopes),
        key.created_by,
        key.created_at,
    )


async def find_key(db: Connection, secret_hash: str, at: datetime) -> ApiKey | None:
    """The key of which this is the hash, unless it was revoked; it is used now."""
    row = await db.fetchrow(sql.find_key, secret_hash, at)
    return ApiKey(row["account_id"], row["key_id"], tuple(row["scopes"])) if row else None


async def find_keys(db: Connection, account_id: str) -> list[Row]:
    """An account's keys, the newest first, also those that were revoked."""
    return await db.fetch(sql.find_keys, account_id)


async def count_keys(db: Connection, account_id: str) -> int:
    """How many keys of an account can be used."""
    number: int = await db.fetchval(sql.count_keys, account_id)
    return number


async def revoke_key(db: Connection, account_id: str, key_id: str, at: datetime) -> bool:
    """Make a key good for nothing; whether there was one."""
    return await db.fetchval(sql.revoke_key, account_id, key_id, at) is not None


async def lock_answer(db: Connection, account_id: str, idempotency: str) -> Answer | None:
    """What was answered under a key, if anything; whoever asks for the same at the same time waits
    until this transaction ends."""
    await db.execute(sql.lock_idempotency, account_id, idempotency)
    row = await db.fetchrow(sql.find_answer, account_id, idempotency)
    if row is None:
        return None
    return Answer(row["fingerprint"], row["status"], row["body"], row["location"])


async def append_answer(
    db: Connection, account_id: str, idempotency: str, answer: Answer, at: datetime
) -> None:
    """Keep what is answered under a key that is locked."""
    await db.execute(
        sql.append_answer,
        account_id,
        idempotency,
        answer.fingerprint,
        answer.status,
        answer.body,
        answer.location,
        at,
    )


async def forget_answers(db: Connection, before: datetime) -> None:
    """Forget answers of times long past."""
    await db.execute(sql.forget_answers, before)
