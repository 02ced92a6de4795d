"""A user a service, on RabbitMQ and in Postgres, who can do what the service must and no more.

On RabbitMQ it declares nothing, reads its own two queues, and says the types that its service owns.
In Postgres it logs in to its service's role, which owns that schema and sees no other.
"""

import asyncio
import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

import httpx
from yarl import URL

from shared.database import Connection, connect, role_of
from shared.messages.model import MESSAGE_TYPES, Message
from shared.outbox import EXCHANGE, OWN_QUEUE
from shared.service import Service
from shared.topology import dead_queue_of

_NOTHING: Final = "^$"
_EVERYBODY: Final = "/cloudtill"
"""The source of what any service may say."""
_SCRAM_ROUNDS: Final = 4_096
_SALT_BYTES: Final = 16
_RABBIT_SALT_BYTES: Final = 4
_ANSWER_S: Final = 10
_PREDEFINED: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")


class BadUser(Exception):
    """A service's address names no user that could be made; says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Login:
    """A user's name and password."""

    name: str
    password: str = field(repr=False)

    @classmethod
    def of(cls, url: str, variable: str) -> "Login":
        """The user in an URL.

        Raises:
            BadUser: if there is none, or one whose name would have to be quoted.
        """
        try:
            address = URL(url)
        except ValueError:
            raise BadUser(f"{variable} is no URL") from None
        if not address.user or not address.password:
            raise BadUser(f"{variable} names no user with a password")
        if not _PREDEFINED.fullmatch(address.user):
            raise BadUser(f"{variable}: a user is named in small letters, digits and _")
        return cls(address.user, address.password)


def said_by(service: Service) -> list[str]:
    """Routing keys, as regular expressions, of what a service says: its own, and `also_says`."""
    own = [
        message
        for message in MESSAGE_TYPES.values()
        if message.source in (_EVERYBODY, f"{_EVERYBODY}/{service.name}")
    ]
    return sorted(_routing_keys(message) for message in {*own, *service.also_says})


def _routing_keys(message: type[Message]) -> str:
    """A type is one routing key; some have a product's or a service's name behind it."""
    addressed = message.routing_key is not Message.routing_key
    return re.escape(message.type) + (r"\.[a-z0-9_-]+" if addressed else "")


@dataclass(frozen=True, slots=True)
class Rights:
    """What a service's user may do in a virtual host, as RabbitMQ's regular expressions."""

    configure: str
    write: str
    read: str
    says: str
    """Routing keys on the exchange that everybody hears."""
    puts_back: str
    """Routing keys on the exchange that leads to one's own queue."""

    @classmethod
    def of(cls, service: Service) -> "Rights":
        queues = (service.name, dead_queue_of(service.name)) if service.handlers else ()
        return cls(
            configure=_NOTHING,
            write=_any_of(map(re.escape, (EXCHANGE, OWN_QUEUE))),
            read=_any_of(map(re.escape, queues)),
            says=_any_of(said_by(service)),
            puts_back=_any_of([re.escape(service.name)] if service.handlers else []),
        )


def _any_of(patterns: Iterable[str]) -> str:
    either = "|".join(patterns)
    return f"^({either})$" if either else _NOTHING


async def apply_to_rabbitmq(
    management: httpx.AsyncClient, virtual_host: str, login: Login, service: Service
) -> None:
    """Make a service's user, or give it this password and these rights.

    Raises:
        httpx.HTTPError: if the management API does not answer, or refuses.
    """
    rights = Rights.of(service)
    host, user = quote(virtual_host, safe=""), quote(login.name, safe="")
    wanted: list[tuple[str, dict[str, str]]] = [
        (f"users/{user}", {"password_hash": rabbitmq_hash(login.password), "tags": ""}),
        (
            f"permissions/{host}/{user}",
            {"configure": rights.configure, "write": rights.write, "read": rights.read},
        ),
        *(
            (
                f"topic-permissions/{host}/{user}",
                {"exchange": exchange, "write": keys, "read": _NOTHING},
            )
            for exchange, keys in ((EXCHANGE, rights.says), (OWN_QUEUE, rights.puts_back))
        ),
    ]
    for what, body in wanted:
        answer = await management.put(f"/api/{what}", json=body, timeout=_ANSWER_S)
        answer.raise_for_status()


