"""Bugs that are planted in the core, each to be found."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from unittest.mock import patch

from aio_pika.exceptions import DeliveryError

from shared import broker, inbox, outbox, publishing, reading
from shared.database import PassingTrouble, connection
from shared.handling import Handling
from shared.outbox import OutboxRow
from shared.reading import Group
from shared.relay import Relay
from shared.repeating import Repeating
from shared.suspects import Suspects
from shared.worker import Worker


async def _acknowledge_first(self: Any, connected: Any, handling: Handling, relay: Relay) -> None:
    deliveries = await broker.Deliveries.of(connected, self.service.name, 20)
    self._deliveries = deliveries
    while group := await deliveries.take(self._settings.group_size):
        await deliveries.acknowledge(group[-1])
        await relay.hand_over(await handling.conclude(group))


def _deleting_first() -> Any:
    publish = Relay._publish

    async def delete_first(
        self: Any, channel: Any, batch: Sequence[OutboxRow], concluded: set[int]
    ) -> None:
        async with connection(self._connections) as db:
            await outbox.delete(db, [row.row_id for row in batch])
        await publish(self, channel, batch, concluded)

    return patch.object(Relay, "_publish", delete_first)


def _believing_what_was_not_confirmed() -> Any:
    publish_all = publishing.publish_all

    async def optimistic(*arguments: Any) -> list[Exception | None]:
        outcomes = await publish_all(*arguments)
        return [one if isinstance(one, DeliveryError) else None for one in outcomes]

    return patch.object(publishing, "publish_all", optimistic)


async def _all_fail_together(self: Any, group: Group) -> list[OutboxRow]:
    if not group.messages and not group.letters:
        return []
    try:
        return list(await self._until_reachable(group))
    except Exception as error:
        failed = [(one, repr(error)) for one in group.messages]
        return list(await self._until_reachable(Group(failed=failed, letters=group.letters)))


async def _never_alone(self: Any, returned: Sequence[Any]) -> list[OutboxRow]:
    left = await self._repeating(lambda: self._not_remembered(returned))
    return list(await self._conclude(Group(list(left))))


async def _once_is_enough(self: Any, act: Callable[[], Any]) -> Any:
    try:
        return await act()
    except PassingTrouble:
        return []


def _keeping_the_first_copy() -> Any:
    read = reading.read

    def read_the_first(service: Any, spans: Any, deliveries: Sequence[broker.Delivery]) -> Any:
        first: dict[object, broker.Delivery] = {}
        for delivery in deliveries:
            first.setdefault(delivery.properties["message_id"], delivery)
        return read(service, spans, list(first.values()))

    return patch.object(reading, "read", read_the_first)


async def _nothing(*_: object) -> None:
    return None


def _counting_together_as_alone() -> Any:
    return patch.object(inbox, "clear_suspects", _nothing)


BUGS: Final[dict[str, Callable[[], Any] | None]] = {
    "acknowledged before it is committed": lambda: patch.object(
        Worker, "_consume_over", _acknowledge_first
    ),
    "deleted before it is confirmed": _deleting_first,
    "an unknown outcome taken for a confirmation": _believing_what_was_not_confirmed,
    "the inbox has no unique key": None,
    "a group that fails is not halved": lambda: patch.object(
        Handling, "_together", _all_fail_together
    ),
    "a lease means nothing": None,
    "what came back is never tried alone": lambda: patch.object(Suspects, "conclude", _never_alone),
    "what was tried and went well stays suspected": _counting_together_as_alone,
    "trouble is taken for success": lambda: patch.object(Repeating, "__call__", _once_is_enough),
    "what is put off becomes one with what was published": _keeping_the_first_copy,
    "what is put off stays in the inbox": lambda: patch.object(inbox, "forget", _nothing),
}
"""By name; None, and the one of what is put off: the database has a switch for it."""


@contextmanager
def planted(bug: str | None) -> Iterator[None]:
    """With a bug, or without."""
    plant = BUGS[bug] if bug is not None else None
    if plant is None:
        yield
    else:
        with plant():
            yield
