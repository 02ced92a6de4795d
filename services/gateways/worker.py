"""The gateways' worker: its queue, its errands, and the webhook, in one process."""

import asyncio

import httpx

from services.gateways.adapters import gateway_of, gateways
from services.gateways.errands import Errands
from services.gateways.settings import GatewaySettings
from services.gateways.webhook import webhook
from shared import http, worker
from shared.database import pool
from shared.lifetime import until_migrated
from shared.service import Service
from shared.settings import Settings


class Worker:
    """Hears what is to be paid, asks gateways for it, and hears them. As many as an operator likes
    share the queue and the errands."""

    def __init__(self, service: Service, settings: Settings, own: GatewaySettings) -> None:
        self._service = service
        self._settings = settings
        self._own = own
        self._hearing = worker.Worker(service, settings)
        self._errands: Errands | None = None
        self._stopping = asyncio.Event()

    @property
    def ready(self) -> bool:
        """Whether it has its queue and its database."""
        return self._hearing.ready

    def stop(self) -> None:
        """Finish what is in hand, and return from `run`."""
        self._stopping.set()
        self._hearing.stop()
        if self._errands:
            self._errands.stop()

    async def run(self) -> None:
        """Work until stopped.

        Raises:
            UnknownGateway: if new payments are to be made through one that can't be asked.
        """
        gateway_of(self._own.gateway)
        url = self._settings.database_url.get_secret_value()
        if not await until_migrated(self._service, url, self._stopping):
            return
        async with (
            pool(url, self._service.name) as connections,
            httpx.AsyncClient(timeout=self._own.gateway_answer_s) as client,
            http.serving(webhook(connections, gateways()), self._own.gateways_port),
        ):
            poll_s = self._settings.outbox_poll_s
            self._errands = Errands(connections, client, self._own, poll_s)
            if self._stopping.is_set():
                return
            async with asyncio.TaskGroup() as group:
                group.create_task(self._hearing.run())
                group.create_task(self._errands.run())
