"""A test's own Cloudtill: its queues, its worker processes, and an ear at the exchange."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, TypeVar

import asyncpg

from shared import broker, publishing, topology
from shared.database import Connection, Pool, connection
from shared.inbox import MessageKey
from shared.messages import Message
from shared.outbox import Parcel
from shared.publishing import confirming_channel
from shared.service import Service
from tests.servers import AMQP_URL, DATABASE_URL
from tests.servers.guarded import Guarded, Process
from tests.system.ear import Ear, listening
from tests.system.forks import Forks

M = TypeVar("M", bound=Message)

_ROOT: Final = Path(__file__).parents[2]
_PUBLISH_S: Final = 15
_LOOK_EVERY_S: Final = 0.02
_LOOK_S: Final = 30
_TOLD_S: Final = 3
"""How long workers may take to log where they wait."""

IMPATIENT: Final = {
    "CLOUDTILL_CONSUME_ANEW_S": "20",
    "CLOUDTILL_LOG_FORMAT": "json",
    "CLOUDTILL_OUTBOX_LEASE_S": "1",
    "CLOUDTILL_OUTBOX_POLL_S": "0.1",
    "CLOUDTILL_RETRY_DELAYS_S": "[0.1,0.2,0.5,1,2,2,2,2]",
    "CLOUDTILL_SHUTDOWN_S": "10",
    "CLOUDTILL_TRANSIENT_PAUSE_S": "0.1",
}
"""Settings under which a test does not wait for what an operator would."""

_STATEMENTS: Final = """
    select application_name, state, wait_event, query_start, left(query, 200) as query
    from pg_stat_activity where datname = current_database()
"""
_UNCONCLUDED = """
    select day, source, id
    from unnest($1::date[], $2::text[], $3::text[]) as heard (day, source, id)
    where not exists (
        select from {service}.inbox i
        where (i.day, i.source, i.id) = (heard.day, heard.source, heard.id)
    ) and not exists (
        select from {service}.dead_letter d
        where (d.source, d.message_id) = (heard.source, heard.id)
          and d.conclusion is distinct from 'replayed'
    )
