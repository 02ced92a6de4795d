"""Drivers: the plug-in point through which product teams do what was ordered.

A driver is made from a product's `driver_options` and is pure: it answers a request at once, or
says which messages ask for it. A package of a product team registers its own under the entry-point
group `cloudtill.drivers`; the name there is what `product.published` calls `driver`.
"""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import Final

from services.provisioning.drivers.driver import (
    Answer,
    Driver,
    DriverFactory,
    Failed,
    Pending,
    Request,
    Succeeded,
)
from services.provisioning.drivers.message import MessageDriver
from services.provisioning.drivers.simulated import SimulatedDriver

__all__ = [
    "Answer",
    "BadDriverOptions",
    "Driver",
    "DriverFactory",
    "Failed",
    "Pending",
    "Request",
    "Succeeded",
    "UnknownDriver",
    "driver_of",
]

ENTRY_POINTS: Final = "cloudtill.drivers"

_BUILT_IN: Final[Mapping[str, DriverFactory]] = {
    "simulated": SimulatedDriver.model_validate,
    "message": MessageDriver.model_validate,
}
"""They work without the metadata of an installed package too."""


class UnknownDriver(LookupError):
    """No driver of this name is installed, or its package can't be imported."""


class BadDriverOptions(ValueError):
    """A driver can't work with these options."""


def driver_of(name: str, options: Mapping[str, object]) -> Driver:
    """The driver of this name, made from a product's options.

    Raises:
        UnknownDriver: if none of that name is installed.
        BadDriverOptions: if it does not take these options.
    """
    factory = _factory(name)
    try:
        return factory(options)
    except ValueError as error:
        raise BadDriverOptions(str(error)) from error
    except Exception as error:  # a product team's code: it may look up what is not there, too
        raise BadDriverOptions(f"{type(error).__name__}: {error}") from error


@cache
def _factory(name: str) -> DriverFactory:
    if name in _BUILT_IN:
        return _BUILT_IN[name]
    installed = entry_points(group=ENTRY_POINTS)
    for found in installed.select(name=name):
        try:
            factory: DriverFactory = found.load()
        except Exception as error:
            raise UnknownDriver(f"{found.value} of driver {name!r}: {error}") from error
        return factory
    names = ", ".join(sorted({*_BUILT_IN, *installed.names}))
    raise UnknownDriver(f"{name!r} is not installed here; there are {names}")
