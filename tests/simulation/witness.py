"""Sees everything that happens in a world, and says so when it must not happen."""

import json
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from zlib import crc32

from tests.simulation.virtual_loop import VirtualLoop

_EVENTS: Final = 60


@dataclass(frozen=True, slots=True)
class Told:
    """A message that the world knows of: how it will behave, and what it is worth."""

    id: str
    kind: str
    amount: int


class Violation(Exception):
    """What must not happen has happened.

    Attributes:
        invariant: which rule was broken, the same text each time.
        detail: by what.
        step: at which step of its world.
    """

    def __init__(self, invariant: str, detail: str, step: int) -> None:
        super().__init__(f"{invariant}: {detail}, at step {step}")
        self.invariant = invariant
        self.detail = detail
        self.step = step


class Witness:
    """Checks at each commit, acknowledgement and publish, and once more when all is quiet."""

    def __init__(self, loop: VirtualLoop, suspect_tries: int) -> None:
        self._suspect_tries = suspect_tries
        self._loop = loop
        self._caused: list[str] = []
        self.violation: Violation | None = None
        """The first; the world stops at it."""
        self.digest = 0
        self.events: deque[tuple[object, ...]] = deque(maxlen=_EVENTS)
        self.told: dict[str, Told] = {}
        self.by_body: dict[bytes, str] = {}
        self.accepted: Counter[tuple[str, str]] = Counter()  # by queue and id
        self.effects: Counter[tuple[str, str]] = Counter()  # by service and id
        self.remembered: set[tuple[str, str]] = set()
        self.letters: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        self.put_off: set[tuple[str, str]] = set()
        self.due: dict[tuple[str, str, int], float] = {}
        self.published: set[tuple[str, str, int]] = set()  # routing key, id, attempt
        self.given_up: set[tuple[str, str]] = set()  # by the broker: its dead-letter queue
        self.ended: Counter[tuple[str, str]] = Counter()  # workers that ended while trying one
        self.taken_along: Counter[tuple[str, str]] = Counter()  # by poison and neighbour

    def note(self, *event: object) -> None:
        """Keep an event, to be shown if something goes wrong soon."""
        event = (self._loop.steps, round(self._loop.now, 4), *event)
        self.events.append(event)
        self.digest = crc32(repr(event).encode(), self.digest)

    def fail(self, invariant: str, detail: str) -> None:
        """Note that a rule was broken."""
        # Raised here, it would be one of the errors that the worker's code knows how to survive.
        if self.violation is None:
            self.violation = Violation(invariant, detail, self._loop.steps)

    def tell(self, told: Told, body: bytes) -> None:
        """A message exists from now on."""
        self.told[told.id] = told
        self.by_body[body] = told.id

    def tell_caused(self, id: str, body: bytes) -> None:
        """A message was said because of another; it is in order."""
        if id not in self.told:
            amount = int(json.loads(body)["data"]["amount"])
            self.tell(Told(id, "clean", amount), body)
            self._caused.append(id)

    def at_broker(self, queue: str | None, key: str, id: str, attempt: int) -> None:
        """The broker took a message, into a queue or, where nobody listens, into none."""
        self.published.add((key, id, attempt))
        if queue is not None:
            self.accepted[queue, id] += 1
        due = self.due.get((key, id, attempt), 0.0)
        if self._loop.now < due:
            self.fail(
                "nothing is published before it is due", f"{id} attempt {attempt}, due {due:.3f}"
            )

    def acknowledged(self, queue: str, body: bytes, attempt: int) -> None:
        """The broker forgets a delivery."""
        message_id = self.by_body[body]
        key = (queue, message_id)
        self.note("acknowledged", queue, message_id, attempt)
        if key not in self.remembered and key not in self.letters and key not in self.put_off:
            self.fail("nothing is acknowledged before it is committed", f"{queue} {message_id}")

    def said(self, service: str, key: str, id: str, attempt: int, due: float, own: bool) -> None:
        """A row was committed to an outbox; `own`: back to the service's own queue."""
        if not own:
            return
        told = self.told[id]
        self.put_off.add((service, id))
        self.due[key, id, attempt] = min(due, self.due.get((key, id, attempt), due))
        if told.kind in ("clean", "shaky", "poison") and (service, id) not in self.given_up:
            self.fail("what is in order is not put off", f"{service} {id}")

    def deleted(self, key: str, id: str, attempt: int, must_arrive: bool) -> None:
        """A row of an outbox is gone."""
        if must_arrive and (key, id, attempt) not in self.published:
            self.fail("nothing is deleted before the broker has it", f"{id} to {key}")

    def effect(self, service: str, id: str) -> None:
        """The effect of a message was committed."""
        self.effects[service, id] += 1
        self.note("effect", service, id)
        if not self.accepted[service, id]:
            self.fail("no effect without a cause", f"{service} {id}")
        if self.effects[service, id] > 1:
            self.fail("each message has its effect once", f"{service} {id}")

    def letter(self, service: str, id: str, reason: str) -> None:
        """A message was put away."""
        self.letters[service, id].append(reason)
        self.note("put away", service, id, reason)
        if reason == "suspected_crash" and self.ended[service, id] < self._suspect_tries:
            self.fail(
                "only what ended workers is suspected",
                f"{service} {id}, {self.ended[service, id]} workers ended",
            )

    def killed_by(self, service: str, poison: str, neighbours: Iterable[str]) -> None:
        """A message ended a worker, with others in the same transaction."""
        for one in neighbours:
            if one == poison:
                continue
            self.taken_along[poison, one] += 1
            if self.taken_along[poison, one] > 2 * self.accepted[service, poison]:
                self.fail("poison is tried alone", f"{poison} took {one} along again")

    def conclude(self, first: str, second: str, books: Mapping[str, int]) -> None:
        """All is quiet: each message is concluded, once, and no money is lost or made.

        Args:
            first: the service that hears from the world.
            second: the service that hears from the first.
            books: what each has in all its accounts.
        """
        for queue, one in self.accepted:
            if queue in (first, second):
                self._concluded(queue, self.told[one])
        for one in self._caused:
            if not self.accepted[second, one]:
                self.fail("what is said arrives", one)
        for service in (first, second):
            expected = sum(self.told[one].amount for owner, one in self.effects if owner == service)
            if books[service] != expected:
                self.fail("no money is lost or made", f"{service}: {books[service]}, {expected}")
        put_away = sum(
            self.told[one].amount
            for owner, one in self.letters
            if owner == second and not self.effects[owner, one]
        )
        if books[first] != books[second] + put_away:
            self.fail("no money is lost or made", f"{dict(books)} and put away {put_away}")

    def _concluded(self, queue: str, told: Told) -> None:
        effects = self.effects[queue, told.id]
        reasons = set(self.letters.get((queue, told.id), ()))
        where = f"{queue} {told.id}: {effects} effects, put away for {reasons or 'nothing'}"
        if not effects and not reasons:
            self.fail("each message is concluded", where)
        if reasons - self._reasons(queue, told):
            self.fail("each is put away for its own reason", where)
        if effects and told.kind in ("refused", "raises", "poison", "garbage", "never"):
            self.fail("what can't be handled has no effect", where)

    def _reasons(self, queue: str, told: Told) -> set[str]:
        reasons = {
            "refused": {"refused"},
            "raises": {"out_of_attempts"},
            "never": {"out_of_attempts"},
            "waits": {"out_of_attempts"},
            "poison": {"suspected_crash"},
            "garbage": {"not_json"},
        }.get(told.kind, set())
        if self.ended[queue, told.id]:
            reasons = reasons | {"suspected_crash"}
        if (queue, told.id) in self.given_up:
            reasons = reasons | {"delivery_limit", "out_of_attempts"}
        return reasons
