"""What is collected, paid and credited of invoices."""

from collections.abc import Collection as Many
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal

from services.invoicing.domain.invoices import numbered
from services.invoicing.domain.payments import (
    Balance,
    Collection,
    CreditNote,
    PaidItem,
    Settled,
)
from shared.database import Connection
from shared.sql import Statements

sql = Statements("services.invoicing.store", "payments.sql")

ACCOUNTS_IN_A_RANGE: Final = 500
Outcome = Literal["confirmed", "failed"]


@dataclass(frozen=True, slots=True)
class Overdue:
    """What an account has not paid by its due date: of how many invoices, since when, and the
    numbers of the oldest."""

    account_id: str
    currency: str
    invoices: int
    outstanding: int
    due_since: datetime
    numbers: Sequence[str]


async def lock_dues(db: Connection, account_ids: Many[str]) -> set[str]:
    """Hold what these accounts owe, before anything else of it is read or held.

    Whoever changes what is outstanding or collected of an invoice, or tells of it, holds that of
    its account first: so each sees what the other did, and no two wait for each other.

    Returns:
        Those that were told to be overdue.
    """
    if not account_ids:
        return set()
    rows = await db.fetch(sql.lock_dues, sorted(set(account_ids)))
    return {row["account_id"] for row in rows if row["overdue"]}


async def lock_balances(db: Connection, invoice_ids: Many[str]) -> dict[str, Balance]:
    """Hold what is paid and being collected of those of these invoices that exist."""
    rows = await db.fetch(sql.lock_balances, sorted(set(invoice_ids)))
    return {
        row["invoice_id"]: Balance(
            invoice_id=row["invoice_id"],
            number=numbered(row["series"], row["number"]),
            account_id=row["account_id"],
            currency=row["currency"],
            gross=row["gross"],
            vat=row["vat"],
            paid=row["paid"],
            reserved=row["reserved"],
            credited=row["credited"],
            credit_notes=row["credit_notes"],
            order_id=row["order_id"],
            item_id=row["item_id"],
            paid_item=PaidItem(row["paid_order_id"], row["paid_item_id"], row["resource_id"])
            if row["paid_order_id"] is not None
            else None,
        )
        for row in rows
    }


async def save_balances(db: Connection, balances: Many[Balance]) -> None:
    """Keep what is paid and being collected of invoices that are held."""
    if balances:
        await db.execute(
            sql.save_balances,
            [one.account_id for one in balances],
            [one.invoice_id for one in balances],
            [one.paid for one in balances],
            [one.reserved for one in balances],
            [one.credited for one in balances],
        )


async def find_collections(
    db: Connection, payment_ids: Many[str]
) -> dict[str, tuple[Collection, Outcome | None]]:
    """Those of these payments that we asked for, with what became of them."""
    rows = await db.fetch(sql.find_collections, list(payment_ids))
    return {
        row["payment_id"]: (
            Collection(
                payment_id=row["payment_id"],
                invoice_id=row["invoice_id"],
                account_id=row["account_id"],
                amount=row["amount"],
                method=row["method"],
                automatic=row["automatic"],
                asked_at=row["asked_at"],
            ),
            row["outcome"],
        )
        for row in rows
    }


async def append_collections(db: Connection, collections: Sequence[Collection]) -> list[Collection]:
    """Keep what is to be collected.

    Returns:
        Those that are kept: an account with an automatic collection gets no second one.
    """
    if not collections:
        return []
    rows = await db.fetch(
        sql.append_collections,
        [one.payment_id for one in collections],
        [one.invoice_id for one in collections],
        [one.account_id for one in collections],
        [one.amount for one in collections],
        [one.method for one in collections],
        [one.automatic for one in collections],
        [one.asked_at for one in collections],
    )
    kept = {row["payment_id"] for row in rows}
    return [one for one in collections if one.payment_id in kept]


async def conclude_collections(db: Connection, outcomes: dict[str, Outcome]) -> None:
    """Note what became of collections."""
    if outcomes:
        await db.execute(sql.conclude_collections, list(outcomes), list(outcomes.values()))


