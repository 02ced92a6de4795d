"""Customers and their user types."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from services.billing.domain.purchases import Account
from services.billing.domain.switches import Switch
from shared.database import Connection, Row
from shared.messages.invoicing import AccountOverdue, AccountSettled
from shared.messages.upstream import AccountRegistered
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

    Each question is a name for it, the account's id, and the time. Those that exist come back, by
    question.
    """
    asked = list(questions)
    rows = await db.fetch(
        sql.find_accounts,
        [question for question, _, _ in asked],
        [account_id for _, account_id, _ in asked],
        [at for _, _, at in asked],
    )
    return {
        row["question"]: Account(
            row["account_id"],
            row["currency"],
            row["user_type"],
            row["overdue_since"],
            row["poc_ends_at"],
        )
        for row in rows
    }


async def lock_accounts(db: Connection, account_ids: Collection[str]) -> set[str]:
    """Hold those of these accounts that exist."""
    return {row["account_id"] for row in await db.fetch(sql.lock_accounts, list(account_ids))}


async def find_switches(db: Connection, account_ids: Collection[str]) -> dict[str, list[Switch]]:
    """What was asked of each of these accounts, oldest first."""
    histories: dict[str, list[Switch]] = {account_id: [] for account_id in account_ids}
    for row in await db.fetch(sql.find_switches, list(account_ids)):
        histories[row["account_id"]].append(
            Switch(row["at"], row["user_type"], row["requested_by"], row["reason"])
        )
    return histories


async def find_overdue(db: Connection, account_ids: Collection[str]) -> dict[str, datetime]:
    """Since when invoices of those of these accounts are overdue that have one."""
    rows = await db.fetch(sql.find_overdue, list(account_ids))
    return {row["account_id"]: row["overdue_since"] for row in rows}


async def save_standings(
    db: Connection, standings: Sequence[AccountOverdue | AccountSettled]
) -> None:
    """Keep what was told last of accounts: since when they are overdue, or that they have paid."""
    last = {
        one.account_id: one
        for one in sorted(standings, key=lambda one: (one.time, isinstance(one, AccountSettled)))
    }
    account_ids = sorted(last)
    await db.execute(
        sql.save_standings,
        account_ids,
        [getattr(last[account_id], "since", None) for account_id in account_ids],
        [last[account_id].time for account_id in account_ids],
    )


async def append_switches(db: Connection, switches: Sequence[tuple[str, Switch]]) -> None:
    """Note which user types accounts were to have."""
    if switches:
        await db.execute(
            sql.append_switches,
            [account_id for account_id, _ in switches],
            [switch.at for _, switch in switches],
            [switch.user_type for _, switch in switches],
            [switch.requested_by for _, switch in switches],
            [switch.reason for _, switch in switches],
        )


async def show_account(db: Connection, account_id: str) -> Row | None:
    """A customer, for people."""
    return await db.fetchrow(sql.show_account, account_id)


async def show_switches(db: Connection, account_id: str) -> list[Row]:
    """An account's switches, for people."""
    return await db.fetch(sql.show_switches, account_id)
