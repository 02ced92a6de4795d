"""What time, and a switch of the user type, do to a resource (domain 7, 10).

Whatever happens, happens at the instant at which it was due, however late the tick comes.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from services.provisioning.domain.catalogue import ExpiryPolicy
from services.provisioning.domain.resources import Change, Resource, State, ended_poc
from shared.messages.model import Action
from shared.periods import to_minute

GRACE: Final = timedelta(days=15)
"""How long an expired resource works on under the `grace` policy."""
KEPT: Final = timedelta(days=30)
"""When, after its end, a resource is released under the `grace` policy."""


@dataclass(frozen=True, slots=True)
class EndTerms:
    """What was in force at the end time of a resource.

    Attributes:
        goes_on: the account is postpaid by then: instead of expiring, the resource goes on so.
    """

    policy: ExpiryPolicy
    trash_days: int
    goes_on: bool


def is_due(resource: Resource, until: datetime) -> bool:
    """Whether time does something to a resource by `until`. It waits for an open request."""
    due_at = resource.next_due_at
    return due_at is not None and due_at <= until and resource.open_request is None


def take_step(resource: Resource, terms: EndTerms) -> tuple[Resource, Change | None]:
    """Do to a resource what is due next, at the instant at which it was due.

    Returns:
        The resource after it, and the change where there is something to tell.
    """
    assert resource.next_due_at is not None
    due_at = resource.next_due_at
    match resource.next_step:
        case "expire" if resource.poc == "running":
            change = _poc_ended(resource, due_at, terms.trash_days)
        case "expire" if terms.goes_on:
            change = go_on_as_postpaid(resource)
        case "expire" if terms.policy == "trash":
            trashed = replace(resource, suspended_by="trash_policy")
            change = _suspended(trashed, due_at, due_at + timedelta(days=terms.trash_days))
        case "expire":
            grace_ends_at = due_at + GRACE
            return replace(resource, next_step="suspend", next_due_at=grace_ends_at), None
        case "suspend":
            assert resource.ends_at is not None
            kept = replace(resource, suspended_by="grace_policy")
            change = _suspended(kept, due_at, resource.ends_at + KEPT)
        case _:
            change = _released(resource, due_at)
    return change.resource, change


def _suspended(resource: Resource, at: datetime, release_at: datetime) -> Change:
    """A running one is to be switched off; one that its user had stopped is off already."""
    suspended = replace(
        resource,
        state="suspended",
        version=resource.version + 1,
        next_step="release",
        next_due_at=release_at,
    )
    return Change(
        "suspended", suspended, at, follow_up="stop" if resource.state == "active" else None
    )


def _poc_ended(resource: Resource, at: datetime, trash_days: int) -> Change:
    """A proof of concept never works on after its end, and never turns into postpaid use: nobody
    has agreed to pay for that (domain 9)."""
    ended = replace(ended_poc(resource, at, trash_days), version=resource.version + 1)
    return Change("suspended", ended, at, follow_up="stop" if resource.state == "active" else None)


def _released(resource: Resource, at: datetime) -> Change:
    """Gone for good. A team that kept what was deleted in its trash is told to delete it again."""
    released = replace(
        resource,
        state="deleted",
        suspended_by=None,
        version=resource.version + 1,
        next_step=None,
        next_due_at=None,
    )
    return Change("released", released, at, follow_up="delete")


def go_on_as_postpaid(resource: Resource) -> Change:
    """A prepaid resource of an account that is postpaid at its end: from then on it is too.

    One that was suspended before the switch was heard of works again.
    """
    assert resource.ends_at is not None
    was_off = resource.state == "suspended"
    state: State = "active" if was_off else resource.state
    converted = replace(
        resource,
        user_type="postpaid",
        state=state,
        suspended_by=None,
        starts_at=resource.ends_at,
        ends_at=None,
        version=resource.version + 1,
        next_step=None,
        next_due_at=None,
    )
    return Change("converted", converted, resource.ends_at, follow_up="start" if was_off else None)


def become_prepaid(resource: Resource, switched_at: datetime, grace: timedelta) -> Change:
    """A postpaid resource of an account switched to prepaid: as one that has just expired under
    the `grace` policy, with a grace of its own (domain 10).

    It ends at the switch's minute, though not before it began.
    """
    assert resource.starts_at is not None
    ends_at = max(to_minute(switched_at), resource.starts_at)
    converted = replace(
        resource,
        user_type="prepaid",
        ends_at=ends_at,
        version=resource.version + 1,
        next_step="suspend",
        next_due_at=ends_at + grace,
    )
    return Change("converted", converted, ends_at)


def lack_hold(resource: Resource, at: datetime) -> Change | None:
    """A running resource for whose hold credit has been short for too long (domain 8); None where
    there is nothing to suspend (any more). It stays reserved, and so goes on being used.
    """
    if resource.state not in ("active", "stopped") or resource.user_type != "postpaid":
        return None
    suspended = replace(
        resource, state="suspended", suspended_by="hold_short", version=resource.version + 1
    )
    follow_up: Action | None = "stop" if resource.state == "active" else None
    return Change("suspended", suspended, _not_before_its_start(resource, at), follow_up)


def have_hold(resource: Resource, at: datetime) -> Change | None:
    """It works again once its credit is held; None where it was not suspended for that."""
    if resource.suspended_by != "hold_short":
        return None
    running = replace(resource, state="active", suspended_by=None, version=resource.version + 1)
    return Change("started", running, _not_before_its_start(resource, at), follow_up="start")


def _not_before_its_start(resource: Resource, at: datetime) -> datetime:
    return max(at, resource.starts_at or at)


def has_expired_though(resource: Resource, switched_at: datetime) -> bool:
    """Whether a prepaid resource was treated as expired at an end that lies after a switch to
    postpaid, of which we hear only now (domain 11.5)."""
    ended = resource.user_type == "prepaid" and resource.next_step in ("suspend", "release")
    return (
        ended
        and resource.suspended_by not in ("deletion", "poc_ended")
        and resource.ends_at is not None
        and resource.ends_at >= switched_at
    )
