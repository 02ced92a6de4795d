"""What messages tell of resources."""

from collections.abc import Iterator

from services.portal.domain.facts import Fact
from shared.messages import Message
from shared.messages.notifications import NotificationRequested
from shared.messages.provisioning import (
    ResourceConverted,
    ResourceEvent,
    ResourceProvisioned,
    ResourceSuspended,
)
from shared.messages.upstream import ResourceAutoRenewSet


def of_resource(message: Message) -> Iterator[Fact]:
    """A resource as of an event."""
    if isinstance(message, ResourceEvent):
        yield (
            (message.account_id, message.resource_id),
            {
                "account_id": message.account_id,
                "resource_id": message.resource_id,
                "version": message.version,
                "product": message.product,
                "name": message.name,
                "user_type": message.user_type,
                "state": message.state,
                "because_of": message.because_of
                if isinstance(message, ResourceSuspended)
                else None,
                "components": [one.model_dump(mode="json") for one in message.components],
                "at": message.at,
                "starts_at": message.starts_at,
                "ends_at": message.ends_at,
                "poc": message.poc,
            },
        )


def of_auto_renewal(message: Message) -> Iterator[Fact]:
    """Whether a resource is renewed by itself: by its order, by its user; never a postpaid one."""
    match message:
        case ResourceProvisioned():
            months = message.item.auto_renew_months if message.item else None
        case ResourceAutoRenewSet():
            months = message.months
        case ResourceConverted(user_type="postpaid"):
            months = None
        case NotificationRequested(template="auto_renew_refused"):
            resource_id = str(message.facts.get("resource_id", ""))
            yield _renewal(message, message.account_id, resource_id, None)
            return
        case _:
            return
    yield _renewal(message, message.account_id, message.resource_id, months)


def _renewal(message: Message, account_id: str, resource_id: str, months: int | None) -> Fact:
    return (
        (account_id, resource_id),
        {
            "account_id": account_id,
            "resource_id": resource_id,
            "months": months,
            "set_at": message.time,
        },
    )
