"""Accounts, as pages show them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from shared.database import Connection, Row
from shared.messages.model import UserType
from shared.messages.upstream import BillingDetails
from shared.sql import Statements

sql = Statements("services.portal.store", "accounts.sql")


@dataclass(frozen=True, slots=True)
class Account:
    """A customer. `overdue_since` is set while an invoice is overdue."""

    account_id: str
    name: str
    email: str | None
    currency: str
    time_zone: str | None
    user_type: UserType
    registered_at: datetime | None
    overdue_since: datetime | None

    @classmethod
    def of(cls, row: Row) -> "Account":
        """From a row of the table."""
        return cls(
            account_id=row["account_id"],
            name=row["name"] or row["account_id"],
            email=row["email"],
            currency=row["currency"] or "VND",
            time_zone=row["time_zone"],
            user_type=row["user_type"],
            registered_at=row["registered_at"],
            overdue_since=row["overdue_since"],
        )

    @classmethod
    def just_opened(cls, account_id: str) -> "Account":
        """One of which nothing was heard yet."""
        return cls(account_id, account_id, None, "VND", None, "prepaid", None, None)


async def find_account(db: Connection, account_id: str) -> Account | None:
    """An account, if anything was heard of it."""
    found = await find_accounts(db, [account_id])
    return found[0] if found else None


async def get_account(db: Connection, account_id: str) -> Account:
    """An account; one of which nothing was heard yet is as if it were just opened."""
    return await find_account(db, account_id) or Account.just_opened(account_id)


async def find_accounts(db: Connection, account_ids: Collection[str]) -> list[Account]:
    """Those of these accounts of which something was heard, by name."""
    rows = await db.fetch(sql.find_accounts, list(account_ids))
    return [Account.of(row) for row in rows]


async def find_billing_details(
    db: Connection, account_id: str, at: datetime
) -> BillingDetails | None:
    """Whom documents of a time are made out to; None where nothing was told by then."""
    row = await db.fetchrow(sql.find_billing_details, account_id, at)
    return BillingDetails.model_validate(dict(row)) if row else None


async def search_accounts(db: Connection, words: str, limit: int = 50) -> list[Account]:
    """Accounts whose id, e-mail address or name begins with this, or is it."""
    return [Account.of(row) for row in await db.fetch(sql.search_accounts, words, limit)]
