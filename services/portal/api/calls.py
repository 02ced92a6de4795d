"""A call: one request of a program, whose key was found good; and what operations are made of.

An operation either reads or does. What it does happens once for each `Idempotency-Key` of an
account: in one transaction with the answer, which whoever sends the same again gets again.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias, TypeVar
from uuid import NAMESPACE_OID, uuid5

from starlette.requests import Request
from starlette.responses import Response

from services.portal import acts
from services.portal.acts import Act, Actor
from services.portal.api.bodies import Body, Query
from services.portal.handlers import heard
from services.portal.web.portal import Portal
from services.portal.web.visits import address_of
from shared.database import Connection, connection
from shared.messages.model import Model
from shared.outbox import OutboxRow

M = TypeVar("M", bound=Model)
Method: TypeAlias = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Scope: TypeAlias = Literal["read", "write"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: an account's key, or somebody with an access token; for which accounts, and what
    for."""

    subject: str
    account_ids: tuple[str, ...]
    scopes: tuple[str, ...]


@dataclass(slots=True)
class Call:
    """A request, who makes it, and what it says, as the document has it."""

    request: Request
    portal: Portal
    caller: Caller
    at: datetime
    query: Query | None = None
    body: Body | None = None
    idempotency: str = ""

    @property
    def account_id(self) -> str:
        """Whose things these are."""
        return self.named("account_id")

    def named(self, name: str) -> str:
        """A part of the path."""
        value: str = self.request.path_params[name]
        return value

    def asked(self, model: type[M]) -> M:
        """The parameters of the address."""
        assert isinstance(self.query, model)
        return self.query

    def sent(self, model: type[M]) -> M:
        """The body."""
        assert isinstance(self.body, model)
        return self.body

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """A connection to read from."""
        async with connection(self.portal.connections) as db:
            yield db

    def new_id(self, prefix: str) -> str:
        """An id for what this call makes: the same for the same key, even once its answer is
        forgotten."""
        return f"{prefix}-{uuid5(NAMESPACE_OID, f'{self.account_id} {self.idempotency}').hex}"

    @property
    def actor(self) -> Actor:
        """Who acts."""
        return Actor(self.caller.subject, "program", address_of(self.request))

    async def act(self, db: Connection, act: Act) -> list[OutboxRow]:
        """Keep an act and say its message; what it tells can be read at once."""
        done = await acts.do(db, self.actor, act, self.at)
        if done.is_new:
            await heard([act.message], db)
        return done.rows

    async def note(self, db: Connection, kind: str, details: Mapping[str, Any]) -> None:
        """Keep an act of which only the portal need know."""
        await acts.note(db, self.actor, kind, self.act_key, self.account_id, details, self.at)

    @property
    def act_key(self) -> str:
        """The key of this call's act."""
        return f"{self.account_id} {self.idempotency}"

    def path(self, path: str) -> str:
        """An address of the account's."""
        return f"/api/v1/accounts/{self.account_id}{path}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done: the answer, and what is to be published once it is committed."""

    answer: Model
    rows: Sequence[OutboxRow] = ()
    location: str | None = None


Reading: TypeAlias = Callable[[Call], Awaitable[Model | Response]]
Following: TypeAlias = Callable[[Call, Connection], Awaitable[Model | None]]
"""Looks whether what a call did is concluded; None while it is not."""
Doing: TypeAlias = Callable[[Call, Connection], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A line of the API's table: what can be asked where, and what is answered.

    `follow` looks, where a program says `Prefer: wait=N`, whether what was done is concluded; what
    it gives is the answer then, under 200.
    """

    name: str
    method: Method
    path: str
    answer: type[Model] | None = None
    reads: Reading | None = None
    does: Doing | None = None
    follow: Following | None = None
    followed: type[Model] | None = None
    query: type[Query] | None = None
    body: type[Body] | None = None
    status: int = 200
    files: Mapping[str, str] = field(default_factory=dict)
    """Media types that it answers where there is no model, with what each is."""

    @property
    def scope(self) -> Scope:
        """What a key needs to be good for."""
        return "read" if self.does is None else "write"

    @property
    def purpose(self) -> str:
        """What it does, in words."""
        what: Any = self.reads or self.does
        return " ".join((what.__doc__ or "").split())
