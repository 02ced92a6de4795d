"""Resources and the pieces of their prepaid terms."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from pydantic import TypeAdapter

from services.billing.domain.resources import Renewal, Resource
from services.billing.domain.terms import TermPiece
from services.billing.store.races import do_first
from shared.database import Connection, Row
from shared.messages.items import Component, PricedItem
from shared.sql import Statements

sql = Statements("services.billing.store", "resources.sql")

_COMPONENTS: Final = TypeAdapter(tuple[Component, ...])


async def lock_resources(db: Connection, resource_ids: Collection[str]) -> dict[str, Resource]:
    """Those of these resources that exist, held, with the live pieces of their terms."""
    return await _resources(db, sql.lock_resources, resource_ids)


async def find_resources(db: Connection, resource_ids: Collection[str]) -> dict[str, Resource]:
    """Those of these resources that exist, as they are, with the live pieces of their terms."""
    return await _resources(db, sql.find_resources, resource_ids)


async def _resources(
    db: Connection, statement: str, resource_ids: Collection[str]
) -> dict[str, Resource]:
    if not resource_ids:
        return {}
    ordered = sorted(set(resource_ids))
    rows = await db.fetch(statement, ordered)
    pieces: defaultdict[str, list[TermPiece]] = defaultdict(list)
    for row in await db.fetch(sql.find_pieces, ordered) if rows else ():
        pieces[row["resource_id"]].append(
            TermPiece(
                order_id=row["order_id"],
                item_id=row["item_id"],
                starts_at=row["starts_at"],
                ends_at=row["ends_at"],
                paid=row["paid"],
                vat_rate=row["vat_rate"],
            )
        )
    return {
        row["resource_id"]: Resource(
            resource_id=row["resource_id"],
            account_id=row["account_id"],
            product=row["product"],
            name=row["name"],
            user_type=row["user_type"],
            state=row["state"],
            components=_COMPONENTS.validate_json(row["components"]),
            starts_at=row["starts_at"],
            ends_at=row["ends_at"],
            version=row["version"],
            busy_with=row["busy_with"],
            in_trash=row["in_trash"],
            renewal=Renewal(
                row["auto_renew_months"],
                row["auto_renew_set_at"],
                row["renewal_tried_at"],
                row["next_renewal_at"],
            ),
            pieces=tuple(pieces[row["resource_id"]]),
            poc=row["poc"],
        )
        for row in rows
    }


async def append_resources(db: Connection, items: Sequence[tuple[str, str, PricedItem]]) -> None:
    """Resources that are about to be created, as (account id, order id, item).

    Raises:
        asyncpg.SerializationError: if another worker made one of them just now.
    """
    if items:
        await do_first(
            db,
            sql.append_resources,
            [item.resource_id for _, _, item in items],
            [account_id for account_id, _, _ in items],
            [item.product for _, _, item in items],
            [item.name for _, _, item in items],
            [item.user_type for _, _, item in items],
            [_json(item.components) for _, _, item in items],
            [item.auto_renew_months for _, _, item in items],
            [order_id for _, order_id, _ in items],
            [item.poc for _, _, item in items],
        )


async def keep_busy(db: Connection, busy: Sequence[tuple[str, str]]) -> None:
    """Orders are under way for resources, as (resource id, order id)."""
    if busy:
        await db.execute(
            sql.keep_busy,
            [resource_id for resource_id, _ in busy],
            [order_id for _, order_id in busy],
        )


async def end_busy(db: Connection, ended: Sequence[tuple[str, str]]) -> None:
    """Orders came to nothing for resources, as (resource id, order id)."""
    if ended:
        ordered = sorted(ended)
        await db.execute(
            sql.end_busy,
            [resource_id for resource_id, _ in ordered],
            [order_id for _, order_id in ordered],
        )


async def save_resources(db: Connection, resources: Sequence[Resource]) -> None:
    """Keep resources as they became."""
    if not resources:
        return
    await db.execute(
        sql.save_resources,
        [one.account_id for one in resources],
        [one.resource_id for one in resources],
        [one.user_type for one in resources],
        [one.state for one in resources],
        [_json(one.components) for one in resources],
        [one.starts_at for one in resources],
        [one.ends_at for one in resources],
        [one.version for one in resources],
        [one.busy_with for one in resources],
        [one.in_trash for one in resources],
        [one.renewal.months for one in resources],
        [one.renewal.set_at for one in resources],
        [one.renewal.tried_at for one in resources],
        [one.renewal.next_at for one in resources],
        [one.poc for one in resources],
    )


async def save_pieces(
    db: Connection,
    ended: Sequence[tuple[str, TermPiece, datetime]],
    begun: Sequence[tuple[str, str, TermPiece]],
) -> None:
    """Begin pieces, as (account id, resource id, piece), and end others, as (account id, piece, its
    time)."""
    if begun:
        await db.execute(
            sql.append_pieces,
            [account_id for account_id, _, _ in begun],
            [resource_id for _, resource_id, _ in begun],
            [piece.order_id for _, _, piece in begun],
            [piece.item_id for _, _, piece in begun],
            [piece.starts_at for _, _, piece in begun],
            [piece.ends_at for _, _, piece in begun],
            [piece.paid for _, _, piece in begun],
            [piece.vat_rate for _, _, piece in begun],
        )
    if ended:
        await db.execute(
            sql.end_pieces,
            [account_id for account_id, _, _ in ended],
            [piece.order_id for _, piece, _ in ended],
            [piece.item_id for _, piece, _ in ended],
            [at for _, _, at in ended],
        )


async def end_auto_renewal(db: Connection, ended: Mapping[str, datetime]) -> None:
    """Renew nothing of these accounts any more, each from a time on."""
    if ended:
        await db.execute(sql.end_auto_renewal, sorted(ended), [ended[one] for one in sorted(ended)])


def _json(components: tuple[Component, ...]) -> str:
    return _COMPONENTS.dump_json(components).decode()


async def show_resource(db: Connection, resource_id: str) -> Row | None:
    """A resource, for people."""
    return await db.fetchrow(sql.show_resource, resource_id)


async def show_resources(
    db: Connection, account_id: str, *, after: str | None = None, limit: int = 50
) -> list[Row]:
    """An account's resources."""
    return await db.fetch(sql.show_resources, account_id, after, limit)


async def show_pieces(db: Connection, resource_id: str) -> list[Row]:
    """What was paid for a resource's term, for people."""
    return await db.fetch(sql.show_pieces, resource_id)
