"""contract.md as pydantic models, one module per owner: events of who tells, commands of who obeys."""

from shared.messages import (
    billing,
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
    "invoicing",
    "notifications",
    "product_teams",
    "provisioning",
    "scheduler",
    "upstream",
    "wallet",
]
