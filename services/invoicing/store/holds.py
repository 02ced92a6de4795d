"""Holds of resources that are used first, and what these cost."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from services.invoicing.domain.holds import Cost, Hold
from shared.database import Connection, Row
from shared.messages.model import UserType
from shared.periods import MINUTES_PER_DAY
from shared.sql import Statements

sql = Statements("services.invoicing.store", "holds.sql")

_ACCOUNTS_IN_A_RANGE: Final = 500


async def append_switches(
    db: Connection, switches: Sequence[tuple[str, datetime, UserType]]
) -> None:
    """Note which user types accounts have from an instant on."""
    await db.execute(
        sql.append_switches,
        [account_id for account_id, _, _ in switches],
        [at for _, at, _ in switches],
        [user_type for _, _, user_type in switches],
    )


async def find_user_types(
    db: Connection, questions: Collection[tuple[str, datetime]]
) -> dict[tuple[str, datetime], UserType]:
    """The user types of accounts, each at an instant."""
    rows = await db.fetch(
        sql.find_user_types,
        [account_id for account_id, _ in questions],
        [at for _, at in questions],
    )
    return {(row["account_id"], row["at"]): row["user_type"] for row in rows}


async def append_holds(db: Connection, holds: Sequence[Hold]) -> None:
    """Begin holds; those that are there stay as they are."""
    if holds:
        await db.execute(
            sql.append_holds,
            [one.account_id for one in holds],
            [one.resource_id for one in holds],
            [one.number for one in holds],
            [one.asked for one in holds],
            [one.asked_at for one in holds],
            [one.answer for one in holds],
            [one.held for one in holds],
        )


async def lock_holds(db: Connection, resource_ids: Iterable[str]) -> dict[str, Hold]:
    """Those of these resources' holds that there are."""
    return _holds(await db.fetch(sql.lock_holds, list(resource_ids)))


async def lock_holds_of_payments(db: Connection, payment_ids: Iterable[str]) -> dict[str, Hold]:
    """The holds from which these payments are just made, by resource."""
    return _holds(await db.fetch(sql.lock_holds_of_payments, list(payment_ids)))


async def save_holds(db: Connection, holds: Collection[Hold]) -> None:
    """Keep holds, which are locked, as they became."""
    if holds:
        await db.execute(
            sql.save_holds,
            [one.account_id for one in holds],
            [one.resource_id for one in holds],
            [one.number for one in holds],
            [one.asked for one in holds],
            [one.asked_at for one in holds],
            [one.answer for one in holds],
            [one.held for one in holds],
            [one.short_since for one in holds],
            [one.noticed_on for one in holds],
            [one.suspension for one in holds],
            [one.payment_id for one in holds],
            [one.ended for one in holds],
        )


async def cut_accounts(db: Connection) -> list[tuple[str, str | None]]:
    """The accounts that have, or may need, holds, cut into ranges."""
    rows = await db.fetch(sql.cut_accounts, _ACCOUNTS_IN_A_RANGE)
    return [(row["first_account"], row["next_account"]) for row in rows]


async def open_missing_holds(
    db: Connection, first_account: str, next_account: str | None, at: datetime
) -> None:
    """Begin empty holds for use-priced resources of accounts that became prepaid (domain 10)."""
    await db.execute(sql.open_missing_holds, first_account, next_account, at)


async def find_open_holds(
    db: Connection, first_account: str, next_account: str | None
) -> list[str]:
    """The resources of a range of accounts that have a hold."""
    rows = await db.fetch(sql.find_open_holds, first_account, next_account)
    return [row["resource_id"] for row in rows]


async def find_holds_of_accounts(
    db: Connection, account_ids: Collection[str], *, only_short: bool = False
) -> dict[str, str]:
    """The accounts of the resources that have a hold, by resource; of those of these accounts."""
    rows = await db.fetch(sql.find_holds_of_accounts, list(account_ids), only_short)
    return {row["resource_id"]: row["account_id"] for row in rows}


async def find_invoices_to_pay(
    db: Connection,
    since: datetime,
    first_account: str = "",
    next_account: str | None = None,
    resource_ids: Collection[str] | None = None,
) -> dict[str, str]:
    """The oldest open invoice, issued at `since` or later, of each resource that has a hold."""
    rows = await db.fetch(
        sql.find_invoices_to_pay,
        first_account,
        next_account,
        None if resource_ids is None else list(resource_ids),
        since,
    )
    return {row["resource_id"]: row["invoice_id"] for row in rows}


async def find_costs(
    db: Connection, questions: Mapping[str, datetime], time_zone: str, days: int
) -> dict[str, Cost]:
    """What resources come to, each at an instant.

    Args:
        db: which has their holds locked.
        questions: instants, by resource.
        time_zone: of billing months.
        days: for how many to estimate.
    """
    rows = await db.fetch(
        sql.find_costs,
        list(questions),
        list(questions.values()),
        time_zone,
        days * MINUTES_PER_DAY,
    )
    return {row["resource_id"]: Cost(row["actual"], row["estimate"], row["gone"]) for row in rows}


async def show_hold(db: Connection, resource_id: str) -> Row | None:
    """The hold of a resource, for people."""
    return await db.fetchrow(sql.show_hold, resource_id)


def _holds(rows: Iterable[Row]) -> dict[str, Hold]:
    return {row["resource_id"]: Hold(**row) for row in rows}
