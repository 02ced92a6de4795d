"""Provisioning's SQL: sets of rows in, sets of rows out."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Final

from pydantic import TypeAdapter

from services.provisioning.domain.catalogue import Catalogue, ProductVersion, Switch, UserTypes
from services.provisioning.domain.requests import Asked, Order
from services.provisioning.domain.resources import Resource
from services.provisioning.work import Work
from shared.database import Connection, Row
from shared.messages.items import Component, PricedItem
from shared.sql import Statements

sql = Statements("services.provisioning")

_COMPONENTS: Final = TypeAdapter(tuple[Component, ...])


async def append_product_versions(db: Connection, versions: Sequence[ProductVersion]) -> None:
    """Remember what was published."""
    if versions:
        await db.execute(
            sql.append_product_versions,
            [one.product for one in versions],
            [one.effective_from for one in versions],
            [one.published_at for one in versions],
            [one.message_id for one in versions],
            [one.driver for one in versions],
            [one.driver_options for one in versions],
            [one.expiry_policy for one in versions],
            [one.trash_days for one in versions],
            [one.metered for one in versions],
        )


async def find_catalogue(db: Connection, products: Collection[str]) -> Catalogue:
    """What is known of these products."""
    rows = await db.fetch(sql.find_product_versions, list(products))
    return Catalogue(ProductVersion(**dict(row)) for row in rows)


async def open_resources(db: Connection, resources: Iterable[Resource]) -> None:
    """Make the rows of resources that are about to be asked for, where their ids are free.

    Their accounts can't be switched before the commit.
    """
    ordered = sorted(resources, key=lambda one: one.resource_id)
    if ordered:
        await db.execute(
            sql.open_resources,
            [one.resource_id for one in ordered],
            [one.account_id for one in ordered],
            [one.product for one in ordered],
            [one.name for one in ordered],
            [one.user_type for one in ordered],
            [one.state for one in ordered],
            [_components_json(one) for one in ordered],
            [one.open_request for one in ordered],
            [one.poc for one in ordered],
        )


async def lock_resources(db: Connection, resource_ids: Iterable[str]) -> dict[str, Resource]:
    """Lock those of these resources that exist."""
    return _resources(await db.fetch(sql.lock_resources, sorted(set(resource_ids))))


async def lock_resources_of_requests(
    db: Connection, request_ids: Iterable[str]
) -> dict[str, Resource]:
    """Lock the resources of those of these requests that exist."""
    return _resources(await db.fetch(sql.lock_resources_of_requests, sorted(set(request_ids))))


async def lock_due_resources(
    db: Connection, until: datetime, *, at_most: int
) -> dict[str, Resource]:
    """Lock resources to which something is due, or whose open request is overdue, by an instant.

    `at_most` of each of the two: fewer than that in all means that there are no more.
    """
    return _resources(await db.fetch(sql.lock_due_resources, until, at_most))


async def find_overdue_requests(
    db: Connection, until: datetime, resource_ids: Iterable[str]
) -> list[Asked]:
    """The open requests of locked resources whose deadline is before an instant."""
    rows = await db.fetch(sql.find_overdue_requests, until, list(resource_ids))
    return [_asked(row) for row in rows]


async def lock_accounts(db: Connection, account_ids: Collection[str]) -> None:
    """Wait for whoever is making resources of these accounts, and let nobody begin to."""
    await db.execute(sql.lock_accounts, list(account_ids))


async def append_switches(db: Connection, switches: Sequence[tuple[str, Switch]]) -> None:
    """Remember switches of accounts' user types."""
    await db.execute(
        sql.append_switches,
        [account_id for account_id, _ in switches],
        [switch.at for _, switch in switches],
        [switch.message_id for _, switch in switches],
        [switch.user_type for _, switch in switches],
    )


