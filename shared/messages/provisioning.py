"""What provisioning tells of resources."""

from typing import ClassVar, Literal

from shared.messages.items import Component
from shared.messages.model import Action, Id, Message, Name, Time, UserType

_SOURCE = "/cloudtill/provisioning"


class _ResourceEvent(Message):
    """A resource after something happened to it, at the minute `at`.

    `starts_at` and `ends_at` bound the prepaid term; a postpaid resource has no end.
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


class ResourceProvisioned(_ResourceEvent):
    """A resource is Active from this moment."""

    type: ClassVar[str] = "resource.provisioned"


class ResourceResized(_ResourceEvent):
    """A resource has another configuration."""

    type: ClassVar[str] = "resource.resized"


class ResourceRenewed(_ResourceEvent):
    """A prepaid resource ends later."""

    type: ClassVar[str] = "resource.renewed"


class ResourceRecovered(_ResourceEvent):
    """A prepaid resource came back from the trash."""

    type: ClassVar[str] = "resource.recovered"


class ResourceStopped(_ResourceEvent):
    """A resource was stopped by its user."""

    type: ClassVar[str] = "resource.stopped"


class ResourceStarted(_ResourceEvent):
    """A resource runs again (also after a reboot)."""

    type: ClassVar[str] = "resource.started"


class ResourceSuspended(_ResourceEvent):
    """A resource doesn't work any more but its data are kept."""

    type: ClassVar[str] = "resource.suspended"

    because_of: Literal["expired", "deleted", "overdue", "hold_short", "poc_ended"] = "expired"


class ResourceDeleted(_ResourceEvent):
    """A user deleted a resource."""

    type: ClassVar[str] = "resource.deleted"


class ResourceReleased(_ResourceEvent):
    """A resource is gone for good."""

    type: ClassVar[str] = "resource.released"


class ResourceConverted(_ResourceEvent):
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
