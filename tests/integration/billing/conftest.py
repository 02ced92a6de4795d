"""A database that billing's tests share: each works in a transaction that is rolled back."""

import uuid
from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

import pytest
import pytest_asyncio

from shared.database import connect, pool
from tests.integration.billing.till import Till
from tests.servers import Servers


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_database_url(
    running_servers: Servers, template_database: str
) -> AsyncIterator[str]:
    """A migrated database into which nothing is ever committed."""
    name = f"billing_{uuid.uuid4().hex[:12]}"
    admin = await connect(running_servers.database_url, wait_s=10)
    try:
        await admin.execute(f"create database {name} template {template_database}")
        yield urlunsplit(urlsplit(running_servers.database_url)._replace(path=f"/{name}"))
        await admin.execute(f"drop database {name} with (force)")
    finally:
        await admin.close()


@pytest.fixture
async def till(shared_database_url: str) -> AsyncIterator[Till]:
    """Billing in a database that was empty before."""
    async with (
        pool(shared_database_url, "billing", size=1) as connections,
        connections.acquire() as db,
    ):
        transaction = db.transaction()
        await transaction.start()
        yield Till(db)
        await transaction.rollback()
