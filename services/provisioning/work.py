"""What one group of messages does to resources: asking drivers, concluding their answers.

Pure: it works on the rows that a handler has locked, and collects what is to be saved and said.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from services.provisioning import events
from services.provisioning.domain.catalogue import Catalogue, ProductVersion, Switch, UserTypes
from services.provisioning.domain.lifecycle import (
    EndTerms,
    become_prepaid,
    go_on_as_postpaid,
    has_expired_though,
    have_hold,
    is_due,
    lack_hold,
    take_step,
)
from services.provisioning.domain.requests import Asked, Order
from services.provisioning.domain.resources import (
    TAKEN_BACK_BY,
    Change,
    Resource,
    come_to_nothing,
    fulfil,
    is_possible,
)
from services.provisioning.drivers import (
    Answer,
    BadDriverOptions,
    Driver,
    Failed,
    Pending,
    Request,
    Succeeded,
    UnknownDriver,
    driver_of,
)
from shared.ids import derived_id
from shared.messages import Later, Message, Said
from shared.messages.items import Component
from shared.messages.model import Action
from shared.messages.provisioning import ResourceResumeRequested, ResourceSuspendRequested

log = structlog.get_logger()


def driver_for(version: ProductVersion) -> Driver:
    """The driver that a version of a product names.

    Raises:
        UnknownDriver: if it is not installed here.
    """
    return driver_of(version.driver, json.loads(version.driver_options))


class Work:
    """Resources as they become, and what follows from it.

    Attributes:
        changed: resources to be saved.
        requests: what was asked or concluded, to be saved.
        said: what is to be said.
    """

    def __init__(
        self,
        resources: Mapping[str, Resource],
        catalogue: Catalogue,
        user_types: UserTypes,
        switch_grace: timedelta,
    ) -> None:
        """
        Args:
            resources: those that are locked, by id.
            catalogue: all versions of their products, and of those that are ordered.
            user_types: all switches of their accounts.
            switch_grace: how long resources work on after a switch to prepaid (domain 10).
        """
        self._resources = dict(resources)
        self._catalogue = catalogue
        self._user_types = user_types
        self._switch_grace = switch_grace
        self.changed: dict[str, Resource] = {}
        self.requests: dict[str, Asked] = {}
        self.said: list[Said] = []

    def waits_for(self, orders: Iterable[Order]) -> str | None:
        """Why what is ordered for existing resources can't be done yet, where it can't."""
        for order in orders:
            if order.item.action == "create":
                continue
            resource = self._resources.get(order.item.resource_id)
            if resource is None:
                return "unknown_resource"
            if resource.open_request is not None:
                return "resource_busy"
        return None

    def order(self, order: Order, account_id: str, cause: Message) -> None:
        """Have done what was ordered, or say that it is not possible (any more).

        What was due to the resource before comes first, also where the tick is late.
        """
        item = order.item
        request_id = order.request_id
        self.pass_time(item.resource_id, cause.time, cause)
        resource = self._resources[item.resource_id]
        version = self._version(item.product, cause.time)
        asked = Asked(
            request_id=request_id,
            resource_id=item.resource_id,
            account_id=account_id,
            action=item.action,
            order=order,
            correlation_id=events.correlation_of(cause),
            driver=version.driver,
            asked_at=cause.time,
        )
        is_free = resource.open_request in (None, request_id)
        if not is_free or not is_possible(item, account_id, resource, cause.time):
            self._keep(asked.concluded("not_possible", cause.time))
            self.said += events.failed(asked, "not_possible", cause.time, cause)
            return
        match self._answer(asked, resource, version):
            case Pending() as pending:
                self._put(replace(resource, open_request=request_id))
                self._await(asked, pending, cause)
            case Succeeded() | Failed() as answer:
                self.conclude(asked, answer, cause)

    def _answer(self, asked: Asked, resource: Resource, version: ProductVersion) -> Answer:
        if asked.action in ("renew", "stop_poc"):
            return Succeeded(asked.asked_at)  # nothing that a team must do before it counts
        components = asked.order.item.components if asked.order else ()
        return driver_for(version).ask(_request(asked, resource, components or resource.components))

    def _await(self, asked: Asked, pending: Pending, cause: Message) -> None:
        """Say what asks for it, and keep it open until its answer or its deadline."""
        deadline = None if pending.time_limit is None else asked.asked_at + pending.time_limit
        self._keep(replace(asked, deadline=deadline))
        at = asked.asked_at + pending.after
        for number, message in enumerate(pending.messages):
            stamped = events.said_of(asked, message, cause, f"{asked.request_id}:{number}", at)
            self.said.append(Later(stamped, pending.after) if pending.after else stamped)

    def answer(self, asked: Asked, answer: Succeeded | Failed, cause: Message) -> None:
        """Take a product team's answer: the first counts, and a success out of time is undone."""
        asked = self.requests.get(asked.request_id, asked)
        if asked.outcome is None:
            self.conclude(asked, answer, cause)
        elif asked.outcome == "timed_out" and asked.order and isinstance(answer, Succeeded):
            self._take_back(asked, answer.at, cause)

    def conclude(self, asked: Asked, answer: Succeeded | Failed, cause: Message) -> None:
        """Conclude an open request, and tell what came of it."""
        match answer:
            case Failed(reason, at):
                self._keep(asked.concluded("failed", at, _as_json({"reason": reason})))
                self._come_to_nothing(asked, reason, at, cause)
                log.info("not done", request=asked.request_id, action=asked.action)
            case Succeeded(at, details):
                self._keep(asked.concluded("succeeded", at, _as_json(details)))
                if asked.order is not None:
                    self._fulfil(asked, asked.order, at, cause)

    def time_out(self, asked: Asked, cause: Message) -> None:
        """Conclude a request whose answer did not come in time; it failed at its deadline."""
        assert asked.deadline is not None
        self._keep(asked.concluded("timed_out", asked.deadline))
        self._come_to_nothing(asked, "timed_out", asked.deadline, cause)
        log.warning("product team gave no answer", request=asked.request_id, action=asked.action)

    def _fulfil(self, asked: Asked, order: Order, at: datetime, cause: Message) -> None:
        resource = self._resources[asked.resource_id]
        trash_days = self._version(resource.product, asked.asked_at).trash_days
        change = fulfil(order.item, resource, at, trash_days)
        if change is None:
            self._keep(asked.concluded("failed", at, _as_json({"reason": "too_late"})))
            self._come_to_nothing(asked, "too_late", at, cause)
            self._undo(asked, at, cause)
            return
        self._happen(change, cause, asked)
        if change.happened == "provisioned":
            self._meet_switch(change.resource, asked.asked_at, cause)

    def _come_to_nothing(self, asked: Asked, reason: str, at: datetime, cause: Message) -> None:
        if asked.order is not None:
            self._put(come_to_nothing(self._resources[asked.resource_id]))
            self.said += events.failed(asked, reason, at, cause)

    def _take_back(self, asked: Asked, at: datetime, cause: Message) -> None:
        """Undo what was done after its time limit; what was deleted is deleted."""
        if asked.action != "delete":
            self._keep(asked.concluded("taken_back", at))
            self._undo(asked, at, cause)
        elif self._resources[asked.resource_id].open_request is None and asked.order:
            self._keep(asked.concluded("succeeded", at))
            self._fulfil(asked, asked.order, at, cause)

    def _undo(self, asked: Asked, at: datetime, cause: Message) -> None:
        if (action := TAKEN_BACK_BY.get(asked.action)) is not None:
            request_id = derived_id("undo", asked.request_id)
            self._follow_up(self._resources[asked.resource_id], action, request_id, at, cause)

    def pass_time(self, resource_id: str, until: datetime, cause: Message) -> None:
        """Do to a resource all that was due by `until`, in its order (domain 7)."""
        while is_due(resource := self._resources[resource_id], until):
            stepped, change = take_step(resource, self._end_terms(resource))
            self._put(stepped)
            if change is not None:
                self._happen(change, cause)
                if change.happened == "converted":
                    self._meet_switch(change.resource, change.at, cause)

    def _end_terms(self, resource: Resource) -> EndTerms:
        """What is in force at the resource's end; one without an end is only to be released."""
        ends_at = resource.ends_at or resource.next_due_at
        assert ends_at is not None
        version = self._version(resource.product, ends_at)
        return EndTerms(
            policy=version.expiry_policy,
            trash_days=version.trash_days,
            goes_on=self._user_types.at(resource.account_id, ends_at) == "postpaid",
        )

    def suspend(self, command: ResourceSuspendRequested | ResourceResumeRequested) -> None:
        """Suspend a resource for want of credit for its hold, or bring it back (domain 8)."""
        resource = self._resources[command.resource_id]
        suspends = isinstance(command, ResourceSuspendRequested)
        change = (lack_hold if suspends else have_hold)(resource, command.time)
        if change is not None and resource.account_id == command.account_id:
            self._happen(change, command)

    def is_busy(self, resource_id: str) -> bool:
        """Whether a resource waits for what a driver was asked for."""
        return self._resources[resource_id].open_request is not None

    def switch(self, resource_id: str, switch: Switch, cause: Message) -> None:
        """Apply a switch of its account's user type to a resource (domain 10)."""
        resource = self._resources[resource_id]
        if switch.user_type == "postpaid":
            if has_expired_though(resource, switch.at) and self._end_terms(resource).goes_on:
                change = go_on_as_postpaid(resource)
                self._happen(change, cause)
                self._meet_switch(change.resource, change.at, cause)
        elif self._ends_with(switch, resource):
            self._happen(become_prepaid(resource, switch.at, self._switch_grace), cause)

    def _ends_with(self, switch: Switch, resource: Resource) -> bool:
        """Whether a switch to prepaid ends a resource's postpaid use; not where that began after a
        later switch back."""
        if not self._is_postpaid_by_account(resource, switch) or resource.starts_at is None:
            return False
        is_last = self._user_types.find_last(resource.account_id) == switch
        return is_last or resource.starts_at < switch.at

    def _meet_switch(self, resource: Resource, postpaid_at: datetime, cause: Message) -> None:
        """A resource that was ordered as postpaid, or goes on so from its end, and of which that is
        known only after the account was switched to prepaid: that comes first, and then the switch.

        Args:
            resource: as it is now.
            postpaid_at: when it was ordered, or when its prepaid term ended.
            cause: what makes us look.
        """
        switch = self._user_types.find_last(resource.account_id)
        if switch is None or switch.user_type == "postpaid" or switch.at <= postpaid_at:
            return
        was_postpaid = self._user_types.at(resource.account_id, postpaid_at) == "postpaid"
        if was_postpaid and self._is_postpaid_by_account(resource, switch):
            self._happen(become_prepaid(resource, switch.at, self._switch_grace), cause)

    def _is_postpaid_by_account(self, resource: Resource, switch: Switch) -> bool:
        """Whether a running resource is postpaid because its account was, and not because its
        product is priced by use (domain 6)."""
        if resource.user_type != "postpaid" or resource.state not in ("active", "stopped"):
            return False
        begun_at = max(switch.at, resource.starts_at or switch.at)
        return not self._version(resource.product, begun_at).metered

    def _happen(self, change: Change, cause: Message, asked: Asked | None = None) -> None:
        """Save and tell a change, and ask the product's team for what follows from it."""
        resource = change.resource
        self._put(resource)
        self.said.append(events.told(change, cause, asked))
        if change.follow_up is not None:
            request_id = derived_id("follow-up", resource.resource_id, str(resource.version))
            self._follow_up(resource, change.follow_up, request_id, change.at, cause)

    def _follow_up(
        self, resource: Resource, action: Action, request_id: str, at: datetime, cause: Message
    ) -> None:
        """Ask for something that nobody ordered: nothing waits for its answer."""
        version = self._version(resource.product, at)
        asked = Asked(
            request_id=request_id,
            resource_id=resource.resource_id,
            account_id=resource.account_id,
            action=action,
            order=None,
            correlation_id=events.correlation_of(cause),
            driver=version.driver,
            asked_at=at,
        )
        try:
            answer = driver_for(version).ask(_request(asked, resource, resource.components))
        except (UnknownDriver, BadDriverOptions):
            log.exception("driver not installed", driver=version.driver, action=action)
            return
        if isinstance(answer, Pending):
            self._await(asked, answer, cause)

    def _version(self, product: str, at: datetime) -> ProductVersion:
        version = self._catalogue.find(product, at)
        if version is None:
            raise LookupError(f"product {product} is not published for {at.isoformat()}")
        return version

    def _put(self, resource: Resource) -> None:
        self._resources[resource.resource_id] = resource
        self.changed[resource.resource_id] = resource

    def _keep(self, asked: Asked) -> None:
        self.requests[asked.request_id] = asked


def _request(asked: Asked, resource: Resource, components: tuple[Component, ...]) -> Request:
    return Request(
        request_id=asked.request_id,
        action=asked.action,
        product=resource.product,
        resource_id=resource.resource_id,
        account_id=resource.account_id,
        components=components,
        asked_at=asked.asked_at,
    )


def _as_json(details: Mapping[str, object]) -> str | None:
    return json.dumps(details, default=str) if details else None
