"""What meets passing trouble is repeated until it is done, or the worker is told to stop."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

import structlog

from shared import metrics
from shared.database import PassingTrouble

log = structlog.get_logger()

T = TypeVar("T")


class Unfinished(Exception):
    """Told to stop while Postgres could not be reached; what is in hand comes again."""


class Repeating:
    """Repeats what a service asks of Postgres while the trouble is one that passes."""

    def __init__(self, service: str, pause_s: float, stopping: asyncio.Event) -> None:
        """
        Args:
            service: who asks, for its log and its metrics.
            pause_s: between two times.
            stopping: set when what can't be concluded is no longer to be repeated.
        """
        self._service = service
        self._pause_s = pause_s
        self._stopping = stopping

    async def __call__(self, act: Callable[[], Awaitable[T]]) -> T:
        """Do it until it is done.

        Raises:
            Unfinished: if told to stop while Postgres can't be reached.
        """
        while True:
            try:
                return await act()
            except PassingTrouble as trouble:
                log.warning("group repeated", service=self._service, error=str(trouble))
                metrics.TROUBLE.labels(self._service).inc()
                if self._stopping.is_set():
                    raise Unfinished(str(trouble)) from trouble
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), self._pause_s)
