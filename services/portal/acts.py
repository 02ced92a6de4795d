"""A person's act becomes a message of the contract, in one transaction with who did what and why.

Pages and the API have one way to do something: `Act` says what, `do` keeps it and says its message.
The same key of the same person again is the same act: nothing is said twice, whatever is clicked.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from services.portal.store import acts as store
from shared import outbox
from shared.database import Connection
from shared.envelope import Envelope
from shared.messages import Message
from shared.outbox import OutboxRow, Parcel

Role = Literal["customer", "support", "operator", "program"]
_LEASE_S = 10


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a person by the provider's subject, or a program by its key."""

    subject: str
    role: Role
    address: str | None = None
    session: str | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody does: a message that obeys the contract, not yet stamped.

    `key` tells apart a form that is sent again from one that is filled in again. `correlation_id`
    is what all that follows carries; without one it is the act's own id.
    """

    kind: str
    message: Message
    key: str
    account_id: str | None
    correlation_id: str | None = None
    reason: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Done:
    """An act that is kept. `rows` are to be handed to the relay once they are committed; there are
    none where the same was done before."""

    act_id: str
    is_new: bool
    rows: list[OutboxRow]


async def do(db: Connection, actor: Actor, act: Act, at: datetime) -> Done:
    """Keep an act and say its message, in the caller's transaction.

    Args:
        db: a transaction.
        actor: who.
        act: what.
        at: business time, which is when it is done.
    """
    act_id = uuid.uuid4().hex
    correlation_id = act.correlation_id or act_id
    before = await store.append_act(
        db,
        store.ActRow(
            act_id=act_id,
            idempotency=act.key,
            actor=actor.subject,
            role=actor.role,
            account_id=act.account_id,
            kind=act.kind,
            message_id=act_id,
            correlation_id=correlation_id,
            details=act.details or act.message.model_dump(mode="json", exclude_none=True),
            reason=act.reason,
            address=actor.address,
            session=actor.session,
            at=at,
        ),
    )
    if before is not None:
        return Done(before, False, [])
    return Done(act_id, True, await say(db, act.message, act_id, correlation_id, at))


async def note(
    db: Connection,
    actor: Actor,
    kind: str,
    key: str,
    account_id: str,
    details: Mapping[str, Any],
    at: datetime,
) -> bool:
    """Keep an act that becomes no message, because only the portal need know: keys, webhooks.

    Returns:
        Whether it is new: the same key of the same person again is the same act.
    """
    act_id = uuid.uuid4().hex
    before = await store.append_act(
        db,
        store.ActRow(
            act_id=act_id,
            idempotency=key,
            actor=actor.subject,
            role=actor.role,
            account_id=account_id,
            kind=kind,
            message_id=act_id,
            correlation_id=act_id,
            details=details,
            reason=None,
            address=actor.address,
            session=actor.session,
            at=at,
        ),
    )
    return before is None


async def say(
    db: Connection, message: Message, message_id: str, correlation_id: str, at: datetime
) -> list[OutboxRow]:
    """Say what is nobody's act, such as a page's question, in the caller's transaction."""
    stamped = message.within(
        Envelope(
            id=message_id,
            source=message.source,
            type=message.type,
            time=at,
            subject=getattr(message, "account_id", None),
            correlation_id=correlation_id,
        )
    )
    return await outbox.append(db, [Parcel.of(stamped)], lease_s=_LEASE_S)
