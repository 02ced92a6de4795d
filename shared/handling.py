"""A group of messages, from their bytes to one committed transaction.

Each message of a group ends as handled, as a known duplicate, put off on the ladder of retries, or
put away as a dead letter; whichever it is, it is committed before anything is acknowledged.
"""

import asyncio
import uuid
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from time import time_ns
from typing import TypeVar

import structlog

from shared import inbox, metrics, outbox
from shared.broker import Delivery
from shared.database import Connection, PassingTrouble, Pool, connection, transaction
from shared.dead_letters import DeadLetter, append_dead_letters
from shared.failpoints import passing
from shared.inbox import DayDropped, Days, MessageKey
from shared.messages import Later, Message, NotYet, Refused, Said
from shared.outbox import OWN_QUEUE, OutboxRow, Parcel
from shared.service import Handler, Service
from shared.settings import Settings
from shared.tracing import Handled, spans_of
from shared.wire import BadMessage, parse

log = structlog.get_logger()

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Received:
    """A delivery and the message in it."""

    delivery: Delivery
    message: Message
    key: MessageKey
    traceparent: str | None = None
    """The span in whose course it was said; only where traces are asked for."""


@dataclass(slots=True)
class Group:
    """What is concluded in one transaction: messages to be handled, each once; those whose handler
    failed, with the error; and what is to be put away."""

    messages: list[Received] = field(default_factory=list)
    failed: list[tuple[Received, str]] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)


class Unfinished(Exception):
    """Told to stop while Postgres could not be reached; what is in hand comes again."""


