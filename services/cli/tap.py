"""A tap on the exchange: every message as it happens, without taking it from anybody."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aio_pika.abc import AbstractIncomingMessage

from services.cli.console import Failure, rabbitmq
from shared.outbox import EXCHANGE


@dataclass(frozen=True, slots=True)
class Heard:
    """A message that went over the exchange."""

    type: str
    source: str
    data: Mapping[str, Any]


class Tap:
    """What was heard so far."""

    def __init__(self, show: Callable[[Heard], None]) -> None:
        self._show = show
        self._heard: list[Heard] = []
        self._more = asyncio.Condition()

    async def arrived(self, message: AbstractIncomingMessage) -> None:
        """Take note of a message."""
        event = json.loads(message.body)
        heard = Heard(event["type"], event["source"], event["data"])
        self._show(heard)
        async with self._more:
            self._heard.append(heard)
            self._more.notify_all()

    async def until(self, wanted: Callable[[Heard], bool], what: str, patience_s: float) -> Heard:
        """The first message that is wanted, be it past or still to come.

        Raises:
            Failure: if it does not come in time.
        """

        def found() -> Heard | None:
            return next((heard for heard in self._heard if wanted(heard)), None)

        try:
            async with asyncio.timeout(patience_s), self._more:
                await self._more.wait_for(found)
        except TimeoutError:
            raise Failure(f"waited {patience_s:.0f} s in vain for {what}") from None
        heard = found()
        assert heard is not None
        return heard


@asynccontextmanager
async def tapped(show: Callable[[Heard], None]) -> AsyncIterator[Tap]:
    """Listen while the body runs; `show` is called for each message."""
    tap = Tap(show)
    async with rabbitmq() as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind(EXCHANGE, "#")
        await queue.consume(tap.arrived, no_ack=True)
        yield tap
