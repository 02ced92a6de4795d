"""The inbox: which messages were handled. A message's day is that of its business time."""

from collections.abc import Collection
from datetime import date
from typing import NamedTuple

import asyncpg

from shared.database import Connection, Pool, connection
from shared.messages import Message
from shared.sql import Statements

sql = Statements("shared", "messaging.sql")


class MessageKey(NamedTuple):
    """What names a message once and for all, and the partition in which it is remembered."""

    day: date
    source: str
    id: str

    @classmethod
    def of(cls, message: Message) -> "MessageKey":
        envelope = message.envelope
        return cls(envelope.time.date(), envelope.source, envelope.id)

    @property
    def name(self) -> tuple[str, str]:
        """What names it, without the partition: the functions below answer by it."""
        return self.source, self.id


def _columns(keys: Collection[MessageKey]) -> tuple[list[date], list[str], list[str]]:
    """Sorted, so that two workers with the same ids never wait for each other in a circle."""
    days, sources, ids = zip(*sorted(keys), strict=True) if keys else ((), (), ())
    return list(days), list(sources), list(ids)


class DayDropped(Exception):
    """Another worker dropped the partition of a day that this one believed to be open."""


async def remember(db: Connection, keys: Collection[MessageKey]) -> set[tuple[str, str]]:
    """Put ids in the inbox; returns (source, id) of those that were not there.

    Raises:
        DayDropped: if a partition is gone; look again with `Days`.
    """
    try:
        rows = await db.fetch(sql.remember, *_columns(keys))
    except asyncpg.CheckViolationError as error:
        raise DayDropped(str(error)) from error
    return {(row["source"], row["id"]) for row in rows}


async def forget(db: Connection, keys: Collection[MessageKey]) -> None:
    """Take ids out again, in the transaction that put them in."""
    if keys:
        await db.execute(sql.forget, *_columns(keys))


async def find_remembered(db: Connection, keys: Collection[MessageKey]) -> set[tuple[str, str]]:
    """Those of these messages that were handled, as (source, id)."""
    rows = await db.fetch(sql.find_remembered, *_columns(keys))
    return {(row["source"], row["id"]) for row in rows}


async def lock_try(db: Connection, key: MessageKey) -> None:
    """Wait until nobody else tries a copy of this message alone, and keep others from it until the
    caller's transaction ends."""
    await db.execute(sql.lock_try, key.source, key.id)


async def suspect(
    db: Connection, keys: Collection[MessageKey], this_try: str
) -> dict[tuple[str, str], int]:
    """Note that messages which came back after a crash are being tried; how often each was.

    `this_try` names the try: noting it again counts nothing.
    """
    _, sources, ids = _columns(keys)
    rows = await db.fetch(sql.suspect, sources, ids, this_try)
    return {(row["source"], row["id"]): row["tries"] for row in rows}


async def find_suspects(db: Connection, keys: Collection[MessageKey]) -> set[tuple[str, str]]:
    """Those of these messages that were tried after a crash, and never answered."""
    _, sources, ids = _columns(keys)
    return {(row["source"], row["id"]) for row in await db.fetch(sql.find_suspects, sources, ids)}


async def clear_suspects(db: Connection, keys: Collection[MessageKey]) -> None:
    """Note that these were tried and did not crash the worker."""
    _, sources, ids = _columns(keys)
    await db.execute(sql.clear_suspects, sources, ids)


class Days:
    """The days for which the inbox has a partition, as far as this worker knows."""

    def __init__(self, connections: Pool, at_most: int) -> None:
        self._connections = connections
        self._at_most = at_most
        self._open: set[date] = set()

    async def open(self, days: set[date]) -> tuple[set[date], set[date]]:
        """Make the partitions that are missing.

        Returns:
            The days that are forgotten, and those for which there is no room.
        """
        unknown = days - self._open
        if not unknown:
            return set(), set()
        forgotten: set[date] = set()
        no_room: set[date] = set()
        async with connection(self._connections) as db:
            rows = {row["day"]: row["forgotten"] for row in await db.fetch(sql.find_days, unknown)}
            for day in sorted(unknown):
                if rows.get(day):
                    forgotten.add(day)
                elif day in rows or await self._add(db, day):
                    self._open.add(day)
                else:
                    no_room.add(day)
        return forgotten, no_room

    async def _add(self, db: Connection, day: date) -> bool:
        if not await db.fetchval(sql.is_there_room, day, self._at_most):
            return False
        async with db.transaction():
            if await db.fetchval(sql.add_day, day):
                await db.execute(sql.open_day, day)
        return True

    async def forget_past(self, older_than_days: int) -> list[date]:
        """Drop the partitions of days long past; returns those days."""
        dropped: list[date] = []
        async with connection(self._connections) as db:
            for row in await db.fetch(sql.find_past_days, older_than_days):
                try:
                    async with db.transaction():
                        await db.execute("set local lock_timeout = '2s'")
                        if await db.fetchval(sql.forget_day, row["day"]):
                            await db.execute(sql.drop_day, row["day"])
                            dropped.append(row["day"])
                except asyncpg.LockNotAvailableError:
                    break  # the workers are busy; the next round comes
        self._open.difference_update(dropped)
        return dropped

    def close_all(self) -> None:
        """Look again: another worker may have dropped a partition."""
        self._open.clear()
