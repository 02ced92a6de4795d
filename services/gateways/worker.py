"""The gateways' worker: its queue, its errands, and the webhook, in one process."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx

from services.gateways.adapters import gateway_of, gateways
from services.gateways.errands import Errands
from services.gateways.settings import GatewaySettings
from services.gateways.webhook import webhook
from shared import companions, http
from shared.companions import Companion
from shared.database import pool
from shared.service import Service
from shared.settings import Settings


class Worker(companions.Worker):
    """Hears what is to be paid, asks gateways for it, and hears them."""

    def __init__(self, service: Service, settings: Settings, own: GatewaySettings) -> None:
        super().__init__(service, settings)
        self._own = own

    async def run(self) -> None:
        """Work until stopped.

        Raises:
            UnknownGateway: if new payments are to be made through one that can't be asked.
        """
        gateway_of(self._own.gateway)
        await super().run()

    @asynccontextmanager
    async def companions(self, url: str) -> AsyncIterator[Sequence[Companion]]:
        """The errands, beside the webhook."""
        async with (
            pool(url, self.service.name) as connections,
            httpx.AsyncClient(timeout=self._own.gateway_answer_s) as client,
            http.serving(webhook(connections, gateways()), self._own.gateways_port),
        ):
            yield [Errands(connections, client, self._own, self.settings.outbox_poll_s)]
