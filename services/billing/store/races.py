"""Two workers at once, where there is no row yet that one of them could hold."""

import asyncpg

from shared.database import Connection


async def do_first(db: Connection, statement: str, *arguments: object) -> None:
    """Insert rows that did not exist when this transaction looked for them.

    Raises:
        asyncpg.SerializationError: if another worker was first. Done again, the group finds its
            rows, and decides by them.
    """
    try:
        await db.execute(statement, *arguments)
    except asyncpg.UniqueViolationError as error:
        raise asyncpg.SerializationError(f"another worker was first: {error}") from error
