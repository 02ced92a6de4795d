"""What provisioning tells of resources."""

from typing import ClassVar, Literal

from shared.messages.items import Component, PricedItem
from shared.messages.model import (
    Action,
    Id,
    Message,
    Name,
    PocState,
    PositiveCount,
    Time,
    UserType,
)

_SOURCE = "/cloudtill/provisioning"


ResourceState = Literal["active", "stopped", "suspended", "deleted"]


class ResourceEvent(Message):
    """A resource after something happened to it, at the instant `at`.

    `starts_at` and `ends_at` bound the prepaid term; a postpaid resource has no end. `version`
    counts a resource's events from 1, so that whoever listens can bring them back into their order.
    `item` is what was ordered, with its price, and `payment_id` what paid for it. `poc` is set
    for a proof of concept: it is paid from the POC wallet, and never invoiced (domain 9).
    """

    source: ClassVar[str] = _SOURCE

    resource_id: Id
    account_id: Id
    user_type: UserType
    product: Id
    name: Name
    order_id: Id | None = None
    item_id: Id | None = None
    components: tuple[Component, ...]
    at: Time
    starts_at: Time
    ends_at: Time | None = None
    state: ResourceState
    version: PositiveCount
    payment_id: Id | None = None
    item: PricedItem | None = None
    poc: PocState | None = None


class ResourceProvisioned(ResourceEvent):
    """A resource is Active from this moment."""

    type: ClassVar[str] = "resource.provisioned"


class ResourceResized(ResourceEvent):
    """A resource has another configuration."""

    type: ClassVar[str] = "resource.resized"


class ResourceRenewed(ResourceEvent):
    """A prepaid resource ends later."""

    type: ClassVar[str] = "resource.renewed"


class ResourceRecovered(ResourceEvent):
    """A prepaid resource came back from the trash."""

    type: ClassVar[str] = "resource.recovered"


class ResourceStopped(ResourceEvent):
    """A resource was stopped by its user."""

    type: ClassVar[str] = "resource.stopped"


class ResourceStarted(ResourceEvent):
    """A resource runs again (also after a reboot)."""

    type: ClassVar[str] = "resource.started"


class ResourceSuspended(ResourceEvent):
    """A resource doesn't work any more but its data are kept."""

    type: ClassVar[str] = "resource.suspended"

    because_of: Literal["expired", "deleted", "overdue", "hold_short", "poc_ended"] = "expired"


class ResourceDeleted(ResourceEvent):
    """A user deleted a resource; `state` is `suspended` where it lies in the trash for a while."""

    type: ClassVar[str] = "resource.deleted"


class ResourceReleased(ResourceEvent):
    """A resource is gone for good."""

    type: ClassVar[str] = "resource.released"


class ResourceConverted(ResourceEvent):
    """A resource goes on under the other user type, `user_type` being the new one (domain 10)."""

    type: ClassVar[str] = "resource.converted"


class ProvisioningFailed(Message):
    """A product team could not do what was ordered."""

    type: ClassVar[str] = "provisioning.failed"
    source: ClassVar[str] = _SOURCE

    order_id: Id
    item_id: Id
    resource_id: Id
    account_id: Id
    action: Action
    reason: Name


class ResourceSuspendRequested(Message):
    """Suspend a running resource: a command of invoicing, where credit has been short for its hold
    for too long (domain 8). Provisioning tells `resource.suspended`."""

    type: ClassVar[str] = "resource.suspend_requested"
    source: ClassVar[str] = "/cloudtill/invoicing"

    resource_id: Id
    account_id: Id
    reason: Literal["hold_short"]


class ResourceResumeRequested(Message):
    """Bring back a resource that was suspended for want of credit for its hold; provisioning tells
    `resource.started`."""

    type: ClassVar[str] = "resource.resume_requested"
    source: ClassVar[str] = "/cloudtill/invoicing"

    resource_id: Id
    account_id: Id
    reason: Literal["hold_short"]


class ResourcesDue(Message):
    """More resources were due by this time than one transaction takes: go on with the rest."""

    type: ClassVar[str] = "resources.due"
    source: ClassVar[str] = _SOURCE
