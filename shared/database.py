"""Postgres: one pool a worker, in the service's own schema and under its own role."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeAlias

import asyncpg
import structlog
from asyncpg.pool import PoolConnectionProxy
from tenacity import (
    AsyncRetrying,
    retry_if_exception_type,
    stop_after_delay,
    wait_exponential_jitter,
)

from shared.settings import settings

log = structlog.get_logger()

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Row: TypeAlias = asyncpg.Record

UNREACHABLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.OperatorInterventionError,
)
"""There is no answer from the server, or none yet."""

TRANSIENT = (
    *UNREACHABLE,
    asyncpg.InsufficientResourcesError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
    asyncpg.ReadOnlySQLTransactionError,
)
"""Trouble that passes: a lost connection, a restart, a deadlock. It uses up no attempts."""


_BROKEN = (asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What asyncpg raises, among other things, over a connection that broke at an odd moment."""


class PassingTrouble(ConnectionError):
    """What was asked of Postgres failed, and may well succeed when it is asked again."""


def is_transient(error: BaseException, db: Connection) -> bool:
    """Whether doing the same again on another connection may well succeed.

    A wrong argument is an `InterfaceError` of asyncpg as much as a lost connection is, and over one
    that is given up between two steps of a statement asyncpg stumbles with an `AttributeError`;
    what tells them from bugs is whether `db` still lives.
    """
    if isinstance(error, asyncpg.InterfaceError | AttributeError):
        return _is_gone(db)
    return isinstance(error, (*TRANSIENT, asyncpg.InternalClientError))


def _is_gone(db: Connection) -> bool:
    try:
        return db.is_closed()
    except asyncpg.InterfaceError:
        return True  # the pool takes a connection back as soon as the server has ended it


@asynccontextmanager
async def connection(connections: Pool) -> AsyncIterator[Connection]:
    """A connection of the pool.

    Raises:
        PassingTrouble: for whatever passes; the outcome of what was asked is then unknown.
    """
    try:
        db = await connections.acquire()
    except (*TRANSIENT, *_BROKEN) as error:
        raise PassingTrouble(repr(error)) from error
    try:
        with not_for_ever(db):
            yield db
    except Exception as error:
        if isinstance(error, asyncpg.InternalClientError):
            db.terminate()  # it lost track of what it was asked: nobody may use it again
        if is_transient(error, db):
            raise PassingTrouble(repr(error)) from error
        raise
    finally:
        await _give_back(connections, db)


async def _give_back(connections: Pool, db: "PoolConnectionProxy[asyncpg.Record]") -> None:
    """Give a connection back. What was asked over it is done or has failed by now, so that nobody
    need know where this fails: the pool then ends the connection and makes another."""
    with not_for_ever(db):
        try:
            await connections.release(db)
        except Exception as error:
            log.debug("connection not given back", error=repr(error))


@contextmanager
def not_for_ever(db: Connection) -> Iterator[None]:
    """Give a connection up where the body takes too long: a network that lost it without a word
    would have us wait for ever. Nothing is cancelled, so that a COMMIT may still happen or not."""
    limit_s = settings().database_silence_s
    giving_up = asyncio.get_running_loop().call_later(limit_s, db.terminate)
    try:
        yield
    finally:
        giving_up.cancel()


@asynccontextmanager
async def transaction(connections: Pool) -> AsyncIterator[Connection]:
    """A transaction on a connection of the pool, committed at the end of the body.

    Raises:
        PassingTrouble: for whatever passes; whether it was committed is then unknown.
    """
    async with connection(connections) as db, db.transaction():
        yield db


def role_of(service: str) -> str:
    """The Postgres role under which a service works: it reads and writes, and owns nothing."""
    return f"cloudtill_{service}"


def owner_of(service: str) -> str:
    """The Postgres role that owns a service's schema and all that is in it."""
    return f"cloudtill_{service}_owner"


async def connect(url: str, *, wait_s: float = 0) -> "asyncpg.Connection[asyncpg.Record]":
    """One connection as the operator, who sees all schemas.

    Args:
        url: a postgresql:// URL.
        wait_s: how long to wait for a server that is just starting.

    Raises:
        OSError, asyncpg.PostgresError: if the server can't be reached in that time.
    """
    async for attempt in AsyncRetrying(
        retry=retry_if_exception_type(UNREACHABLE),
        stop=stop_after_delay(wait_s),
        wait=wait_exponential_jitter(multiplier=0.1, max=2),
        reraise=True,
    ):
        with attempt:
            return await asyncpg.connect(url)
    raise AssertionError("tenacity either returns or raises")


@asynccontextmanager
async def pool(
    url: str, service: str, *, size: int = 6, durable: bool = True
) -> AsyncIterator[Pool]:
    """A pool of connections that see only the schema of `service`.

    Connections are made when they are needed, so that a worker can start before its database.

    Args:
        url: a postgresql:// URL.
        service: whose schema and role.
        size: connections, at most.
        durable: whether a commit waits for the disk. What may be done twice need not.
    """
    connections = asyncpg.create_pool(
        url,
        min_size=0,
        max_size=size,
        timeout=10,
        command_timeout=None,  # a COMMIT that is cancelled has an unknown outcome
        reset=_leave_as_is,
        server_settings={
            "application_name": f"cloudtill {service}",
            "role": role_of(service),
            "search_path": service,
            "idle_in_transaction_session_timeout": "60s",
            # Else what was given up while it waited for a lock would go on waiting there.
            "client_connection_check_interval": "2s",
            "jit": "off",
            "synchronous_commit": "on" if durable else "off",
        },
    )
    await connections
    try:
        yield connections
    finally:
        connections.terminate()


async def _leave_as_is(_connection: Connection) -> None:
    """Every use of a connection is one transaction that leaves no settings behind."""
