"""A group of messages, from their bytes to one committed transaction.

Each message of a group ends as handled, as a known duplicate, put off on the ladder of retries, or
put away as a dead letter; whichever it is, it is committed before anything is acknowledged.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from time import time_ns

import structlog

from shared import inbox, metrics, outbox, reading
from shared.broker import Delivery
from shared.database import Connection, PassingTrouble, Pool, transaction
from shared.dead_letters import DeadLetter, append_dead_letters
from shared.failpoints import passing
from shared.inbox import DayDropped, Days, MessageKey
from shared.messages import Later, Message, NotYet, Refused, Said
from shared.outbox import OWN_QUEUE, OutboxRow, Parcel
from shared.reading import Group, Received
from shared.repeating import Repeating, Unfinished
from shared.service import Handler, Service
from shared.settings import Settings
from shared.suspects import Suspects
from shared.tracing import Handled, spans_of

log = structlog.get_logger()


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
        self._settings = settings
        self._repeating = Repeating(service.name, settings.transient_pause_s, stopping)
        self._suspects = Suspects(
            service.name,
            connections,
            quick,
            settings.suspect_tries,
            self._repeating,
            self._together,
        )
        self._spans = spans_of(service.name)
        self.days = Days(connections, settings.inbox_days_at_most)

    async def conclude(self, deliveries: Sequence[Delivery]) -> list[OutboxRow]:
        """Conclude deliveries; what they say at once is returned, leased to this worker's relay.

        Raises:
            Unfinished: if told to stop while Postgres can't be reached.
        """
        fresh, returned = reading.read(self._service, self._spans, deliveries)
        passing("received", (one.type or "" for one in deliveries))
        said = await self._together(fresh)
        if returned:
            said += await self._suspects.conclude(returned)
        return said

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

    async def _until_reachable(self, group: Group) -> list[OutboxRow]:
        with metrics.GROUP_TIME.labels(self._service.name).time():
            return await self._repeating(lambda: self._transact(group))

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
                letters.append(one.put_away("too_old", f"{one.key.day} is forgotten"))
            elif one.key.day in no_room:
                letters.append(one.put_away("too_many_days", f"no room for {one.key.day}"))
            else:
                messages.append(one)
        return Group(messages, group.failed, letters)

    async def _remember(self, db: Connection, messages: Sequence[Received]) -> list[Received]:
        if not messages:
            return []
        new = await inbox.remember(db, [one.key for one in messages])
        return [one for one in messages if one.key.name in new]

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
                    letters.append(one.put_away(reason, detail))
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
            letters.append(one.put_away("out_of_attempts", reason))
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