async def find_payments(db: Connection, payment_ids: Many[str]) -> set[str]:
    """Those of these payments that are counted already."""
    return {row["payment_id"] for row in await db.fetch(sql.find_payments, list(payment_ids))}


async def append_payments(db: Connection, settled: Sequence[Settled]) -> None:
    """Count payments towards their invoices, in their order."""
    if settled:
        await db.execute(
            sql.append_payments,
            [one.payment.payment_id for one in settled],
            [one.payment.invoice_id for one in settled],
            [one.payment.account_id for one in settled],
            [one.payment.method for one in settled],
            [one.amount for one in settled],
            [one.overpaid for one in settled],
            [one.balance.paid - one.amount for one in settled],
            [one.balance.paid for one in settled],
            [one.payment.at for one in settled],
            [one.payment.recorded_by for one in settled],
            [one.payment.note for one in settled],
        )


async def cut_open_accounts(
    db: Connection, accounts_in_a_range: int = ACCOUNTS_IN_A_RANGE
) -> list[tuple[str, str | None]]:
    """Ranges of the accounts that have something to pay: where each begins and the next one."""
    rows = await db.fetch(sql.cut_open_accounts, accounts_in_a_range)
    return [(row["first_account"], row["next_account"]) for row in rows]


async def begin_day(
    db: Connection, first_account: str, next_account: str | None, at: datetime, day: date
) -> list[str]:
    """The accounts of a range with something to pay, where they were not seen to on this day. What
    they owe is held from now on, as by `lock_dues`."""
    rows = await db.fetch(sql.begin_day, first_account, next_account, at, day)
    return sorted(row["account_id"] for row in rows)


async def find_next_to_pay(db: Connection, account_ids: Many[str], at: datetime) -> dict[str, str]:
    """For each of these accounts the invoice that automatic payment comes to next (domain 4)."""
    rows = await db.fetch(sql.find_next_to_pay, sorted(account_ids), at)
    return {row["account_id"]: row["invoice_id"] for row in rows}


async def find_overdue(db: Connection, account_ids: Many[str], at: datetime) -> list[Overdue]:
    """What these accounts have not paid by its due date."""
    return [Overdue(**row) for row in await db.fetch(sql.find_overdue, sorted(account_ids), at)]


async def save_overdue(db: Connection, account_ids: Many[str], at: datetime) -> None:
    """Note of which accounts it is told that they are overdue."""
    if account_ids:
        await db.execute(sql.save_overdue, sorted(account_ids), at)


async def find_settled(db: Connection) -> list[str]:
    """Accounts that were told to be overdue though they have paid what was due."""
    return [row["account_id"] for row in await db.fetch(sql.find_settled)]


async def settle_dues(db: Connection, account_ids: Many[str]) -> dict[str, datetime]:
    """Those of these accounts, held, that were overdue and have paid what was due, with when it was
    last told that they were."""
    if not account_ids:
        return {}
    rows = await db.fetch(sql.settle_dues, sorted(account_ids))
    return {row["account_id"]: row["overdue_told_at"] for row in rows}


async def find_credit_notes(
    db: Connection, credit_note_ids: Many[str]
) -> dict[str, tuple[str, int]]:
    """The invoice and amount of those of these credit notes that are issued."""
    rows = await db.fetch(sql.find_credit_notes, list(credit_note_ids))
    return {row["credit_note_id"]: (row["invoice_id"], row["amount"]) for row in rows}


async def append_credit_notes(db: Connection, notes: Sequence[CreditNote]) -> None:
    """Issue credit notes, in their order."""
    if notes:
        await db.execute(
            sql.append_credit_notes,
            [one.credit_note_id for one in notes],
            [one.balance.invoice_id for one in notes],
            [one.position for one in notes],
            [one.balance.account_id for one in notes],
            [one.amount for one in notes],
            [one.net for one in notes],
            [one.vat for one in notes],
            [one.given_back for one in notes],
            [one.refund_id for one in notes],
            [one.balance.credited - one.amount for one in notes],
            [one.balance.credited for one in notes],
            [one.reason for one in notes],
            [one.requested_by for one in notes],
            [one.at for one in notes],
        )
