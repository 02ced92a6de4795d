"""Who publishes to us, and does not give up: what was not confirmed is published again."""

import asyncio
from collections.abc import Sequence
from typing import Final

from aiormq import Channel

from shared import broker, publishing
from shared.broker import TROUBLE
from shared.messages import Message
from shared.outbox import Parcel
from shared.publishing import confirming_channel

UNKNOWN: Final = "no.such"
"""The type of what nobody can read."""
_PUBLISH_S: Final = 15
_WINDOW: Final = 500
_AGAIN_S: Final = 0.2
_STRAIGHT: Final = ""
"""The default exchange leads straight to the queue that the routing key names."""


class Upstream:
    """Everybody whose messages come to us.

    Attributes:
        said: the ids of all that was published here.
        published_again: messages that the broker had not confirmed, and that were published anew.
    """

    def __init__(self, amqp_url: str) -> None:
        self.said: set[str] = set()
        self.published_again = 0
        self._amqp_url = amqp_url

    async def publish(self, messages: Sequence[Message]) -> None:
        """Publish messages until the broker has confirmed each, whatever happens to it meanwhile.

        What was not confirmed is published again: upstream services do no better.
        """
        self.said.update(message.envelope.id for message in messages)
        await self._publish([Parcel.of(message) for message in messages])

    async def spoil(self, service: str, name: str) -> None:
        """Put something that nobody can read into a service's queue."""
        body = f"{name}-{service}"
        parcel = Parcel(
            exchange=_STRAIGHT,
            routing_key=service,
            message_id=body,
            type=UNKNOWN,
            correlation_id=None,
            attempt=0,
            must_arrive=True,
            body=body.encode(),
        )
        await self._publish([parcel])

    async def _publish(self, waiting: list[Parcel]) -> None:
        while waiting:
            try:
                async with broker.connected(self._amqp_url, "upstream") as connection:
                    channel = await confirming_channel(connection, lambda: None)
                    while waiting and not channel.is_closed:
                        again = self.published_again
                        waiting = await self._publish_some(channel, waiting)
                        if self.published_again > again:
                            break  # a channel that refuses or does not answer may never again
            except (*TROUBLE, broker.ChannelGone):
                await asyncio.sleep(_AGAIN_S)

    async def _publish_some(self, channel: Channel, waiting: Sequence[Parcel]) -> list[Parcel]:
        """Publish those that come first; returns those that are still to be published."""
        window: dict[str, Parcel] = {}
        later: list[Parcel] = []
        for parcel in waiting:
            if len(window) < _WINDOW and parcel.message_id not in window:
                window[parcel.message_id] = parcel
            else:
                later.append(parcel)
        outcomes = await publishing.publish_all(channel, list(window.values()), _PUBLISH_S)
        refused = [
            parcel
            for parcel, outcome in zip(window.values(), outcomes, strict=True)
            if outcome is not None
        ]
        self.published_again += len(refused)
        if refused:
            await asyncio.sleep(_AGAIN_S)
        return refused + later
