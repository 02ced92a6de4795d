"""What provisioning tells of resources, as messages."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from services.provisioning.domain.requests import Asked
from services.provisioning.domain.resources import Change, Happened, Resource
from shared.messages import Message
from shared.messages.provisioning import (
    ProvisioningFailed,
    ResourceConverted,
    ResourceDeleted,
    ResourceEvent,
    ResourceProvisioned,
    ResourceRecovered,
    ResourceReleased,
    ResourceRenewed,
    ResourceResized,
    ResourceStarted,
    ResourceState,
    ResourceStopped,
    ResourceSuspended,
)

_EVENTS: Final[Mapping[Happened, type[ResourceEvent]]] = {
    "provisioned": ResourceProvisioned,
    "resized": ResourceResized,
    "renewed": ResourceRenewed,
    "recovered": ResourceRecovered,
    "stopped": ResourceStopped,
    "started": ResourceStarted,
    "deleted": ResourceDeleted,
    "suspended": ResourceSuspended,
    "released": ResourceReleased,
    "converted": ResourceConverted,
}


def told(change: Change, cause: Message, asked: Asked | None = None) -> Message:
    """The event of a change; `asked` is what it fulfils, where it fulfils something."""
    resource = change.resource
    order = asked.order if asked else None
    if resource.starts_at is None:
        raise ValueError(f"resource {resource.resource_id} was never provisioned")
    event = _EVENTS[change.happened](
        resource_id=resource.resource_id,
        account_id=resource.account_id,
        user_type=resource.user_type,
        product=resource.product,
        name=resource.name,
        order_id=order.order_id if order else None,
        item_id=order.item.item_id if order else None,
        components=resource.components,
        at=change.at,
        starts_at=resource.starts_at,
        ends_at=resource.ends_at,
        state=_told_state(resource),
        version=resource.version,
        payment_id=order.payment_id if order else None,
        item=order.item if order else None,
        poc=resource.poc,
        **_reason(change),
    )
    return said_of(asked, event, cause, f"{resource.resource_id}:{resource.version}", change.at)


def _reason(change: Change) -> dict[str, str]:
    """Why a resource was suspended, where that is not its expiry."""
    by = change.resource.suspended_by
    if change.happened == "suspended" and by in ("poc_ended", "hold_short"):
        return {"because_of": by}
    return {}


def failed(asked: Asked, reason: str, at: datetime, cause: Message) -> list[Message]:
    """That an item of an order could not be done; nothing where it was a follow-up of ours."""
    if asked.order is None:
        return []
    failure = ProvisioningFailed(
        order_id=asked.order.order_id,
        item_id=asked.order.item.item_id,
        resource_id=asked.resource_id,
        account_id=asked.account_id,
        action=asked.action,
        reason=reason[:200] or "failed",
    )
    return [said_of(asked, failure, cause, asked.request_id, at)]


def said_of(
    asked: Asked | None, message: Message, cause: Message, key: str, at: datetime
) -> Message:
    """Stamp a message; it belongs to the order that made us ask, also where an answer forgot it."""
    envelope = cause.envelope.caused(
        source=message.source,
        type=message.type,
        key=key,
        at=at,
        subject=asked.account_id if asked else getattr(message, "account_id", None),
    )
    if asked and asked.correlation_id:
        envelope = replace(envelope, correlation_id=asked.correlation_id)
    return message.within(envelope)


def correlation_of(cause: Message) -> str:
    """What a message's chain is named after."""
    return cause.envelope.correlation_id or cause.envelope.id


def _told_state(resource: Resource) -> ResourceState:
    match resource.state:
        case "new" | "failed" as state:
            raise ValueError(f"nothing is told of a resource that is {state}")
        case state:
            return state
