"""A worker that does something beside its queue, such as errands: begun and stopped together."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from shared import worker
from shared.lifetime import until_migrated
from shared.service import Service
from shared.settings import Settings


class Companion(Protocol):
    """What works until it is told to stop."""

    async def run(self) -> None:
        """Work until stopped."""
        ...

    def stop(self) -> None:
        """Finish what is in hand, and return from `run`."""
        ...


class Worker(ABC):
    """Hears its queue, and has companions. As many as an operator likes share both."""

    def __init__(self, service: Service, settings: Settings) -> None:
        self.service = service
        self.settings = settings
        self.hearing = worker.Worker(service, settings)
        self._companions: Sequence[Companion] = ()
        self._stopping = asyncio.Event()

    @abstractmethod
    def companions(self, url: str) -> AbstractAsyncContextManager[Sequence[Companion]]:
        """What works beside the queue, once the database has its schema, and all that it needs.

        Args:
            url: of the database.
        """

    @property
    def ready(self) -> bool:
        """Whether it has its queue and its database."""
        return self.hearing.ready

    def stop(self) -> None:
        """Finish what is in hand, and return from `run`."""
        self._stopping.set()
        self.hearing.stop()
        for one in self._companions:
            one.stop()

    async def run(self) -> None:
        """Work until stopped."""
        url = self.settings.database_url.get_secret_value()
        if not await until_migrated(self.service, url, self._stopping):
            return
        async with self.companions(url) as self._companions:
            if self._stopping.is_set():
                return
            async with asyncio.TaskGroup() as group:
                for one in self._companions:
                    group.create_task(one.run())
                await self.hearing.run()
                for one in self._companions:
                    one.stop()
