"""A database that billing's tests share: each works in a transaction that is rolled back."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from shared.database import pool
from tests.databases import Databases
from tests.integration.billing.till import Till


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_database_url(databases: Databases) -> AsyncIterator[str]:
    """A migrated database into which nothing is ever committed."""
    async with databases.fresh() as url:
        yield url


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
