"""What asyncpg gives: pools, connections and transactions, over a simulated database."""

import asyncio
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg

from tests.simulation.chance import Chance
from tests.simulation.postgres import Database, Transaction
from tests.simulation.process import Process

_ERRORS: Final = {
    "deadlock": asyncpg.DeadlockDetectedError,
    "serialization failure": asyncpg.SerializationError,
    "partition dropped by another worker": asyncpg.CheckViolationError,
}
_NOTICED_AFTER_S: Final = 0.05


class SimulatedConnection:
    """One connection. Each statement takes time on its way there and back, and may get lost."""

    def __init__(self, database: Database, process: Process, chance: Chance) -> None:
        self.process = process
        self.database = database
        self._chance = chance
        self._transaction: Transaction | None = None
        self.lost = False
        process.severed[self] = self._lose

    def is_closed(self) -> bool:
        if self.lost and self._chance.random.random() < 0.5:
            raise asyncpg.InterfaceError("the pool has taken this connection back")
        return self.lost

    def _lose(self) -> None:
        """The server ends what was open as soon as it notices."""
        if self.lost:
            return
        self.lost = True
        self.process.severed.pop(self, None)
        if transaction := self._transaction:
            after_s = self._chance.random.random() * _NOTICED_AFTER_S
            asyncio.get_running_loop().call_later(after_s, self.database.abort, transaction)

    def terminate(self) -> None:
        """Give the connection up; whoever waits for an answer on it gets none."""
        self._lose()

    def leave(self) -> None:
        """Let the server end a transaction of which nobody awaits the end any more."""
        if self._transaction is not None:
            self._lose()

    async def fetch(self, statement: str, *arguments: Any) -> Any:
        return await self._ask(_name(statement), arguments)

    async def fetchval(self, statement: str, *arguments: Any) -> Any:
        rows = await self._ask(_name(statement), arguments)
        return rows[0] if rows else None

    fetchrow = fetchval

    async def execute(self, statement: str, *arguments: Any) -> None:
        await self._ask(_name(statement), arguments)

    async def _ask(self, name: str, arguments: tuple[Any, ...]) -> Any:
        fault = await self._there(name)
        try:
            answer = await self._done(name, arguments, fault)
        except asyncpg.PostgresError:
            if self._transaction:
                self._transaction.failed = True
            await self._back(None)
            raise
        if self._is_noted(name):
            self._note(name, arguments)
        await self._back(fault)
        return answer

    async def _there(self, name: str) -> str | None:
        self.process.breathe()
        if self.lost:
            raise asyncpg.InterfaceError("connection is closed")
        fault = self._chance.statement_fault(name)
        await asyncio.sleep(self._chance.delay_s())
        self.process.breathe()
        if fault == "statement lost on its way" or not self.database.reachable:
            self._lose()
        if self.lost:
            raise asyncpg.ConnectionDoesNotExistError("connection was closed")
        return fault

    async def _back(self, fault: str | None) -> None:
        await asyncio.sleep(self._chance.delay_s())
        self.process.breathe()
        if fault == "answer of a statement lost":
            self._lose()
        if self.lost:
            raise asyncpg.ConnectionDoesNotExistError("connection was closed")

    async def _done(self, name: str, arguments: tuple[Any, ...], fault: str | None) -> Any:
        if fault in _ERRORS:
            raise _ERRORS[fault](fault)
        if self._transaction is not None:
            return await getattr(self.database, name)(self._transaction, *arguments)
        alone = self.database.begin()
        try:
            answer = await getattr(self.database, name)(alone, *arguments)
        except BaseException:
            self.database.abort(alone)
            raise
        self.database.commit(alone)
        return answer

    def _is_noted(self, name: str) -> bool:
        return name in ("suspect", "clear_suspects")

    def _note(self, name: str, arguments: tuple[Any, ...]) -> None:
        if name == "suspect":
            self.process.trying.update(arguments[1])
        else:
            self.process.trying.difference_update(arguments[1])

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        await self._there("begin")
        self._transaction = self.database.begin()
        await self._back(None)
        try:
            yield
        except BaseException:
            await self._end("rollback")
            raise
        await self._end("commit")

    async def _end(self, how: str) -> None:
        fault = await self._there(how)
        transaction, self._transaction = self._transaction, None
        assert transaction is not None
        if how == "commit" and fault not in _ERRORS:
            self.database.commit(transaction)
        else:
            self.database.abort(transaction)
        await self._back(fault)
        if how == "commit" and fault in _ERRORS:
            raise _ERRORS[fault](fault)


class SimulatedPool:
    """A pool of connections that are made when they are needed."""

    def __init__(self, database: Database, process: Process, chance: Chance, size: int) -> None:
        self._database = database
        self._process = process
        self._chance = chance
        self._room = asyncio.Semaphore(size)
        self._idle: list[SimulatedConnection] = []

    def __await__(self) -> Generator[Any, None, "SimulatedPool"]:
        yield from ()
        return self

    async def acquire(self) -> SimulatedConnection:
        await self._room.acquire()
        try:
            while self._idle and self._idle[-1].lost:
                self._idle.pop()
            return self._idle.pop() if self._idle else await self._connect()
        except BaseException:
            self._room.release()
            raise

    async def release(self, connection: SimulatedConnection) -> None:
        connection.leave()
        if not connection.lost:
            self._idle.append(connection)
        self._room.release()

    async def _connect(self) -> SimulatedConnection:
        self._process.breathe()
        await asyncio.sleep(self._chance.delay_s())
        self._process.breathe()
        if not self._database.reachable:
            raise asyncpg.CannotConnectNowError("the database system is starting up")
        return SimulatedConnection(self._database, self._process, self._chance)

    def terminate(self) -> None:
        for connection in self._idle:
            connection.terminate()


def _name(statement: str) -> str:
    if statement.startswith("/* "):
        return statement[3 : statement.index(" ", 3)]
    return " ".join(statement.split(None, 2)[:2])
