"""The provisioning service's handlers: load, decide, save, return what to say."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from services.provisioning import store
from services.provisioning.domain.catalogue import Catalogue, ProductVersion, Switch
from services.provisioning.domain.requests import Asked, Order, new_resource
from services.provisioning.domain.resources import Resource
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
from shared.messages.billing import AccountSwitched, OrderConfirmed, PaymentConfirmed
from shared.messages.catalogue import ProductPublished
from shared.messages.product_teams import ProductFailed, ProductSucceeded
from shared.messages.provisioning import (
    ResourceResumeRequested,
    ResourcesDue,
    ResourceSuspendRequested,
)
from shared.messages.scheduler import TickMinute
from shared.service import Handlers
from shared.settings import settings

Confirmation = PaymentConfirmed | OrderConfirmed
TeamAnswer = ProductSucceeded | ProductFailed
HoldCommand = ResourceSuspendRequested | ResourceResumeRequested

_DUE_AT_ONCE: Final = 500
"""Resources that one transaction takes; the rest has a message of its own."""


async def product_published(publications: Sequence[ProductPublished], db: Connection) -> list[Said]:
    """Remember how a product is provisioned and how it expires, if its driver can work so."""
    said: list[Said] = []
    versions: list[ProductVersion] = []
    for publication in publications:
        try:
            driver_of(publication.driver, publication.driver_options)
        except UnknownDriver as error:
            said.append(Refused(publication, "unknown_driver", str(error)))
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
        metered=publication.is_use_priced,
    )


@dataclass(frozen=True, slots=True)
class _Confirmed:
    """A confirmation that orders something, and its items, all of one action."""

    cause: Confirmation
    orders: tuple[Order, ...]

    @classmethod
    def find(cls, confirmation: Confirmation) -> "_Confirmed | None":
        """None for the payment of an invoice."""
        if confirmation.order_id is None or not confirmation.items:
            return None
        order_id = confirmation.order_id
        payment_id = confirmation.payment_id if isinstance(confirmation, PaymentConfirmed) else None
        return cls(
            confirmation, tuple(Order(order_id, item, payment_id) for item in confirmation.items)
        )

    @property
    def new_resources(self) -> list[Resource]:
        """What is to be created, as it is while it is asked for."""
        return [
            new_resource(order, self.cause.account_id)
            for order in self.orders
            if order.item.action == "create"
        ]


async def order_confirmed(confirmations: Sequence[Confirmation], db: Connection) -> list[Said]:
    """Have done what was ordered: it is paid for, or there is nothing to pay (domain 2, 3, 5)."""
    confirmed = [one for one in map(_Confirmed.find, confirmations) if one is not None]
    confirmed.sort(key=lambda one: one.cause.time)
    products = {order.item.product for one in confirmed for order in one.orders}
    said, ready = _ready(confirmed, await store.find_catalogue(db, products))
    await store.open_resources(db, (new for one in ready for new in one.new_resources))
    orders = [order for one in ready for order in one.orders]
    resources = await store.lock_resources(db, {order.item.resource_id for order in orders})
    known = await store.find_ordered(db, {order.key for order in orders})
    work = await _work_on(db, resources, products)
    for one in ready:
        fresh = {order.key: order for order in one.orders if order.key not in known}
        if (reason := work.waits_for(fresh.values())) is not None:
            said.append(NotYet(one.cause, reason))
            continue
        known |= fresh.keys()
        for order in fresh.values():
            work.order(order, one.cause.account_id, one.cause)
    await store.save_work(db, work)
    return said + work.said


def _ready(
    confirmed: Sequence[_Confirmed], catalogue: Catalogue
) -> tuple[list[Said], list[_Confirmed]]:
    """What is answered before any resource is looked at, and what can be worked on."""
    answers = [_not_ready(one, catalogue) for one in confirmed]
    paired = list(zip(confirmed, answers, strict=True))
    return (
        [answer for answer in answers if answer is not None],
        [one for one, answer in paired if answer is None],
    )


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
    work = await _work_on(db, resources)
    said: list[Said] = []
    for answer in answers:
        if (asked := requests.get(answer.request_id)) is None:
            said.append(NotYet(answer, "unknown_request"))
        else:
            work.answer(asked, _answer(answer, asked), answer)
    await store.save_work(db, work)
    return said + work.said


def _answer(answer: TeamAnswer, asked: Asked) -> Succeeded | Failed:
    match answer:
        case ProductSucceeded():
            at = asked.answered_at(answer.at, told_at=answer.time)
            return Succeeded(at, answer.details or {})
        case ProductFailed():
            return Failed(answer.reason, asked.answered_at(answer.time, told_at=answer.time))


async def time_passed(ticks: Sequence[TickMinute | ResourcesDue], db: Connection) -> list[Said]:
    """Time limits, expiry and releases, up to the latest of these ticks (domain 7).

    Each happens at the instant at which it was due, so that one tick makes up for any number of
    missed ones, and a second changes nothing.
    """
    tick = max(ticks, key=lambda one: one.time)
    resources = await store.lock_due_resources(db, tick.time, at_most=_DUE_AT_ONCE)
    overdue = await store.find_overdue_requests(db, tick.time, resources)
    work = await _work_on(db, resources)
    for asked in overdue:
        work.time_out(asked, tick)
    for resource_id in resources:
        work.pass_time(resource_id, tick.time, tick)
    await store.save_work(db, work)
    more = [ResourcesDue().because(tick)] if len(resources) >= _DUE_AT_ONCE else []
    return [*work.said, *more]


async def hold_told(commands: Sequence[HoldCommand], db: Connection) -> list[Said]:
    """Suspend resources for whose hold credit is short, and bring back those that have it again;
    what is busy is waited for (domain 8)."""
    resources = await store.lock_resources(db, {one.resource_id for one in commands})
    work = await _work_on(db, resources)
    said: list[Said] = []
    for command in sorted(commands, key=lambda one: one.time):
        if command.resource_id not in resources:
            said.append(NotYet(command, "unknown_resource"))
        elif work.is_busy(command.resource_id):
            said.append(NotYet(command, "resource_busy"))
        else:
            work.suspend(command)
    await store.save_work(db, work)
    return said + work.said


async def account_switched(switches: Sequence[AccountSwitched], db: Connection) -> list[Said]:
    """Remember an account's user type from now on; running resources follow (domain 10).

    What others just do to a resource is waited for; who holds it after this knows of the switch.
    """
    ordered = sorted(switches, key=lambda one: (one.time, one.envelope.id))
    account_ids = {one.account_id for one in ordered}
    await store.lock_accounts(db, account_ids)
    await store.append_switches(db, [(one.account_id, _switch(one)) for one in ordered])
    resources = await store.lock_switched_resources(db, account_ids)
    work = await _work_on(db, resources)
    for one in ordered:
        for resource in resources.values():
            if resource.account_id == one.account_id:
                work.switch(resource.resource_id, _switch(one), one)
    await store.save_work(db, work)
    return work.said


def _switch(switched: AccountSwitched) -> Switch:
    return Switch(switched.time, switched.envelope.id, switched.to)


async def _work_on(
    db: Connection, resources: Mapping[str, Resource], ordered: Collection[str] = ()
) -> Work:
    """Work on locked resources, with what is known of accounts and products."""
    products = {one.product for one in resources.values()}
    catalogue = await store.find_catalogue(db, products.union(ordered))
    user_types = await store.find_user_types(db, {one.account_id for one in resources.values()})
    return Work(resources, catalogue, user_types, _switch_grace())


def _switch_grace() -> timedelta:
    return timedelta(days=settings().switch_grace_days)


HANDLERS: Handlers = {
    ProductPublished: product_published,
    AccountSwitched: account_switched,
    ProductSucceeded: product_answered,
    ProductFailed: product_answered,
    PaymentConfirmed: order_confirmed,
    OrderConfirmed: order_confirmed,
    ResourceSuspendRequested: hold_told,
    ResourceResumeRequested: hold_told,
    TickMinute: time_passed,
    ResourcesDue: time_passed,
}
