"""Users of a test's own: servers are shared by all tests, and so are the users on them."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from yarl import URL

from services.registry import SCHEMAS
from shared.database import Connection, connect, role_of
from shared.users import Login, apply_to_postgres, apply_to_rabbitmq


def own_login(service: str) -> Login:
    """A login that no other test has."""
    return Login(f"{role_of(service)}_{secrets.token_hex(4)}", secrets.token_urlsafe())


def with_login(url: str, login: Login) -> str:
    """An URL of another user."""
    return str(URL(url).with_user(login.name).with_password(login.password))


@asynccontextmanager
async def removed_at_the_end(db: Connection, *logins: Login) -> AsyncIterator[Login]:
    """The first of these logins, while the body runs; then none of them is a role any more."""
    try:
        yield logins[0]
    finally:
        for login in logins:
            await db.execute(f"drop role if exists {login.name}")


@asynccontextmanager
async def removed_on_rabbitmq(management_url: str, *logins: Login) -> AsyncIterator[None]:
    """Remove the users of these logins from a broker when the body ends."""
    at = URL(management_url)
    administrator = httpx.BasicAuth(at.user or "", at.password or "")
    try:
        yield
    finally:
        async with httpx.AsyncClient(base_url=str(at.with_user(None)), auth=administrator) as api:
            for login in logins:
                await api.delete(f"/api/users/{login.name}")


@asynccontextmanager
async def own_users(
    management_url: str, amqp_url: str, database_url: str
) -> AsyncIterator[dict[str, str]]:
    """A user for each service, as `cloudtill users apply` makes them, while the body runs.

    Returns:
        The settings that name them.
    """
    logins = {service.name: own_login(service.name) for service in SCHEMAS}
    at = URL(management_url)
    administrator = httpx.BasicAuth(at.user or "", at.password or "")
    db = await connect(database_url)
    try:
        async with (
            removed_at_the_end(db, *logins.values()),
            removed_on_rabbitmq(management_url, *logins.values()),
            httpx.AsyncClient(base_url=str(at.with_user(None)), auth=administrator) as api,
        ):
            for service in SCHEMAS:
                await apply_to_rabbitmq(api, URL(amqp_url).path[1:], logins[service.name], service)
                await apply_to_postgres(db, logins[service.name], service)
            yield {
                f"{name}_{kind}_url": with_login(url, login)
                for name, login in logins.items()
                for kind, url in (("amqp", amqp_url), ("database", database_url))
            }
    finally:
        await db.close()
