"""What one group of messages does to resources: asking drivers, concluding their answers.

Pure: it works on the rows that a handler has locked, and collects what is to be saved and said.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from services.provisioning import events
from services.provisioning.domain.catalogue import Catalogue, ProductVersion
from services.provisioning.domain.requests import Asked, Order, request_id_of
from services.provisioning.domain.resources import (
    Change,
    Resource,
    come_to_nothing,
    fulfil,
    is_possible,
)
from services.provisioning.drivers import (
    Answer,
    Driver,
    Failed,
    Pending,
    Request,
    Succeeded,
    driver_of,
)
from shared.messages import Later, Message, Said
from shared.messages.items import Component


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

    def __init__(self, resources: Mapping[str, Resource], catalogue: Catalogue) -> None:
        self._resources = dict(resources)
        self._catalogue = catalogue
        self.changed: dict[str, Resource] = {}
        self.requests: dict[str, Asked] = {}
        self.said: list[Said] = []

    def waits_for(self, resource_ids: Iterable[str]) -> str | None:
        """Why what is ordered for these resources can't be done yet, where it can't."""
        for resource_id in resource_ids:
            resource = self._resources.get(resource_id)
            if resource is None:
                return "unknown_resource"
            if resource.open_request is not None:
                return "resource_busy"
        return None

    def order(self, order: Order, account_id: str, cause: Message) -> None:
        """Have done what was ordered, or say that it is not possible (any more)."""
        item = order.item
        request_id = request_id_of(order.order_id, item.item_id)
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
        if asked.action == "renew":
            return Succeeded(asked.asked_at)  # only its end time changes: no team is asked
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

    def conclude(self, asked: Asked, answer: Succeeded | Failed, cause: Message) -> None:
        """Take the first answer to an open request, and tell what came of it."""
        resource = self._resources[asked.resource_id]
        match answer:
            case Failed(reason, at):
                self._keep(asked.concluded("failed", at, _as_json({"reason": reason})))
                self._come_to_nothing(asked, resource, reason, at, cause)
            case Succeeded(at, details):
                self._keep(asked.concluded("succeeded", at, _as_json(details)))
                self._fulfil(asked, resource, at, cause)

    def _fulfil(self, asked: Asked, resource: Resource, at: datetime, cause: Message) -> None:
        if asked.order is None:
            return
        trash_days = self._version(resource.product, asked.asked_at).trash_days
        change = fulfil(asked.order.item, resource, at, trash_days)
        if change is None:
            self._keep(asked.concluded("failed", at, _as_json({"reason": "too_late"})))
            self._come_to_nothing(asked, resource, "too_late", at, cause)
        else:
            self._happen(change, cause, asked)

    def _come_to_nothing(
        self, asked: Asked, resource: Resource, reason: str, at: datetime, cause: Message
    ) -> None:
        if asked.order is not None:
            self._put(come_to_nothing(resource))
            self.said += events.failed(asked, reason, at, cause)

    def _happen(self, change: Change, cause: Message, asked: Asked | None = None) -> None:
        self._put(change.resource)
        self.said.append(events.told(change, cause, asked))

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


def _request(
    asked: Asked, resource: Resource, components: tuple[Component, ...]
) -> Request:
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
