"""The provisioning service's handlers: load, decide, save, return what to say."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from services.provisioning import store
from services.provisioning.domain.catalogue import Catalogue, ProductVersion
from services.provisioning.domain.requests import Order, new_resource, request_id_of
from services.provisioning.drivers import (
    BadDriverOptions,
    Failed,
    Succeeded,
    UnknownDriver,
    driver_of,
)
from services.provisioning.work import Work, driver_for
from shared.database import Connection
from shared.messages import NotYet, Refused, Said
from shared.messages.billing import OrderConfirmed, PaymentConfirmed
from shared.messages.product_teams import ProductFailed, ProductSucceeded
from shared.messages.upstream import ProductPublished
from shared.service import Handlers

Confirmation = PaymentConfirmed | OrderConfirmed
TeamAnswer = ProductSucceeded | ProductFailed


async def product_published(
    publications: Sequence[ProductPublished], db: Connection
) -> list[Said]:
    """Remember how a product is provisioned and how it expires, if its driver can work so."""
    said: list[Said] = []
    versions: list[ProductVersion] = []
    for publication in publications:
        try:
            driver_of(publication.driver, publication.driver_options)
        except UnknownDriver:
            said.append(Refused(publication, "unknown_driver", f"no driver {publication.driver!r}"))
        except BadDriverOptions as error:
            said.append(Refused(publication, "bad_driver_options", str(error)))
        else:
            versions.append(_version(publication))
    await store.append_product_versions(db, versions)
    return said


def _version(publication: ProductPublished) -> ProductVersion:
    return ProductVersion(
        product=publication.product,
        effective_from=publication.effective_from or publication.time,
        published_at=publication.time,
        message_id=publication.envelope.id,
        driver=publication.driver,
        driver_options=json.dumps(publication.driver_options),
        expiry_policy=publication.expiry_policy,
        trash_days=publication.trash_days,
        metered=bool(publication.meters),
    )


@dataclass(frozen=True, slots=True)
class _Confirmed:
    """A confirmation that orders something, and its items, all of one action."""

    cause: Confirmation
    orders: tuple[Order, ...]

    @property
    def new_ones(self) -> list[Order]:
        return [order for order in self.orders if order.item.action == "create"]


def _confirmed(confirmation: Confirmation) -> _Confirmed | None:
    """None for the payment of an invoice."""
    if confirmation.order_id is None or not confirmation.items:
        return None
    payment_id = confirmation.payment_id if isinstance(confirmation, PaymentConfirmed) else None
    order_id = confirmation.order_id
    return _Confirmed(
        confirmation, tuple(Order(order_id, item, payment_id) for item in confirmation.items)
    )


async def order_confirmed(confirmations: Sequence[Confirmation], db: Connection) -> list[Said]:
    """Have done what was ordered: it is paid for, or there is nothing to pay (domain 2, 3, 5)."""
    confirmed = [one for one in map(_confirmed, confirmations) if one is not None]
    confirmed.sort(key=lambda one: one.cause.time)
    items = [order.item for one in confirmed for order in one.orders]
    catalogue = await store.find_catalogue(db, {item.product for item in items})
    said: list[Said] = []
    ready: list[_Confirmed] = []
    for one in confirmed:
        if (answer := _not_ready(one, catalogue)) is not None:
            said.append(answer)
        else:
            ready.append(one)
    await store.open_resources(
        db,
        (
            new_resource(
                order, one.cause.account_id, request_id_of(order.order_id, order.item.item_id)
            )
            for one in ready
            for order in one.new_ones
        ),
    )
    keys = [(order.order_id, order.item.item_id) for one in ready for order in one.orders]
    resources = await store.lock_resources(
        db, (order.item.resource_id for one in ready for order in one.orders)
    )
    known = await store.find_ordered(db, keys)
    work = Work(resources, catalogue)
    for one in ready:
        fresh = {
            (order.order_id, order.item.item_id): order
            for order in one.orders
            if (order.order_id, order.item.item_id) not in known
        }
        waiting = [order.item for order in fresh.values() if order.item.action != "create"]
        if (reason := work.waits_for(item.resource_id for item in waiting)) is not None:
            said.append(NotYet(one.cause, reason))
            continue
        known |= fresh.keys()
        for order in fresh.values():
            work.order(order, one.cause.account_id, one.cause)
    await store.save_work(db, work)
    return said + work.said


def _not_ready(confirmed: _Confirmed, catalogue: Catalogue) -> NotYet | Refused | None:
    """What keeps a confirmation from being worked on, before any resource is looked at."""
    if len({order.item.action for order in confirmed.orders}) > 1:
        return Refused(confirmed.cause, "mixed_actions", "an order has one action")
    for product in {order.item.product for order in confirmed.orders}:
        version = catalogue.find(product, confirmed.cause.time)
        if version is None:
            return NotYet(confirmed.cause, "unknown_product")
        try:
            driver_for(version)
        except (UnknownDriver, BadDriverOptions):
            return NotYet(confirmed.cause, "driver_not_installed")
    return None


async def product_answered(answers: Sequence[TeamAnswer], db: Connection) -> list[Said]:
    """Conclude what product teams were asked; the first answer counts (contract.md)."""
    request_ids = {answer.request_id for answer in answers}
    resources = await store.lock_resources_of_requests(db, request_ids)
    requests = await store.find_requests(db, request_ids)
    catalogue = await store.find_catalogue(db, {one.product for one in resources.values()})
    work = Work(resources, catalogue)
    said: list[Said] = []
    for answer in answers:
        asked = work.requests.get(answer.request_id) or requests.get(answer.request_id)
        if asked is None:
            said.append(NotYet(answer, "unknown_request"))
        elif asked.outcome is None:
            match answer:
                case ProductSucceeded():
                    at = asked.answered_at(answer.at, told_at=answer.time)
                    work.conclude(asked, Succeeded(at, answer.details or {}), answer)
                case ProductFailed():
                    at = asked.answered_at(answer.time, told_at=answer.time)
                    work.conclude(asked, Failed(answer.reason, at), answer)
    await store.save_work(db, work)
    return said + work.said


HANDLERS: Handlers = {
    ProductPublished: product_published,
    PaymentConfirmed: order_confirmed,
    OrderConfirmed: order_confirmed,
    ProductSucceeded: product_answered,
    ProductFailed: product_answered,
}