"""


class WorkerProcess:
    """A `cloudtill run` of its own."""

    def __init__(self, name: str, process: Process, log: Path, guarded: Guarded):
        self.name = name
        self.log = log
        self._process = process
        self._guarded = guarded
        self._end_is_known = False

    def kill(self) -> None:
        """End it as the kernel would, in the middle of whatever it does."""
        self._end_is_known = True
        self._guarded.end(self._process, signal.SIGKILL)

    def terminate(self) -> int:
        """Ask it to stop and wait until it has; returns its exit code."""
        self._end_is_known = True
        return self._guarded.end(self._process, signal.SIGTERM)

    def ask_where_it_waits(self) -> None:
        """Let it log where each of its tasks waits."""
        self._process.send_signal(signal.SIGUSR1)

    async def wait_for_end(self, within_s: float = 60) -> int:
        """Wait until it ends by itself; returns its exit code, -9 where it was killed.

        Raises:
            TimeoutError: (of `subprocess` or Python's own) if it goes on.
        """
        self._end_is_known = True
        return await asyncio.to_thread(self._process.wait, within_s)

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    @property
    def started(self) -> bool:
        """Whether it has come to listen to signals."""
        return b"worker started" in self.log.read_bytes()

    @property
    def unexpected_end(self) -> int | None:
        """Its exit code, where it ended though nobody expected it."""
        return None if self._end_is_known else self._process.poll()


class House:
    """The services of a test with their queues, and the workers that the test starts.

    Attributes:
        ear: what was said on the exchange since the house was opened.
        database_url: of the test's own database.
        database: connections to it, as an operator who sees all schemas.
        amqp_url: of the test's own virtual host.
        addresses: settings that give each service a user of its own.
        plug_ins: folders in which workers find what others installed.
    """

    def __init__(
        self,
        services: Sequence[Service],
        amqp_url: str,
        database_url: str,
        database: Pool,
        ear: Ear,
        logs: Path,
        guarded: Guarded,
        forks: Forks | None,
    ) -> None:
        self.ear = ear
        self.database_url = database_url
        self.database = database
        self.amqp_url = amqp_url
        self.plug_ins: tuple[Path, ...] = ()
        self.addresses: dict[str, str] = {}
        self._services = services
        self._logs = logs
        self._guarded = guarded
        self._forks = forks
        self._workers: list[WorkerProcess] = []
        self._at_work: set[str] = set()

    def start(self, *names: str, die_at: str | None = None, **settings: str) -> WorkerProcess:
        """Start one process with workers of these services.

        Args:
            names: of the services; none: of all of them.
            die_at: a step of shared/failpoints.py, `committed:3` for the third time.
            settings: more of `CLOUDTILL_*`, in lower case and without that.
        """
        chosen = names or tuple(service.name for service in self._services)
        self._at_work.update(chosen)
        log = self._logs / f"{'-'.join(chosen)}-{len(self._workers) + 1}.log"
        environment = {
            **{name: value for name, value in os.environ.items() if "CLOUDTILL_" not in name},
            **IMPATIENT,
            AMQP_URL: self.amqp_url,
            DATABASE_URL: self.database_url,
            "PYTHONPATH": os.pathsep.join(map(str, (_ROOT, *self.plug_ins))),
            **({"CLOUDTILL_DIE_AT": die_at} if die_at else {}),
            **{
                f"CLOUDTILL_{name.upper()}": value
                for name, value in (self.addresses | settings).items()
            },
        }
        worker = WorkerProcess(
            log.stem, self._process(chosen, environment, log), log, self._guarded
        )
        self._workers.append(worker)
        return worker

    def _process(self, names: Sequence[str], environment: Mapping[str, str], log: Path) -> Process:
        """A worker; forked where that is possible: what is plugged in is found at its start."""
        if self._forks and not self.plug_ins:
            return self._forks.start(names, environment, log)
        return self._guarded.launch(
            [sys.executable, "-m", "services.cli", "run", *names],
            log,
            end_with=signal.SIGKILL,
            environment=environment,
        )

    async def publish(self, *messages: Message) -> None:
        """Publish messages, all in flight at once, and wait until the broker has them."""
        async with broker.connected(self.amqp_url, "test publishes") as connection:
            channel = await confirming_channel(connection, lambda: None)
            await asyncio.gather(
                *(
                    publishing.publish(channel, Parcel.of(message), _PUBLISH_S)
                    for message in messages
                )
            )

    async def wait_for(
        self,
        message_type: type[M],
        that: Callable[[M], bool] = lambda _: True,
        *,
        within_s: float = 60,
    ) -> M:
        """The first message of this type for which `that` holds, said before or yet to come."""
        try:
            return await self.ear.wait_for(message_type, that, within_s)
        except TimeoutError:
            self._assert_alive()
            heard = ", ".join(message.type for message in self.ear.heard)
            raise AssertionError(f"no such {message_type.type}; heard: {heard}") from None

    def heard(self, message_type: type[M]) -> list[M]:
        """All messages of this type so far, each once."""
        return [message for message in self.ear.heard if isinstance(message, message_type)]

    async def wait_until_idle(self, within_s: float = 90, every_s: float = _LOOK_EVERY_S) -> None:
        """Wait until nothing is left to do: all that was said is concluded, and no more is said.

        Messages that no service can read are not waited for: their dead letters are. Services that
        the test never started are not waited for either.
        """
        left: str | None = "nothing was looked at"
        try:
            async with asyncio.timeout(within_s):
                while left := await self._seen_left_to_do():
                    self._assert_alive()
                    await asyncio.sleep(every_s)
        except TimeoutError:
            seen = await self.seen_standing_still()
            still = f"after {within_s} s there is still work: {left}\n{seen}"
            raise AssertionError(still) from None

    async def _seen_left_to_do(self) -> str | None:
        """What is left, or that this could not be seen: then it is not the workers who stand
        still."""
        try:
            async with asyncio.timeout(_LOOK_S):
                return await self.left_to_do()
        except TimeoutError:
            return f"what could not be seen within {_LOOK_S} s"

    async def left_to_do(self) -> str | None:
        """What is left, if anything. The order of the questions is what makes the answer true.

        What is concluded has put what it says into the outbox; if all heard is concluded, then the
        outboxes are empty, and then nothing new was heard, there is nothing left anywhere.
        """
        await self.ear.catch_up()
        heard = len(self.ear.heard)
        async with connection(self.database) as db:
            for service in self._services:
                if self._at_work and service.name not in self._at_work:
                    continue  # where others start the workers, all are waited for
                if left := await self._unconcluded(db, service):
                    return f"{len(left)} messages for {service.name}"
            waiting = await db.fetchval(
                "select "
                + " + ".join(f"(select count(*) from {one.name}.outbox)" for one in self._services)
            )
        if waiting:
            return f"{waiting} messages in outboxes"
        await self.ear.catch_up()
        return "new messages" if len(self.ear.heard) > heard else None

    async def seen_standing_still(self) -> str:
        """What tells where work is that nobody does: messages, queues and statements, for people.
        The workers log where each of their tasks waits."""
        for worker in self._workers:
            worker.ask_where_it_waits()
        await asyncio.sleep(_TOLD_S)
        async with connection(self.database) as db:
            heard = {one.name: await self._unconcluded(db, one) for one in self._services}
            to_say = {
                one.name: [
                    f"{row['type']} {row['message_id']}, attempt {row['attempt']}, {row['due_at']}"
                    for row in await db.fetch(f"select * from {one.name}.outbox")
                ]
                for one in self._services
            }
            statements = [dict(row) for row in await db.fetch(_STATEMENTS)]
        queues = [
            f"{name}: {ready} ready, {consumers} consumers"
            for name, (ready, consumers) in (await self.queues()).items()
        ]
        return f"{heard=}\n{to_say=}\n{queues=}\n{statements=}"

    async def queues(self) -> dict[str, tuple[int, int]]:
        """How many messages lie in the queue of each service that no consumer has yet, and how many
        consumers it has: one that ended and still counts keeps what it was sent.

        Raises:
            one of TROUBLE: if the broker does not say.
        """
        async with broker.connected(self.amqp_url, "counts") as connection:
            opened = await connection.channel()
            channel = await opened.get_underlay_channel()
            declared = {
                one.name: await channel.queue_declare(one.name, passive=True)
                for one in self._services
            }
        return {
            name: (one.message_count or 0, one.consumer_count or 0)
            for name, one in declared.items()
        }

    async def _unconcluded(self, db: Connection, service: Service) -> list[Message]:
        messages = {
            MessageKey.of(message): message
            for message in self.ear.heard
            if type(message) in service.handlers
            and message.bound_to(service.name) == message.routing_key
        }
        rows = await db.fetch(
            _UNCONCLUDED.format(service=service.name),
            [key.day for key in messages],
            [key.source for key in messages],
            [key.id for key in messages],
        )
        return [messages[MessageKey(*row)] for row in rows]

    def _assert_alive(self) -> None:
        ended = {
            worker.name: worker.unexpected_end
            for worker in self._workers
            if worker.unexpected_end is not None
        }
        assert not ended, f"workers ended by themselves: {ended}"

    def close(self) -> None:
        """Stop the workers; tell what they logged, which pytest shows where a test failed.

        Raises:
            AssertionError: if one ended by itself, or does not stop properly.
        """
        codes = {
            worker.name: worker.terminate()
            for worker in self._workers
            if worker.runs and worker.started
        }
        for worker in self._workers:
            if worker.runs:
                worker.kill()
        for worker in self._workers:
            print(f"---- {worker.name}\n{worker.log.read_text(errors='replace')[-20_000:]}")
        self._assert_alive()
        assert not any(codes.values()), f"exit codes of workers that were told to stop: {codes}"


@asynccontextmanager
async def open_house(
    services: Sequence[Service],
    amqp_url: str,
    database_url: str,
    logs: Path,
    guarded: Guarded,
    forks: Forks | None = None,
    *,
    has_queues: bool = False,
) -> AsyncIterator[House]:
    """A house with the queues of these services; its workers are stopped at the end.

    Args:
        forks: starts workers quickly; None: each is a `cloudtill run` from its beginning.
        has_queues: whether they are there already.
    """
    if not has_queues:
        async with broker.connected(amqp_url, "test") as connection:
            await topology.apply(connection, services)
    async with listening(amqp_url) as ear, _operators_of(database_url) as database:
        house = House(services, amqp_url, database_url, database, ear, logs, guarded, forks)
        try:
            yield house
        finally:
            house.close()


@asynccontextmanager
async def _operators_of(database_url: str) -> AsyncIterator[Pool]:
    """Connections that stay open while a test looks: each new one would have to read anew what
    tables there are."""
    operators = asyncpg.create_pool(database_url, min_size=0, max_size=8)
    async with operators:
        try:
            yield operators
        finally:
            operators.terminate()  # some may lead to a server that is gone
