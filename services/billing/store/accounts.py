"""Customers and their user types."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from services.billing.domain.orders import Account
from shared.database import Connection, Row
from shared.messages.upstream import AccountRegistered, AccountSwitchRequested
from shared.sql import Statements

sql = Statements("services.billing.store", "accounts.sql")


async def save_accounts(db: Connection, registrations: Sequence[AccountRegistered]) -> None:
    """Keep new customers; those that exist stay as they are."""
    ordered = sorted(registrations, key=lambda one: one.account_id)
    await db.execute(
        sql.save_accounts,
        [one.account_id for one in ordered],
        [one.email for one in ordered],
        [one.name for one in ordered],
        [one.currency for one in ordered],
        [one.time_zone for one in ordered],
        [one.time for one in ordered],
    )


async def find_accounts(
    db: Connection, questions: Iterable[tuple[str, str, datetime]]
) -> dict[str, Account]:
    """Accounts as they were at a time.

    Args:
        questions: a name for the question, the account's id, and the time.

    Returns:
        By question, those that exist.
    """
    asked = list(questions)
    rows = await db.fetch(
        sql.find_accounts,
        [question for question, _, _ in asked],
        [account_id for _, account_id, _ in asked],
        [at for _, _, at in asked],
    )
    return {
        row["question"]: Account(row["account_id"], row["currency"], row["user_type"])
        for row in rows
    }


async def lock_accounts(db: Connection, account_ids: Collection[str]) -> set[str]:
    """Hold those of these accounts that exist."""
    return {row["account_id"] for row in await db.fetch(sql.lock_accounts, list(account_ids))}


async def append_switches(db: Connection, switches: Sequence[AccountSwitchRequested]) -> None:
    """Note switches of the user type."""
    await db.execute(
        sql.append_switches,
        [one.account_id for one in switches],
        [one.time for one in switches],
        [one.user_type for one in switches],
        [one.requested_by for one in switches],
        [one.reason for one in switches],
    )


async def show_account(db: Connection, account_id: str) -> Row | None:
    """A customer, for people."""
    return await db.fetchrow(sql.show_account, account_id)


async def show_switches(db: Connection, account_id: str) -> list[Row]:
    """An account's switches, for people."""
    return await db.fetch(sql.show_switches, account_id)
