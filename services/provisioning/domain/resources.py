"""A resource: its states, which actions they allow, and what each action makes of it (domain 5)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from shared.messages.items import Component, PricedItem
from shared.messages.model import Action, PocState, UserType

State = Literal["new", "active", "stopped", "suspended", "deleted", "failed"]
"""`new` only while its first request is open; `failed` where that came to nothing."""
SuspendedBy = Literal["trash_policy", "grace_policy", "deletion", "poc_ended", "hold_short"]
Step = Literal["expire", "suspend", "release"]
Happened = Literal[
    "provisioned",
    "resized",
    "renewed",
    "recovered",
    "stopped",
    "started",
    "deleted",
    "suspended",
    "released",
    "converted",
]


@dataclass(frozen=True, slots=True)
class Resource:
    """One running thing of an account.

    Attributes:
        suspended_by: why it is suspended: expired under one of the policies of domain 7, deleted
            into the trash, a proof of concept that ended, or for want of credit for its hold
            (domain 8).
        starts_at: from when on it is in use, or its present prepaid term.
        ends_at: the end of the prepaid term; a postpaid resource has none.
        version: how many events told of it.
        open_request: what it is busy with.
        next_step: what time does to it next, at `next_due_at`.
        poc: whether it is a proof of concept, or was one and is not paid by other means yet.
    """

    resource_id: str
    account_id: str
    product: str
    name: str
    user_type: UserType
    state: State
    components: tuple[Component, ...]
    suspended_by: SuspendedBy | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    version: int = 0
    open_request: str | None = None
    next_step: Step | None = None
    next_due_at: datetime | None = None
    poc: PocState | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """Something that happened to a resource at the business time `at`, and the resource after it.

    `follow_up` is what a product team must be asked to do about it.
    """

    happened: Happened
    resource: Resource
    at: datetime
    follow_up: Action | None = None


_HAPPENED: Final[Mapping[Action, Happened]] = {
    "create": "provisioned",
    "resize": "resized",
    "renew": "renewed",
    "recover": "recovered",
    "delete": "deleted",
    "stop": "stopped",
    "start": "started",
    "reboot": "started",
    "stop_poc": "suspended",
}

_STATES: Final[Mapping[Action, frozenset[State]]] = {
    "create": frozenset({"new"}),
    "resize": frozenset({"active", "stopped"}),
    "renew": frozenset({"active", "stopped", "suspended"}),
    "recover": frozenset({"suspended"}),
    "delete": frozenset({"active", "stopped"}),
    "stop": frozenset({"active"}),
    "start": frozenset({"stopped"}),
    "reboot": frozenset({"active", "stopped"}),
    "stop_poc": frozenset({"active", "stopped"}),
}
POC_TRASH_DAYS: Final = 7
"""How long an ended proof of concept is kept where its product has no trash (domain 9)."""

TAKEN_BACK_BY: Final[Mapping[Action, Action]] = {
    "create": "delete",
    "recover": "delete",
    "resize": "resize",
    "stop": "start",
    "start": "stop",
}
"""How a success that came too late is undone, so that nobody keeps what nobody paid for."""


def is_possible(item: PricedItem, account_id: str, resource: Resource, asked_at: datetime) -> bool:
    """Whether a resource in its present state can get what was ordered (domain 5).

    Billing has checked it when the order was placed; meanwhile the resource may have gone its way.
    """
    if resource.account_id != account_id or resource.product != item.product:
        return False
    lacks_hold = resource.suspended_by == "hold_short"
    if resource.state not in _STATES[item.action] and not (item.action == "delete" and lacks_hold):
        return False
    match item.action:
        case "create":
            return _has_term(item, resource, asked_at)
        case "resize":
            has_ended = resource.ends_at is not None and resource.ends_at <= asked_at
            return bool(item.components) and not has_ended
        case "renew":
            ends_at = _renewed_end(item, resource)
            is_renewable = _is_renewable(resource, asked_at) and _renews_as(
                item, resource, asked_at
            )
            return is_renewable and ends_at is not None and ends_at > asked_at
        case "recover":
            in_trash = resource.suspended_by in ("trash_policy", "deletion", "poc_ended")
            is_prepaid = resource.user_type == "prepaid"
            return is_prepaid and in_trash and _has_term(item, resource, asked_at)
        case "stop_poc":
            return resource.poc == "running"
        case _:
            return True


def _renews_as(item: PricedItem, resource: Resource, asked_at: datetime) -> bool:
    """A proof of concept is renewed as one, also where the tick of its end has overtaken the
    payment; once it has ended, and ever after, only by other means (domain 9, 11.5)."""
    match resource.poc:
        case "running":
            return item.poc == "running"
        case "ended":
            return item.poc is None or (
                resource.ends_at is not None and asked_at < resource.ends_at
            )
        case None:
            return item.poc is None


def _is_renewable(resource: Resource, asked_at: datetime) -> bool:
    """Until release under the `grace` policy; else before the end, also where the tick of the end
    has overtaken the payment (domain 7, 11.5)."""
    if resource.user_type != "prepaid" or resource.ends_at is None:
        return False
    match resource.suspended_by:
        case None | "grace_policy" | "poc_ended":
            return True
        case "trash_policy":
            return asked_at < resource.ends_at
        case "deletion" | "hold_short":
            return False


def _renewed_end(item: PricedItem, resource: Resource) -> datetime | None:
    """The new end time, counted from the old one also in grace and suspension (domain 7); None
    where it is not later."""
    if resource.ends_at is None:
        return None
    ends_at = _term_end(item, resource.ends_at)
    return ends_at if ends_at is not None and ends_at > resource.ends_at else None


def _has_term(item: PricedItem, resource: Resource, asked_at: datetime) -> bool:
    """Whether something is left of what was ordered; postpaid use goes on until it is ended."""
    ends_at = _term_end(item, asked_at)
    return resource.user_type == "postpaid" or (ends_at is not None and ends_at > asked_at)


def _term_end(item: PricedItem, starts_at: datetime) -> datetime | None:
    if item.ends_at is not None:
        return item.ends_at
    return None if item.days is None else starts_at + timedelta(days=item.days)


def fulfil(item: PricedItem, resource: Resource, at: datetime, trash_days: int) -> Change | None:
    """What becomes of a resource when what was ordered was done (domain 5).

    Args:
        item: what was ordered.
        resource: as it is now.
        at: when it was done.
        trash_days: how long the product keeps what was deleted; 0: not at all.

    Returns:
        The change, or None where it came too late: the term that was paid for is over already, or
        the resource is gone.
    """
    done = _done(item, resource, at, trash_days)
    if done is None:
        return None
    changed = replace(done, version=resource.version + 1, open_request=None)
    return Change(_HAPPENED[item.action], changed, at, _follow_up(item.action, resource))


def _follow_up(action: Action, resource: Resource) -> Action | None:
    """What the team must do to a resource, as it was before, of an action it is not asked for."""
    match action, resource.state:
        case "renew", "suspended":
            return "start"
        case "stop_poc", "active":
            return "stop"
        case _:
            return None


def _done(item: PricedItem, resource: Resource, at: datetime, trash_days: int) -> Resource | None:
    if resource.state in ("deleted", "failed"):
        return None
    match item.action:
        case "create" | "recover":
            return _begun(item, resource, at)
        case "resize":
            return replace(resource, components=item.components)
        case "renew":
            ends_at = _renewed_end(item, resource)
            renewed = replace(resource, poc=item.poc)
            return None if ends_at is None else _running_until(ends_at, renewed)
        case "delete":
            return _gone(resource, at, trash_days)
        case _ if resource.state == "suspended":
            return None
        case "stop_poc":
            return ended_poc(resource, at, trash_days)
        case "stop":
            return replace(resource, state="stopped")
        case "start" | "reboot":
            return replace(resource, state="active")


def _begun(item: PricedItem, resource: Resource, at: datetime) -> Resource | None:
    """A term, or postpaid use, that begins now."""
    active = replace(resource, state="active", suspended_by=None, starts_at=at, poc=item.poc)
    if resource.user_type == "postpaid":
        return replace(active, ends_at=None, next_step=None, next_due_at=None)
    ends_at = _term_end(item, at)
    return None if ends_at is None or ends_at <= at else _running_until(ends_at, active)


def _running_until(ends_at: datetime, resource: Resource) -> Resource:
    running: State = "active" if resource.state == "suspended" else resource.state
    return replace(
        resource,
        state=running,
        suspended_by=None,
        ends_at=ends_at,
        next_step="expire",
        next_due_at=ends_at,
    )


def _gone(resource: Resource, at: datetime, trash_days: int) -> Resource:
    """Deleted, through the trash where the product keeps one."""
    if not trash_days:
        return replace(
            resource, state="deleted", suspended_by=None, next_step=None, next_due_at=None, poc=None
        )
    return replace(
        resource,
        state="suspended",
        suspended_by="deletion",
        next_step="release",
        next_due_at=at + timedelta(days=trash_days),
        poc=None,
    )


def ended_poc(resource: Resource, at: datetime, trash_days: int) -> Resource:
    """A proof of concept that was stopped, or whose end has come: in the trash, from where it is
    recovered, or renewed from its end on, by other means than the POC wallet (domain 9)."""
    ends_at = at if resource.ends_at is None else min(at, resource.ends_at)
    return replace(
        resource,
        state="suspended",
        suspended_by="poc_ended",
        poc="ended",
        ends_at=max(ends_at, resource.starts_at or ends_at),
        next_step="release",
        next_due_at=at + timedelta(days=trash_days or POC_TRASH_DAYS),
    )


def come_to_nothing(resource: Resource) -> Resource:
    """A resource whose request failed: as it was, or `failed` where there was nothing before."""
    state: State = "failed" if resource.state == "new" else resource.state
    return replace(resource, state=state, open_request=None)
