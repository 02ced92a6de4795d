"""Who did what: the audit trail of people's acts."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.database import Connection, Row
from shared.sql import Statements

sql = Statements("services.portal.store", "acts.sql")


@dataclass(frozen=True, slots=True)
class ActRow:
    """An act as it is kept, with the message that it became."""

    act_id: str
    idempotency: str
    actor: str
    role: str
    account_id: str | None
    kind: str
    message_id: str
    correlation_id: str
    details: Mapping[str, Any]
    reason: str | None
    address: str | None
    session: str | None
    at: datetime


async def append_act(db: Connection, act: ActRow) -> str | None:
    """Keep an act, once for each key of its actor's.

    Returns:
        None where it is new; else the id of the act that was kept under this key before.
    """
    new = await db.fetchval(
        sql.append_act,
        act.act_id,
        act.idempotency,
        act.actor,
        act.role,
        act.account_id,
        act.kind,
        act.message_id,
        act.correlation_id,
        json.dumps(act.details, default=str),
        act.reason,
        act.address,
        act.session,
        act.at,
    )
    if new is not None:
        return None
    before: str = await db.fetchval(sql.find_act_of_key, act.actor, act.idempotency)
    return before


async def find_act(db: Connection, act_id: str) -> Row | None:
    """An act."""
    return await db.fetchrow(sql.find_act, act_id)


async def find_acts(db: Connection, account_id: str, limit: int = 100) -> list[Row]:
    """An account's acts, newest first."""
    return await db.fetch(sql.find_acts, account_id, limit)
