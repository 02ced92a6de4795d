"""A broker: quorum queues with delivery limits, bindings, and what is on its way to consumers."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from shared.outbox import OWN_QUEUE
from tests.simulation.chance import Chance
from tests.simulation.witness import Witness

OUT_OF_ORDER: Final = 0.1
"""How often a queue gives not the next message but another."""


@dataclass(slots=True, eq=False)
class Stored:
    """A message in a queue."""

    message_id: str
    type: str
    body: bytes
    attempt: int
    exchange: str
    routing_key: str
    returns: int = 0


class Consumer(Protocol):
    """A channel that consumes; `unacknowledged` by delivery tag, in their order."""

    unacknowledged: dict[int, Stored]
    ahead: int

    def send(self, stored: Stored) -> None: ...


@dataclass(slots=True, eq=False)
class Queue:
    """A queue, who consumes it, and where it puts what it gave up on."""

    name: str
    limit: int
    dead: "Queue | None"
    ready: deque[Stored] = field(default_factory=deque)
    consumers: list[Consumer] = field(default_factory=list)
    full: bool = False


class Broker:
    """Queues by name, and the bindings of the one exchange."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, chance: Chance, witness: Witness, limit: int
    ) -> None:
        self.reachable = True
        self.queues: dict[str, Queue] = {}
        self.bindings: dict[str, Queue] = {}
        self.unbound: set[str] = set()
        self._loop = loop
        self._chance = chance
        self._witness = witness
        self._limit = limit

    def declare(self, service: str, types: list[str]) -> None:
        """A service's queue with its dead-letter queue, as in `shared.topology`."""
        dead = Queue(f"{service}.dead", limit=10**9, dead=None)
        queue = Queue(service, self._limit, dead)
        self.queues[dead.name] = dead
        self.queues[queue.name] = queue
        self.bindings.update(dict.fromkeys(types, queue))

    def route(self, exchange: str, key: str) -> Queue | None:
        """The queue for a message, if there is one."""
        if exchange == OWN_QUEUE:
            return self.queues.get(key)
        return None if key in self.unbound else self.bindings.get(key)

    def put(self, queue: Queue, stored: Stored, times: int = 1) -> None:
        """Accept a message."""
        for _ in range(times):
            self._witness.at_broker(
                queue.name, stored.routing_key, stored.message_id, stored.attempt
            )
            queue.ready.append(
                Stored(
                    stored.message_id,
                    stored.type,
                    stored.body,
                    stored.attempt,
                    stored.exchange,
                    stored.routing_key,
                )
            )
        self.dispatch(queue)

    def dispatch(self, queue: Queue) -> None:
        """Send what is ready to consumers that have room."""
        draw = self._chance.random.random
        while queue.ready:
            free = [one for one in queue.consumers if len(one.unacknowledged) < one.ahead]
            if not free:
                return
            if draw() < OUT_OF_ORDER:
                queue.ready.rotate(-int(draw() * len(queue.ready)))
            self._chance.one_of(free).send(queue.ready.popleft())

    def acknowledge(self, queue: Queue, consumer: Consumer, last: int) -> None:
        """Forget all deliveries up to one."""
        for tag in [tag for tag in consumer.unacknowledged if tag <= last]:
            stored = consumer.unacknowledged.pop(tag)
            service = queue.name.removesuffix(".dead")
            self._witness.acknowledged(service, stored.body, stored.attempt)
        self.dispatch(queue)

    def give_back(self, queue: Queue, consumer: Consumer) -> None:
        """Take back what a consumer had: its channel is closed."""
        queue.consumers.remove(consumer)
        for stored in reversed(list(consumer.unacknowledged.values())):
            stored.returns += 1
            if stored.returns > queue.limit and queue.dead is not None:
                self._witness.given_up.add((queue.name, stored.message_id))
                self._witness.note("given up by the broker", queue.name, stored.message_id)
                stored.returns = 0
                queue.dead.ready.append(stored)
            else:
                queue.ready.appendleft(stored)
        consumer.unacknowledged.clear()
        self.dispatch(queue)
        if queue.dead is not None:
            self.dispatch(queue.dead)

    def is_empty(self) -> bool:
        """Whether no message is ready or out with a consumer."""
        return not any(
            queue.ready or any(one.unacknowledged for one in queue.consumers)
            for queue in self.queues.values()
        )

    def later(self, call: Callable[..., object], *arguments: Any) -> None:
        """Do something once it has come over the network."""
        self._loop.call_later(self._chance.delay_s(), call, *arguments)
