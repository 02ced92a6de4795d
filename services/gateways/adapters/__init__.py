"""Adapters: the plug-in point for payment gateways.

A package registers its own under the entry-point group `cloudtill.gateways`; the name there is
what `CLOUDTILL_GATEWAY` names, and what stands in the address of its callbacks.
"""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import Final

import structlog
from pydantic import ValidationError

from services.gateways.adapters.gateway import (
    CallbackVerdict,
    Created,
    Declined,
    Duplicate,
    ForgedCallback,
    Gateway,
    GatewayFactory,
    GatewayUnavailable,
    MalformedCallback,
    Page,
    Reply,
)
from services.gateways.adapters.simulated import SimulatedGateway
from services.gateways.adapters.zalopay import ZaloPay

__all__ = [
    "CallbackVerdict",
    "Created",
    "Declined",
    "Duplicate",
    "ForgedCallback",
    "Gateway",
    "GatewayFactory",
    "GatewayUnavailable",
    "MalformedCallback",
    "Page",
    "Reply",
    "UnknownGateway",
    "gateway_of",
    "gateways",
]

log = structlog.get_logger()

ENTRY_POINTS: Final = "cloudtill.gateways"

_BUILT_IN: Final[Mapping[str, GatewayFactory]] = {"simulated": SimulatedGateway, "zalopay": ZaloPay}
"""They work without the metadata of an installed package too."""


class UnknownGateway(LookupError):
    """No gateway of this name is installed, or it lacks its settings."""


@cache
def gateways() -> Mapping[str, Gateway]:
    """All gateways that are installed and have their settings, by name. Read once."""
    factories = {found.name: found.load for found in entry_points(group=ENTRY_POINTS)}
    made: dict[str, Gateway] = {}
    for name in sorted({*_BUILT_IN, *factories}):
        try:
            factory: GatewayFactory = _BUILT_IN.get(name) or factories[name]()
            made[name] = factory()
        except ValidationError as error:
            missing = [".".join(map(str, fault["loc"])) for fault in error.errors()]
            log.info("gateway lacks settings", gateway=name, settings=missing)
        except ValueError as error:
            log.info("gateway lacks settings", gateway=name, error=str(error))
    return made


def gateway_of(name: str) -> Gateway:
    """The gateway of this name.

    Raises:
        UnknownGateway: if none of that name is installed, or it lacks its settings.
    """
    try:
        return gateways()[name]
    except KeyError:
        raise UnknownGateway(f"no gateway {name!r} is installed and has its settings") from None
