"""Deliveries, read: what came for the first time, what came back, and what can't be read."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from shared import metrics
from shared.broker import Delivery
from shared.dead_letters import DeadLetter
from shared.inbox import MessageKey
from shared.messages import Message
from shared.service import Service
from shared.wire import BadMessage, parse

if TYPE_CHECKING:
    from shared.spans import Spans

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, eq=False)
class Received:
    """A delivery and the message in it."""

    delivery: Delivery
    message: Message
    key: MessageKey
    traceparent: str | None = None
    """The span in whose course it was said; only where traces are asked for."""

    def put_away(self, reason: str, detail: str) -> DeadLetter:
        """It, as a dead letter."""
        return DeadLetter(
            reason,
            detail,
            self.delivery.body,
            source=self.key.source,
            message_id=self.key.id,
            type=self.message.type,
            attempt=self.delivery.attempt,
            properties=self.delivery.properties,
        )


@dataclass(slots=True)
class Group:
    """What is concluded in one transaction: messages to be handled, each once; those whose handler
    failed, with the error; and what is to be put away."""

    messages: list[Received] = field(default_factory=list)
    failed: list[tuple[Received, str]] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)


def read(
    service: Service, spans: "Spans | None", deliveries: Sequence[Delivery]
) -> tuple[Group, list[Received]]:
    """What came for the first time, and what came back and may have crashed a worker.

    Of copies of a message the one that was put off most often stands for all: another would
    begin its ladder of retries anew.
    """
    fresh = Group()
    received: dict[tuple[str, str], Received] = {}
    for delivery in deliveries:
        try:
            message = _message_for(service, delivery)
        except BadMessage as fault:
            fresh.letters.append(_unreadable(delivery, fault))
            continue
        key = MessageKey.of(message)
        copy = received.get(key.name)
        if copy:
            metrics.DUPLICATES.labels(service.name).inc()
            if copy.delivery.attempt >= delivery.attempt:
                continue
        parent = spans.enter(message) if spans else None
        received[key.name] = Received(delivery, message, key, parent)
    returned: list[Received] = []
    for one in received.values():
        (returned if one.delivery.redelivered else fresh.messages).append(one)
    return fresh, returned


def _message_for(service: Service, delivery: Delivery) -> Message:
    try:
        message = parse(delivery.body, delivery.type, delivery.attempt)
    except BadMessage:
        raise
    except Exception as error:
        # A message that finds a bug in the parser must not stop the queue.
        log.exception("parser failed", service=service.name, type=delivery.type)
        raise BadMessage("unreadable", type(error).__name__) from error
    if type(message) not in service.handlers:
        raise BadMessage("unknown_type", f"{service.name} does not handle {message.type}")
    return message


def _unreadable(delivery: Delivery, fault: BadMessage) -> DeadLetter:
    return DeadLetter(
        fault.reason,
        fault.detail,
        delivery.body,
        type=delivery.type,
        attempt=delivery.attempt,
        properties=delivery.properties,
    )
