"""Users of a test's own: servers are shared by all tests, and so are the users on them."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from yarl import URL

from shared.database import Connection, role_of
from shared.users import Login, administering


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
    try:
        yield
    finally:
        async with administering(management_url) as api:
            for login in logins:
                await api.delete(f"/api/users/{login.name}")