class Handling:
    """Concludes groups of deliveries for one service."""

    def __init__(
        self,
        service: Service,
        connections: Pool,
        quick: Pool,
        settings: Settings,
        stopping: asyncio.Event,
    ) -> None:
        """
        Args:
            service: whose handlers.
            connections: for what must be durable when it is committed.
            quick: for what may be forgotten in a crash of the database.
            settings: sizes, delays and limits.
            stopping: set when what can't be concluded is no longer to be repeated.
        """
        self._service = service
        self._connections = connections
        self._quick = quick
        self._settings = settings
        self._stopping = stopping
        self._spans = spans_of(service.name)
        self.days = Days(connections, settings.inbox_days_at_most)

    async def conclude(self, deliveries: Sequence[Delivery]) -> list[OutboxRow]:
        """Conclude deliveries; what they say at once is returned, leased to this worker's relay.

        Raises:
            Unfinished: if told to stop while Postgres can't be reached.
        """
        fresh, returned = self._read(deliveries)
        passing("received", (one.type or "" for one in deliveries))
        said = await self._together(fresh)
        if returned:
            said += await self._once_more(returned)
        return said

    def _read(self, deliveries: Sequence[Delivery]) -> tuple[Group, list[Received]]:
        """What came for the first time, and what came back and may have crashed a worker.

        Of copies of a message the one that was put off most often stands for all: another would
        begin its ladder of retries anew.
        """
        fresh = Group()
        received: dict[tuple[str, str], Received] = {}
        for delivery in deliveries:
            try:
                message = parse(delivery.body, delivery.type, delivery.attempt)
                if type(message) not in self._service.handlers:
                    raise BadMessage(
                        "unknown_type", f"{self._service.name} does not handle {message.type}"
                    )
            except BadMessage as fault:
                fresh.letters.append(_unreadable(delivery, fault))
                continue
            except Exception as error:
                # A message that finds a bug in the parser must not stop the queue.
                log.exception("parser failed", service=self._service.name, type=delivery.type)
                bug = BadMessage("unreadable", type(error).__name__)
                fresh.letters.append(_unreadable(delivery, bug))
                continue
            key = MessageKey.of(message)
            copy = received.get((key.source, key.id))
            if copy:
                metrics.DUPLICATES.labels(self._service.name).inc()
                if copy.delivery.attempt >= delivery.attempt:
                    continue
            parent = self._spans.enter(message) if self._spans else None
            received[key.source, key.id] = Received(delivery, message, key, parent)
        returned: list[Received] = []
        for one in received.values():
            (returned if one.delivery.redelivered else fresh.messages).append(one)
        return fresh, returned

    async def _together(self, group: Group) -> list[OutboxRow]:
        """One transaction for the group; where that fails, one for each half of it."""
        if not group.messages and not group.letters:
            return []
        try:
            return await self._until_reachable(group)
        except Unfinished:
            raise
        except Exception as error:
            if not group.messages:
                raise
            if len(group.messages) == 1:
                failed = [(group.messages[0], self._told(group.messages[0], error))]
                return await self._until_reachable(Group(failed=failed, letters=group.letters))
            middle = len(group.messages) // 2
            first = Group(group.messages[:middle], letters=group.letters)
            second = Group(group.messages[middle:])
            return await self._together(first) + await self._together(second)

    async def _once_more(self, returned: Sequence[Received]) -> list[OutboxRow]:
        """Try what came back: first together; what came back from that too, each alone.

        So one message that kills its worker takes its neighbours along once more at most, and a
        restart of the broker or of a worker costs little.
        """
        left = await self._repeating(lambda: self._not_remembered(returned))
        suspects = await self._repeating(lambda: self._suspects(left))
        unsuspected = [one for one in left if (one.key.source, one.key.id) not in suspects]
        said: list[OutboxRow] = []
        if unsuspected:
            await self._suspect(unsuspected)
            said += await self._tried(unsuspected)
        for one in left:
            if (one.key.source, one.key.id) in suspects:
                said += await self._repeating(partial(self._alone, one))
        return said

    async def _alone(self, one: Received) -> list[OutboxRow]:
        """Try a message that may kill its worker, while nobody tries a copy of it: who lives and
        still tries would count among those who died of it."""
        async with transaction(self._quick) as db:
            await inbox.lock_try(db, one.key)
            if not await self._repeating(lambda: self._not_remembered([one])):
                return []
            tries = await self._suspect([one])
            if tries > self._settings.suspect_tries:
                ended = f"{tries - 1} workers ended while trying it"
                letter = _put_away(one, "suspected_crash", ended)
                return await self._until_reachable(Group(letters=[letter]))
            return await self._tried([one])

    async def _tried(self, suspected: Sequence[Received]) -> list[OutboxRow]:
        """Try what is noted as tried, and note that the worker survived it."""
        try:
            said = await self._together(Group(list(suspected)))
        except Unfinished:
            with suppress(PassingTrouble):
                await self._clear(suspected)
            raise
        await self._repeating(lambda: self._clear(suspected))
        return said

    async def _suspects(self, returned: Sequence[Received]) -> set[tuple[str, str]]:
        async with connection(self._quick) as db:
            return await inbox.find_suspects(db, [one.key for one in returned])

    async def _suspect(self, tried: Sequence[Received]) -> int:
        """Note that messages are being tried, once however often that is repeated."""
        this_try = uuid.uuid4().hex

        async def note() -> int:
            async with connection(self._quick) as db:
                return max((await inbox.suspect(db, [one.key for one in tried], this_try)).values())

        return await self._repeating(note)

    async def _clear(self, tried: Sequence[Received]) -> None:
        async with connection(self._quick) as db:
            await inbox.clear_suspects(db, [one.key for one in tried])

    async def _not_remembered(self, returned: Sequence[Received]) -> list[Received]:
        """Those that were not handled before they came back. The others killed nobody."""
        async with connection(self._connections) as db:
            remembered = await inbox.find_remembered(db, [one.key for one in returned])
        known: list[Received] = []
        left: list[Received] = []
        for one in returned:
            (known if (one.key.source, one.key.id) in remembered else left).append(one)
        if known:
            metrics.DUPLICATES.labels(self._service.name).inc(len(known))
            await self._clear(known)
        return left

    async def _until_reachable(self, group: Group) -> list[OutboxRow]:
        with metrics.GROUP_TIME.labels(self._service.name).time():
            return await self._repeating(lambda: self._transact(group))

    async def _repeating(self, act: Callable[[], Awaitable[T]]) -> T:
        """Repeat while the trouble is one that passes."""
        while True:
            try:
                return await act()
            except PassingTrouble as trouble:
                log.warning("group repeated", service=self._service.name, error=str(trouble))
                metrics.TROUBLE.labels(self._service.name).inc()
                if self._stopping.is_set():
                    raise Unfinished(str(trouble)) from trouble
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), self._settings.transient_pause_s)

    async def _transact(self, group: Group) -> list[OutboxRow]:
        """Inbox, handlers, outbox, dead letters, commit."""
        began_ns = time_ns()
        try:
            group = await self._of_open_days(group)
            phases = metrics.Phases(self._service.name)
            async with transaction(self._connections) as db:
                new = await self._remember(db, group.messages)
                phases.ended("remember")
                passing("remembered", _types(new))
                answers = await self._handle(db, new)
                phases.ended("handle")
                passing("handled", _types(new))
                rows = await self._save(db, group, new, answers)
                phases.ended("save")
                passing("said", _types(new))
            phases.ended("commit")
        except DayDropped as error:
            self.days.close_all()
            raise PassingTrouble(str(error)) from error
        passing("committed", _types(new))
        self._count(group, new, answers)
        if self._spans:
            self._spans.tell(_concluded(group, new, answers), began_ns)
        return rows

    async def _of_open_days(self, group: Group) -> Group:
        """Make the inbox ready; what belongs to a day that it has forgotten is put away."""
        forgotten, no_room = await self.days.open({one.key.day for one in group.messages})
        if not forgotten and not no_room:
            return group
        letters = list(group.letters)
        messages: list[Received] = []
        for one in group.messages:
            if one.key.day in forgotten:
                letters.append(_put_away(one, "too_old", f"{one.key.day} is forgotten"))
            elif one.key.day in no_room:
                letters.append(_put_away(one, "too_many_days", f"no room for {one.key.day}"))
            else:
                messages.append(one)
        return Group(messages, group.failed, letters)

    async def _remember(self, db: Connection, messages: Sequence[Received]) -> list[Received]:
        if not messages:
            return []
        new = await inbox.remember(db, [one.key for one in messages])
        return [one for one in messages if (one.key.source, one.key.id) in new]

    async def _handle(self, db: Connection, new: Sequence[Received]) -> list[Said]:
        """Call the handlers in the order of the service's table, each with all that is its."""
        by_handler: defaultdict[Handler, list[Message]] = defaultdict(list)
        for one in new:
            by_handler[self._service.handlers[type(one.message)]].append(one.message)
        answers: list[Said] = []
        for handler in dict.fromkeys(self._service.handlers.values()):
            if messages := by_handler.get(handler):
                answers += await handler(messages, db)
        return answers

    async def _save(
        self, db: Connection, group: Group, new: Sequence[Received], answers: Iterable[Said]
    ) -> list[OutboxRow]:
        """Write what is said, what is put off and what is put away."""
        received = {id(one.message): one for one in new}
        parcels: list[Parcel] = []
        letters = list(group.letters)
        not_handled: list[MessageKey] = []
        for one, error in group.failed:
            self._put_off(one, error, parcels, letters)
        for answer in answers:
            match answer:
                case NotYet(cause, reason):
                    one = received[id(cause)]
                    not_handled.append(one.key)
                    self._put_off(one, reason, parcels, letters)
                case Refused(cause, reason, detail):
                    one = received[id(cause)]
                    not_handled.append(one.key)
                    letters.append(_put_away(one, reason, detail))
                case Message() | Later():
                    parcels.append(Parcel.of(answer))
        await inbox.forget(db, not_handled)
        told = await append_dead_letters(db, self._service.name, letters)
        parcels += map(Parcel.of, told)
        return await outbox.append(db, parcels, lease_s=self._settings.outbox_lease_s)

    def _told(self, one: Received, error: Exception) -> str:
        log.error(
            "handler failed",
            service=self._service.name,
            type=one.message.type,
            id=one.key.id,
            attempt=one.delivery.attempt,
            exc_info=error,
        )
        return f"{type(error).__name__}: {error}"

    def _put_off(
        self, one: Received, reason: str, parcels: list[Parcel], letters: list[DeadLetter]
    ) -> None:
        attempt = one.delivery.attempt
        if attempt >= len(self._settings.retry_delays_s):
            letters.append(_put_away(one, "out_of_attempts", reason))
        else:
            parcels.append(
                Parcel(
                    exchange=OWN_QUEUE,
                    routing_key=self._service.name,
                    message_id=one.key.id,
                    type=one.message.type,
                    correlation_id=one.message.envelope.correlation_id,
                    attempt=attempt + 1,
                    must_arrive=True,
                    body=one.delivery.body,
                    delay_s=self._settings.retry_delays_s[attempt],
                    reason=reason,
                )
            )

    def _count(self, group: Group, new: Sequence[Received], answers: Sequence[Said]) -> None:
        name = self._service.name
        metrics.GROUP_SIZE.labels(name).observe(len(group.messages))
        metrics.DUPLICATES.labels(name).inc(len(group.messages) - len(new))
        put_off = sum(isinstance(one, NotYet) for one in answers) + len(group.failed)
        metrics.PUT_OFF.labels(name).inc(put_off)
        for letter in group.letters:
            metrics.PUT_AWAY.labels(name, letter.reason).inc()
        for message_type, count in Counter(one.message.type for one in new).items():
            metrics.HANDLED.labels(name, message_type).inc(count)


def _concluded(group: Group, new: Sequence[Received], answers: Sequence[Said]) -> list[Handled]:
    """A committed group as its spans tell of it."""
    became = {id(one.message): "handled" for one in new}
    for answer in answers:
        if isinstance(answer, NotYet | Refused):
            became[id(answer.cause)] = "put_off" if isinstance(answer, NotYet) else "dead"
    return [
        *(Handled(one.message, one.traceparent, became[id(one.message)]) for one in new),
        *(Handled(one.message, one.traceparent, "failed", error) for one, error in group.failed),
    ]


def _types(received: Iterable[Received]) -> Iterator[str]:
    return (one.message.type for one in received)


def _unreadable(delivery: Delivery, fault: BadMessage) -> DeadLetter:
    return DeadLetter(
        fault.reason,
        fault.detail,
        delivery.body,
        type=delivery.type,
        attempt=delivery.attempt,
        properties=delivery.properties,
    )


def _put_away(one: Received, reason: str, detail: str) -> DeadLetter:
    return DeadLetter(
        reason,
        detail,
        one.delivery.body,
        source=one.key.source,
        message_id=one.key.id,
        type=one.message.type,
        attempt=one.delivery.attempt,
        properties=one.delivery.properties,
    )
