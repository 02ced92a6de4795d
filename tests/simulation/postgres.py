"""A database of one service: the tables of the core and a ledger, with transactions and locks.

It knows the named statements of `shared/messaging.sql` and of the ledger, and no SQL. A transaction
sees what was committed, and what it wrote itself; who wants a key that another has written waits
for the other's end, as in Postgres.
"""

import asyncio
import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from itertools import count
from typing import Any, Final

import asyncpg

from shared.outbox import OWN_QUEUE
from tests.simulation.witness import Witness

DOWNSTREAM: Final = "wallet.charge"
"""What the first of the two services says to the second."""
_MERGING: Final = "what is put off becomes one with what was published"


@dataclass(slots=True)
class OutboxEntry:
    """A row of the outbox."""

    row_id: int
    exchange: str
    routing_key: str
    message_id: str
    type: str
    correlation_id: str | None
    attempt: int
    must_arrive: bool
    body: bytes
    due_at: float = 0
    failures: int = 0

    def claimed(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__ if name != "due_at"}


@dataclass(slots=True, eq=False)
class Transaction:
    """What is written but not committed, and the keys that others have to wait for."""

    ended: "asyncio.Future[None]"
    remembered: dict[tuple[date, str, str], None] = field(default_factory=dict)
    on_commit: list[Callable[[], object]] = field(default_factory=list)
    locks: list[tuple[object, ...]] = field(default_factory=list)
    waits_for: "Transaction | None" = None
    failed: bool = False


