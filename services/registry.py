"""All services, by name: the one table from which commands, topology and tests start.

A service is imported when it is asked for: a worker starts without the code of the others.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Final, Protocol

from shared import worker
from shared.service import Service
from shared.settings import Settings

_WITH_A_QUEUE: Final = (
    "billing",
    "wallet",
    "provisioning",
    "invoicing",
    "gateways",
    "notifications",
    "portal",
)
_WITH_TABLES: Final = (*_WITH_A_QUEUE, "scheduler")


class Runs(Protocol):
    """A service at work in this process."""

    @property
    def ready(self) -> bool:
        """Whether it has what it needs."""

    def stop(self) -> None:
        """Finish what is in hand, and return from `run`."""

    async def run(self) -> None:
        """Work until stopped."""


class _Services(Mapping[str, Service]):
    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names

    def __getitem__(self, name: str) -> Service:
        if name not in self._names:
            raise KeyError(name)
        service: Service = _app(name).SERVICE
        return service

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


SERVICES: Final = _Services(_WITH_A_QUEUE)
"""Those with a queue."""

SCHEMAS: Final = _Services(_WITH_TABLES).values()
"""Those with tables of their own."""


def worker_of(name: str, settings: Settings) -> Runs:
    """A worker of a service: the `Worker` of its `app`, where it does more than read a queue."""
    app = _app(name)
    if hasattr(app, "Worker"):
        own: Runs = app.Worker(settings)
        return own
    return worker.Worker(SERVICES[name], settings)


@cache
def _app(name: str) -> ModuleType:
    return import_module(f"services.{name}.app")
