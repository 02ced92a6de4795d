"""The contract as pydantic models: events in the module of who tells, commands of who obeys."""

from shared.messages import (
    billing,
    catalogue,
    dead_letters,
    gateways,
    invoicing,
    notifications,
    product_teams,
    provisioning,
    scheduler,
    upstream,
    wallet,
)
from shared.messages.model import MESSAGE_TYPES, Later, Message, NotYet, Refused, Said

__all__ = [
    "MESSAGE_TYPES",
    "Later",
    "Message",
    "NotYet",
    "Refused",
    "Said",
    "billing",
    "catalogue",
    "dead_letters",
    "gateways",
    "invoicing",
    "notifications",
    "product_teams",
    "provisioning",
    "scheduler",
    "upstream",
    "wallet",
]