async def find_user_types(db: Connection, account_ids: Collection[str]) -> UserTypes:
    """The user types of these accounts, now and before."""
    rows = await db.fetch(sql.find_switches, list(account_ids))
    return UserTypes(
        (row["account_id"], Switch(row["at"], row["message_id"], row["user_type"])) for row in rows
    )


async def lock_switched_resources(
    db: Connection, account_ids: Collection[str]
) -> dict[str, Resource]:
    """Lock the resources of locked accounts that are not gone."""
    return _resources(await db.fetch(sql.lock_switched_resources, list(account_ids)))


async def find_ordered(db: Connection, keys: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of these items, by (order_id, item_id), that were asked for before."""
    rows = await db.fetch(
        sql.find_ordered, [order_id for order_id, _ in keys], [item_id for _, item_id in keys]
    )
    return {(row["order_id"], row["item_id"]) for row in rows}


async def find_requests(db: Connection, request_ids: Collection[str]) -> dict[str, Asked]:
    """Those of these requests that exist. Their resources must be locked."""
    rows = await db.fetch(sql.find_requests, list(request_ids))
    return {row["request_id"]: _asked(row) for row in rows}


async def save_work(db: Connection, work: Work) -> None:
    """Save what became of resources, and what was asked and answered."""
    if work.changed:
        await _save_resources(db, list(work.changed.values()))
    if work.requests:
        await _save_requests(db, list(work.requests.values()))


async def _save_resources(db: Connection, resources: Sequence[Resource]) -> None:
    await db.execute(
        sql.save_resources,
        [one.account_id for one in resources],
        [one.resource_id for one in resources],
        [one.user_type for one in resources],
        [one.state for one in resources],
        [_components_json(one) for one in resources],
        [one.suspended_by for one in resources],
        [one.starts_at for one in resources],
        [one.ends_at for one in resources],
        [one.version for one in resources],
        [one.open_request for one in resources],
        [one.next_step for one in resources],
        [one.next_due_at for one in resources],
        [one.poc for one in resources],
    )


async def _save_requests(db: Connection, requests: Sequence[Asked]) -> None:
    orders = [one.order for one in requests]
    await db.execute(
        sql.save_requests,
        [one.request_id for one in requests],
        [one.resource_id for one in requests],
        [one.account_id for one in requests],
        [one.action for one in requests],
        [order.order_id if order else None for order in orders],
        [order.item.item_id if order else None for order in orders],
        [order.item.model_dump_json(exclude_none=True) if order else None for order in orders],
        [order.payment_id if order else None for order in orders],
        [one.correlation_id for one in requests],
        [one.driver for one in requests],
        [one.asked_at for one in requests],
        [one.deadline for one in requests],
        [one.outcome for one in requests],
        [one.concluded_at for one in requests],
        [one.details for one in requests],
    )


def _components_json(resource: Resource) -> str:
    return _COMPONENTS.dump_json(resource.components).decode()


def _resources(rows: Iterable[Row]) -> dict[str, Resource]:
    return {
        row["resource_id"]: Resource(
            **{**dict(row), "components": _COMPONENTS.validate_json(row["components"])}
        )
        for row in rows
    }


def _asked(row: Row) -> Asked:
    order = (
        Order(row["order_id"], PricedItem.model_validate_json(row["item"]), row["payment_id"])
        if row["order_id"] is not None
        else None
    )
    return Asked(
        request_id=row["request_id"],
        resource_id=row["resource_id"],
        account_id=row["account_id"],
        action=row["action"],
        order=order,
        correlation_id=row["correlation_id"],
        driver=row["driver"],
        asked_at=row["asked_at"],
        deadline=row["deadline"],
        outcome=row["outcome"],
        concluded_at=row["concluded_at"],
        details=row["details"],
    )


async def show_requests(db: Connection, resource_id: str, *, limit: int = 100) -> list[Row]:
    """What drivers were asked for a resource, oldest first, for people."""
    return await db.fetch(sql.show_requests, resource_id, limit)
