"""One world: two services of several workers each, a broker, a database each, and bad luck."""

import contextvars
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any, Final
from unittest.mock import patch

import aio_pika
import asyncpg
import structlog

import shared.broker
import shared.worker
from shared.envelope import Envelope
from shared.messages.upstream import TopUpReceived
from shared.settings import Settings
from shared.worker import Worker
from tests.builders import NOON
from tests.simulation import aio_pika_simulated, asyncpg_simulated
from tests.simulation.bugs import planted
from tests.simulation.business import KINDS, LEDGER, TILL, Business
from tests.simulation.chance import Chance
from tests.simulation.postgres import DOWNSTREAM, Database
from tests.simulation.process import CURRENT, Process, of_now
from tests.simulation.rabbitmq import Broker, Stored
from tests.simulation.virtual_loop import VirtualLoop
from tests.simulation.witness import Told, Witness

_BUSY_S: Final = 15.0
_QUIET_WITHIN_S: Final = 3_600.0
_LOOK_EVERY_S: Final = 0.5
_UNWINDING_STEPS: Final = 20_000


@dataclass(slots=True)
class Slot:
    """A place for a worker: when one ends, another takes it."""

    service: str
    process: Process
    worker: Worker


class World:
    """A world from its seed, from the first message until all is quiet."""

    def __init__(self, seed: str, bug: str | None = None) -> None:
        self.loop = VirtualLoop()
        self.chance = Chance(seed)
        draw = self.chance.random
        self.settings = Settings(
            group_size=draw.choice((1, 5, 20, 50)),
            groups_ahead=draw.choice((2, 4)),
            publish_window=draw.choice((2, 20, 100)),
            publish_timeout_s=draw.choice((0.5, 3)),
            outbox_lease_s=draw.choice((0.3, 2, 5)),
            outbox_poll_s=0.5,
            retry_delays_s=(0.2, 0.5, 1, 2, 4, 8),
            suspect_tries=3,
            transient_pause_s=0.1,
            shutdown_s=2,
        )
        self.witness = Witness(self.loop, self.settings.suspect_tries)
        loop, limit = self.loop.for_asyncio, draw.choice((3, 8, 20))
        self.broker = Broker(loop, self.chance, self.witness, limit)
        self.broker.declare(TILL, [TopUpReceived.type])
        self.broker.declare(LEDGER, [DOWNSTREAM])
        self.databases = {name: Database(name, loop, self.witness, bug) for name in (TILL, LEDGER)}
        self.messages = 0
        self._bug = bug
        self._services = Business(self.witness).services()
        self._workers_each = draw.choice((1, 2, 3))
        self._every_s = draw.choice((0.05, 0.2))
        self._weights = [60, *(draw.choice((0, 0, 1, 6)) for _ in KINDS[1:])]
        self._numbers = count(1)
        self._slots: list[Slot] = []
        self._processes: dict[Process, None] = {}
        self._over = False

    def run(self) -> None:
        """Live until all is quiet.

        Raises:
            Violation: as soon as something happens that must not.
        """
        with self._simulated(), planted(self._bug):
            try:
                self._live()
            finally:
                self._end()
        if self.witness.violation:
            raise self.witness.violation

    def _live(self) -> None:
        self.loop.call_soon(self._begin)
        self._run_until(_BUSY_S)
        self.loop.call_soon(self._calm_down)
        self._run_until_quiet()
        if self.witness.violation is None:
            books = {name: sum(one.balances.values()) for name, one in self.databases.items()}
            self.witness.conclude(TILL, LEDGER, books)

    def _run_until(self, time_s: float) -> None:
        loop, witness = self.loop, self.witness
        loop.run_while(lambda: witness.violation is None and loop.now < time_s)

    def _run_until_quiet(self) -> None:
        latest = self.loop.now + _QUIET_WITHIN_S
        while self.witness.violation is None and not self._is_quiet():
            if self.loop.now > latest:
                self.witness.fail(
                    "once faults end, all is concluded",
                    f"left in outboxes: {[len(one.outbox) for one in self.databases.values()]}",
                )
            self._run_until(self.loop.now + _LOOK_EVERY_S)

    def _is_quiet(self) -> bool:
        return self.broker.is_empty() and not any(one.outbox for one in self.databases.values())

    def _end(self) -> None:
        """End all workers, and let their coroutines unwind."""
        loop, last = self.loop, self.loop.steps + _UNWINDING_STEPS
        self._over = True
        self.chance.quiet = True
        loop.call_soon(self._end_all)
        loop.run_while(lambda: loop.steps < last and bool(self._processes))

    def _end_all(self) -> None:
        for process in list(self._processes):
            process.die()

    @contextmanager
    def _simulated(self) -> Iterator[None]:
        before = structlog.get_config()
        structlog.configure(
            wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
            cache_logger_on_first_use=False,
        )
        with ExitStack() as stack:
            for patched in (
                patch.object(asyncpg, "create_pool", self._pool),
                patch.object(aio_pika, "connect", self._connect),
                patch.object(shared.worker, "until_migrated", _migrated),
                patch.object(shared.broker, "random", self.chance.random),
                patch.object(logging.getLogger("aiormq.channel"), "disabled", True),
            ):
                stack.enter_context(patched)
            try:
                yield
            finally:
                structlog.configure(**before)

    def _pool(self, _url: str, *, max_size: int, **_: object) -> Any:
        process = of_now()
        return asyncpg_simulated.SimulatedPool(
            self.databases[process.service], process, self.chance, max_size
        )

    async def _connect(self, _url: object, **_: object) -> Any:
        return await aio_pika_simulated.connect(self.broker, of_now(), self.chance)

    def _begin(self) -> None:
        for service in (TILL, LEDGER):
            for number in range(self._workers_each):
                self._slots.append(self._started(service, f"{service}-{number}"))
        self._arrive()
        self._make_mischief()

    def _started(self, service: str, name: str) -> Slot:
        process = Process(name, service, self._count_tries)
        worker = Worker(self._services[service], self.settings)
        context = contextvars.copy_context()
        context.run(CURRENT.set, process)
        self._processes[process] = None
        process.main = self.loop.create_task(worker.run(), name=name, context=context)
        process.main.add_done_callback(lambda _: self._ended(process))
        return Slot(service, process, worker)

    def _count_tries(self, process: Process) -> None:
        for one in process.trying:
            self.witness.ended[process.service, one] += 1

    def _ended(self, process: Process) -> None:
        assert process.main is not None
        del self._processes[process]
        if self._over:
            return
        if not process.dead:
            self._count_tries(process)  # told to stop when Postgres was out of reach
        if not process.dead and (error := process.main.exception()):
            self.witness.fail("no worker ends of itself", f"{process.name}: {error!r}")
        self.witness.note("ended", process.name, "killed" if process.dead else "in order")
        self.loop.call_later(self.chance.random.random(), self._replace, process)

    def _replace(self, process: Process) -> None:
        for slot in self._slots:
            if slot.process is process and not self._over:
                new = self._started(slot.service, process.name)
                slot.process, slot.worker = new.process, new.worker

    def _arrive(self) -> None:
        """Upstream publishes some messages, some of them twice."""
        if self.chance.quiet:
            return
        draw = self.chance.random
        for _ in range(draw.choice((1, 2, 5, 20))):
            stored = self._told(draw.choices(KINDS, self._weights)[0])
            queue = self.broker.queues[TILL]
            self.broker.later(self.broker.put, queue, stored, 2 if draw.random() < 0.05 else 1)
            if draw.random() < 0.03:
                again_s = draw.random() * 5
                self.loop.call_later(again_s, self.broker.put, queue, stored)
        self.loop.call_later(draw.random() * 2 * self._every_s, self._arrive)

    def _told(self, kind: str) -> Stored:
        self.messages += 1
        number = next(self._numbers)
        message_id = f"{kind}-{number}"
        draw = self.chance.random
        awaited = number + draw.randrange(-20, 20)
        body = f"garbage {message_id}".encode()
        amount = draw.randrange(1, 1_000)
        if kind != "garbage":
            top_up = TopUpReceived(
                top_up_id=message_id,
                account_id=f"account-{draw.randrange(8)}",
                amount=amount,
                gateway=kind,
                gateway_reference=f"clean-{awaited}",
            )
            time = NOON + timedelta(days=draw.randrange(3))
            body = top_up.within(Envelope(message_id, top_up.source, top_up.type, time)).encode()
        self.witness.tell(Told(message_id, kind, amount), body)
        return Stored(message_id, TopUpReceived.type, body, 0, "cloudtill", TopUpReceived.type)

    def _make_mischief(self) -> None:
        if self.chance.quiet:
            return
        if kind := self.chance.mischief():
            self.witness.note(kind)
            self._do(kind, self.chance.one_of(self._slots))
        every_s = self.chance.odds.mischief_every_s
        self.loop.call_later(self.chance.random.random() * 2 * every_s, self._make_mischief)

    def _do(self, kind: str, slot: Slot) -> None:
        connections = [
            one
            for one in slot.process.severed
            if isinstance(one, aio_pika_simulated.SimulatedConnection)
        ]
        queue = self.broker.queues[slot.service]
        match kind:
            case "worker killed" if not slot.process.dead:
                slot.process.die()
            case "worker stopped in order" if not slot.process.dead:
                slot.worker.stop()
            case "channel closed" if connections:
                self.chance.one_of(connections).close_a_channel()
            case "consumer cancelled" if connections:
                self.chance.one_of(connections).cancel_consumers()
            case "connection to the broker lost" if connections:
                self.chance.one_of(connections).end()
            case "broker out of reach":
                self.broker.reachable = False
                for other in self._slots:
                    _end_connections(other.process)
                self._mend(self.broker, "reachable", True)
            case "database out of reach":
                self.databases[slot.service].reachable = False
                self._mend(self.databases[slot.service], "reachable", True)
            case "queue full":
                queue.full = True
                self._mend(queue, "full", False)
            case "binding missing":
                self.broker.unbound.add(DOWNSTREAM)
                self.loop.call_later(
                    self.chance.random.random() * 3, self.broker.unbound.discard, DOWNSTREAM
                )
            case _:
                self.chance.faults[kind] -= 1

    def _mend(self, what: object, name: str, value: bool) -> None:
        self.loop.call_later(self.chance.random.random() * 3, setattr, what, name, value)

    def _calm_down(self) -> None:
        """From now on nothing breaks, except by messages that end workers."""
        self.chance.quiet = True
        self.broker.reachable = True
        self.broker.unbound.clear()
        for queue in self.broker.queues.values():
            queue.full = False
        for database in self.databases.values():
            database.reachable = True


def _end_connections(process: Process) -> None:
    for one in list(process.severed):
        if isinstance(one, aio_pika_simulated.SimulatedConnection):
            one.end()


async def _migrated(*_: object) -> bool:
    return True