async def apply_to_postgres(db: Connection, login: Login, service: Service) -> None:
    """Make the role by which a service logs in, or give it this password.

    It may be the service's own role or another that becomes it. The password never travels, nor
    stands in a log of the server: what is sent can only verify it.

    Raises:
        asyncpg.PostgresError: if the schema is not migrated yet, or we may not make roles.
    """
    await _apply_role(db, login, role_of(service.name))


async def apply_reader_to_postgres(db: Connection, login: Login) -> None:
    """Make the role of whoever reads every schema and writes none: the audit, for example."""
    await _apply_role(db, login, "pg_read_all_data")


@asynccontextmanager
async def temporary_users(
    services: Iterable[Service], management_url: str, amqp_url: str, database_url: str
) -> AsyncIterator[dict[str, str]]:
    """A user for each service while the body runs, for a demo or a test.

    Returns:
        The settings that name them: `wallet_amqp_url`, `wallet_database_url` and so on.

    Raises:
        httpx.HTTPError: if the management API does not answer, or refuses.
    """
    logins = [
        (service, Login(f"{role_of(service.name)}_{secrets.token_hex(4)}", secrets.token_urlsafe()))
        for service in services
    ]
    host = URL(amqp_url).path[1:] or "/"
    async with administering(management_url) as management:
        db = await connect(database_url)
        try:
            await asyncio.gather(
                *(apply_to_rabbitmq(management, host, login, service) for service, login in logins)
            )
            for service, login in logins:
                await apply_to_postgres(db, login, service)
            yield {
                f"{service.name}_{kind}_url": str(
                    URL(url).with_user(login.name).with_password(login.password)
                )
                for service, login in logins
                for kind, url in (("amqp", amqp_url), ("database", database_url))
            }
        finally:
            for _, login in logins:
                await db.execute(f"drop role if exists {login.name}")
                await management.delete(f"/api/users/{login.name}", timeout=_ANSWER_S)
            await db.close()


@asynccontextmanager
async def administering(management_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """The management API, as the user in its URL."""
    at = URL(management_url)
    administrator = httpx.BasicAuth(at.user or "", at.password or "")
    async with httpx.AsyncClient(base_url=str(at.with_user(None)), auth=administrator) as client:
        yield client


async def _apply_role(db: Connection, login: Login, role: str) -> None:
    async with db.transaction():
        # Roles belong to the server: two that change one at once would fail.
        await db.execute("select pg_advisory_xact_lock(hashtext('cloudtill users'))")
        if not await db.fetchval("select true from pg_roles where rolname = $1", login.name):
            await db.execute(f"create role {login.name}")
        await db.execute(
            f"alter role {login.name} login nosuperuser nocreatedb nocreaterole noreplication"
            f" password '{postgres_verifier(login.password)}'"
        )
        if login.name != role:
            await db.execute(f"grant {role} to {login.name}")


def rabbitmq_hash(password: str) -> str:
    """A password as RabbitMQ keeps it: salted SHA-256."""
    salt = secrets.token_bytes(_RABBIT_SALT_BYTES)
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def postgres_verifier(password: str, salt: bytes | None = None) -> str:
    """A password as Postgres keeps it: SCRAM-SHA-256 (RFC 5803)."""
    salt = salt or secrets.token_bytes(_SALT_BYTES)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _SCRAM_ROUNDS)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    salt_text, stored, server = (
        base64.b64encode(one).decode() for one in (salt, stored_key, server_key)
    )
    return f"SCRAM-SHA-256${_SCRAM_ROUNDS}:{salt_text}${stored}:{server}"