class Database:
    """The tables, and the statements by their names. Its clock is the only one that matters."""

    def __init__(
        self, service: str, loop: asyncio.AbstractEventLoop, witness: Witness, bug: str | None
    ) -> None:
        self.service = service
        self.reachable = True
        self.inbox: set[tuple[date, str, str]] = set()
        self.days: set[date] = set()
        self.suspects: dict[tuple[str, str], tuple[int, str]] = {}
        self.outbox: dict[int, OutboxEntry] = {}
        self.balances: dict[str, int] = {}
        self.credited: set[str] = set()
        self._letters: set[tuple[str, str]] = set()
        self._put_off: dict[tuple[str, int, bytes], int] = {}
        self._due: list[tuple[float, int]] = []
        self._row_ids = count(1)
        self._locks: dict[tuple[object, ...], Transaction] = {}
        self._loop = loop
        self._witness = witness
        self._bug = bug

    def begin(self) -> Transaction:
        return Transaction(self._loop.create_future())

    def commit(self, transaction: Transaction) -> None:
        """Make what was written visible, all of it at once."""
        if transaction.ended.done():
            raise asyncpg.ConnectionDoesNotExistError("the server has ended the transaction")
        if transaction.failed:
            self.abort(transaction)
            return
        self.inbox.update(transaction.remembered)
        self._witness.remembered.update((self.service, key[2]) for key in transaction.remembered)
        self._end(transaction)
        for write in transaction.on_commit:
            write()

    def abort(self, transaction: Transaction) -> None:
        """Forget what was written."""
        if not transaction.ended.done():
            self._end(transaction)

    def _end(self, transaction: Transaction) -> None:
        for key in transaction.locks:
            del self._locks[key]
        transaction.ended.set_result(None)

    async def _lock(self, transaction: Transaction, key: tuple[object, ...]) -> None:
        while (owner := self._locks.get(key)) is not None and owner is not transaction:
            other: Transaction | None = owner
            while other is not None:
                if other is transaction:
                    raise asyncpg.DeadlockDetectedError("deadlock detected")
                other = other.waits_for
            transaction.waits_for = owner
            try:
                await asyncio.shield(owner.ended)
            finally:
                transaction.waits_for = None
            if transaction.ended.done():
                raise asyncpg.ConnectionDoesNotExistError("the connection was lost meanwhile")
        if owner is None:
            self._locks[key] = transaction
            transaction.locks.append(key)

    async def lock_try(self, mine: Transaction, source: str, id: str) -> None:
        await self._lock(mine, ("try", source, id))

    async def remember(
        self, mine: Transaction, days: Sequence[date], sources: Sequence[str], ids: Sequence[str]
    ) -> list[dict[str, Any]]:
        new: list[dict[str, Any]] = []
        for key in zip(days, sources, ids, strict=True):
            if key[0] not in self.days:
                raise asyncpg.CheckViolationError("no partition of relation inbox found for row")
            if self._bug != "the inbox has no unique key":
                if key in self.inbox:
                    continue
                await self._lock(mine, ("inbox", *key))
                if key in self.inbox or key in mine.remembered:
                    continue
            mine.remembered[key] = None
            new.append({"source": key[1], "id": key[2]})
        return new

    async def forget(
        self, mine: Transaction, days: Sequence[date], sources: Sequence[str], ids: Sequence[str]
    ) -> None:
        for key in zip(days, sources, ids, strict=True):
            mine.remembered.pop(key, None)

    async def find_remembered(
        self, _: Transaction, days: Sequence[date], sources: Sequence[str], ids: Sequence[str]
    ) -> list[dict[str, Any]]:
        keys = zip(days, sources, ids, strict=True)
        return [{"source": key[1], "id": key[2]} for key in keys if key in self.inbox]

    async def find_days(self, _: Transaction, days: set[date]) -> list[dict[str, Any]]:
        return [{"day": day, "forgotten": False} for day in sorted(days) if day in self.days]

    async def is_there_room(self, _: Transaction, _day: date, _at_most: int) -> list[bool]:
        return [True]

    async def add_day(self, mine: Transaction, day: date) -> list[date]:
        await self._lock(mine, ("day", day))
        if day in self.days:
            return []
        mine.on_commit.append(partial(self.days.add, day))
        return [day]

    async def open_day(self, _: Transaction, _day: date) -> None:
        """Partitions are no matter here."""

    async def find_past_days(self, _: Transaction, _days: int) -> list[dict[str, Any]]:
        return []

    async def suspect(
        self, mine: Transaction, sources: Sequence[str], ids: Sequence[str], this_try: str
    ) -> list[dict[str, Any]]:
        tried = []
        for key in zip(sources, ids, strict=True):
            await self._lock(mine, ("suspect", *key))
            before, last_try = self.suspects.get(key, (0, ""))
            tries = before + (last_try != this_try)
            noted = {key: (tries, this_try)}
            mine.on_commit.append(partial(self.suspects.update, noted))
            tried.append({"source": key[0], "id": key[1], "tries": tries})
        return tried

    async def find_suspects(
        self, _: Transaction, sources: Sequence[str], ids: Sequence[str]
    ) -> list[dict[str, Any]]:
        keys = zip(sources, ids, strict=True)
        return [{"source": key[0], "id": key[1]} for key in keys if key in self.suspects]

    async def clear_suspects(
        self, mine: Transaction, sources: Sequence[str], ids: Sequence[str]
    ) -> None:
        for key in zip(sources, ids, strict=True):
            await self._lock(mine, ("suspect", *key))
            mine.on_commit.append(partial(self.suspects.pop, key, None))

    async def append_outbox(
        self, mine: Transaction, *columns: Sequence[Any]
    ) -> list[dict[str, Any]]:
        entries: list[OutboxEntry] = []
        for *fields, delay_s in zip(*columns, strict=True):
            entry = OutboxEntry(next(self._row_ids), *fields)
            entry.due_at = self._loop.time() + delay_s
            entries.append(entry)
        mine.on_commit.extend(partial(self._save, entry) for entry in entries)
        return [{"row_id": entry.row_id, "message_id": entry.message_id} for entry in entries]

    async def append_put_off(self, mine: Transaction, *columns: Sequence[Any]) -> None:
        for *fields, delay_s, _reason in zip(*columns, strict=True):
            entry = OutboxEntry(next(self._row_ids), *fields)
            entry.due_at = self._loop.time() + delay_s
            copy = (entry.message_id, entry.attempt, entry.body)
            await self._lock(mine, ("put off", *copy))
            if self._bug == _MERGING and copy in self._put_off:
                continue
            mine.on_commit.append(partial(self._save, entry))

    def _save(self, entry: OutboxEntry) -> None:
        self.outbox[entry.row_id] = entry
        if entry.attempt:
            copy = (entry.message_id, entry.attempt, entry.body)
            self.outbox.pop(self._put_off.get(copy, 0), None)
            self._put_off[copy] = entry.row_id
        heapq.heappush(self._due, (entry.due_at, entry.row_id))
        self._witness.said(
            self.service,
            entry.routing_key,
            entry.message_id,
            entry.attempt,
            entry.due_at,
            entry.exchange == OWN_QUEUE,
        )
        if entry.type == DOWNSTREAM:
            self._witness.tell_caused(entry.message_id, entry.body)

    async def claim_outbox(
        self, _: Transaction, lease_s: float, at_most: int
    ) -> list[dict[str, Any]]:
        now = self._loop.time()
        claimed: list[OutboxEntry] = []
        if self._bug == "a lease means nothing":
            claimed = list(self.outbox.values())[:at_most]
        while self._due and self._due[0][0] <= now and len(claimed) < at_most:
            due_at, row_id = heapq.heappop(self._due)
            entry = self.outbox.get(row_id)
            if entry is not None and entry.due_at == due_at:
                claimed.append(entry)
        for entry in claimed:
            self._delay(entry, now + lease_s)
        return [entry.claimed() for entry in claimed]

    def _delay(self, entry: OutboxEntry, due_at: float) -> None:
        entry.due_at = due_at
        heapq.heappush(self._due, (due_at, entry.row_id))

    async def delete_outbox(self, _: Transaction, row_ids: Sequence[int]) -> None:
        for row_id in row_ids:
            entry = self.outbox.pop(row_id, None)
            if entry is not None:
                self._put_off.pop((entry.message_id, entry.attempt, entry.body), None)
                self._witness.deleted(
                    entry.routing_key, entry.message_id, entry.attempt, entry.must_arrive
                )

    async def postpone_outbox(
        self, _: Transaction, row_ids: Sequence[int], delays_s: Sequence[float]
    ) -> None:
        for row_id, delay_s in zip(row_ids, delays_s, strict=True):
            if entry := self.outbox.get(row_id):
                entry.failures += 1
                self._delay(entry, self._loop.time() + delay_s)

    async def append_dead_letters(
        self, mine: Transaction, *columns: Sequence[Any]
    ) -> list[dict[str, Any]]:
        """Nothing is told of them: nobody in this world listens."""
        for source, message_id, _type, reason, _detail, _attempt, body, _properties in zip(
            *columns, strict=True
        ):
            mine.on_commit.append(partial(self._put_away, source, message_id, reason, body))
        return []

    def _put_away(self, source: str | None, id: str | None, reason: str, body: bytes) -> None:
        if source is not None and id is not None:
            if (source, id) in self._letters:
                return
            self._letters.add((source, id))
        self._witness.letter(self.service, self._witness.by_body[body], reason)

    async def measure(self, _: Transaction) -> list[dict[str, Any]]:
        return [{"outbox": len(self.outbox), "late_s": 0.0, "dead_letters": len(self._letters)}]

    async def credit(
        self,
        mine: Transaction,
        ids: Sequence[str],
        accounts: Sequence[str],
        amounts: Sequence[int],
    ) -> None:
        """The ledger's: add amounts to accounts, in sorted order, once for each call."""
        for account in sorted(set(accounts)):
            await self._lock(mine, ("account", account))
        for booking in zip(ids, accounts, amounts, strict=True):
            mine.on_commit.append(partial(self._credit, *booking))

    def _credit(self, id: str, account: str, amount: int) -> None:
        self._witness.effect(self.service, id)
        self.credited.add(id)
        self.balances[account] = self.balances.get(account, 0) + amount

    async def find_credited(self, _: Transaction, ids: Sequence[str]) -> list[str]:
        """The ledger's: those of these that were credited."""
        return [one for one in ids if one in self.credited]
