"""A worker's process in the world: what it holds, and how it ends."""

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from typing import Final


class Process:
    """What ends with a worker that is killed.

    Its coroutines are cancelled so that Python can let go of them; whatever they still ask of a
    server on their way out does not reach it.
    """

    def __init__(
        self, name: str, service: str, on_death: "Callable[[Process], None]" = lambda _: None
    ) -> None:
        self._on_death = on_death
        self.name = name
        self.service = service
        self.dead = False
        self.main: asyncio.Task[None] | None = None
        self.trying: set[str] = set()
        """Ids that it has noted as tried after a crash, and not yet cleared."""
        self.severed: dict[object, Callable[[], None]] = {}
        """What each of its connections does when the process is no more."""

    def breathe(self) -> None:
        """Stand still for good if killed."""
        if self.dead:
            raise asyncio.CancelledError

    def die(self) -> None:
        """End at once, in the middle of whatever it does."""
        self.dead = True
        self._on_death(self)
        for sever in list(self.severed.values()):
            sever()
        assert self.main is not None
        self.main.cancel()


CURRENT: Final[ContextVar[Process]] = ContextVar("process")
"""Whose code runs."""


def of_now() -> Process:
    """The process whose code runs."""
    return CURRENT.get()
