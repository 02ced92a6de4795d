"""The wallet's SQL: sets of rows in, sets of rows out."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.wallet.domain import (
    DecidedChange,
    Declined,
    Hold,
    Transfer,
    TransferKind,
    Wallet,
    WalletKey,
)
from shared.database import Connection, Row
from shared.sql import Statements

sql = Statements("services.wallet")


@dataclass(frozen=True, slots=True)
class Posted:
    """A transfer in the ledger, with the wallet's state after it."""

    transfer: Transfer
    balance: int
    held: int
    position: int


async def open_wallets(db: Connection, wallets: Collection[tuple[WalletKey, str]]) -> None:
    """Open wallets, each with its currency, where they don't exist yet."""
    ordered = sorted(wallets)
    await db.execute(
        sql.open_wallets,
        [key.account_id for key, _ in ordered],
        [key.wallet for key, _ in ordered],
        [currency for _, currency in ordered],
    )


async def lock_wallets(db: Connection, keys: Iterable[WalletKey]) -> dict[WalletKey, Wallet]:
    """Lock those of these wallets that exist."""
    ordered = sorted(set(keys))
    rows = await db.fetch(
        sql.lock_wallets, [key.account_id for key in ordered], [key.wallet for key in ordered]
    )
    wallets = (
        Wallet(
            WalletKey(row["account_id"], row["wallet"]),
            row["currency"],
            row["balance"],
            row["held"],
            row["ends_at"],
            row["transfers"],
        )
        for row in rows
    )
    return {wallet.key: wallet for wallet in wallets}


async def move_ends_out(db: Connection, ends: Sequence[tuple[str, datetime]]) -> None:
    """Let POC wallets, by account, end at these times where they would end earlier."""
    if ends:
        await db.execute(
            sql.move_ends_out, [account_id for account_id, _ in ends], [at for _, at in ends]
        )


async def find_transfers(
    db: Connection, kind: TransferKind, transfer_ids: Collection[str]
) -> dict[str, tuple[WalletKey, int]]:
    """The wallet and amount of those of these transfers that are in the ledger."""
    rows = await db.fetch(sql.find_transfers, kind, list(transfer_ids))
    return {
        row["transfer_id"]: (WalletKey(row["account_id"], row["wallet"]), row["amount"])
        for row in rows
    }


@dataclass(frozen=True, slots=True)
class DecidedCharge:
    """A charge that was granted (`amount` was taken) or declined (`amount` was asked for)."""

    key: WalletKey
    amount: int
    granted: bool


async def find_decided_charges(
    db: Connection, charge_ids: Collection[str]
) -> dict[str, DecidedCharge]:
    """Those of these charges that were granted or declined before."""
    rows = await db.fetch(sql.find_decided_charges, list(charge_ids))
    return {
        row["charge_id"]: DecidedCharge(
            WalletKey(row["account_id"], row["wallet"]), row["amount"], row["granted"]
        )
        for row in rows
    }


async def append_transfers(db: Connection, transfers: Sequence[Transfer]) -> list[Posted]:
    """Post transfers in their order. Their wallets are locked and suffice."""
    if not transfers:
        return []
    rows = await db.fetch(
        sql.append_transfers,
        [transfer.kind for transfer in transfers],
        [transfer.transfer_id for transfer in transfers],
        [transfer.key.account_id for transfer in transfers],
        [transfer.key.wallet for transfer in transfers],
        [transfer.debit_side for transfer in transfers],
        [transfer.credit_side for transfer in transfers],
        [transfer.amount for transfer in transfers],
        [transfer.delta for transfer in transfers],
        [transfer.reason for transfer in transfers],
        [transfer.at for transfer in transfers],
    )
    posted = {(row["kind"], row["transfer_id"]): row for row in rows}
    return [
        Posted(transfer, row["balance"], row["held"], row["position"])
        for transfer in transfers
        for row in (posted[transfer.kind, transfer.transfer_id],)
    ]


async def append_declined_charges(db: Connection, declined: Sequence[Declined]) -> None:
    """Remember declined charges."""
    if declined:
        await db.execute(
            sql.append_declined_charges,
            [one.charge.charge_id for one in declined],
            [one.charge.key.account_id for one in declined],
            [one.charge.key.wallet for one in declined],
            [one.charge.amount for one in declined],
            [one.available for one in declined],
            [one.charge.at for one in declined],
        )


async def lock_holds(db: Connection, hold_ids: Collection[str]) -> dict[str, Hold]:
    """Lock those of these holds that exist. Their wallets are locked before."""
    rows = await db.fetch(sql.lock_holds, list(hold_ids))
    return {row["hold_id"]: Hold(**row) for row in rows}


async def find_hold_changes(
    db: Connection, change_ids: Collection[str]
) -> dict[str, tuple[str, str, int]]:
    """The hold, account and amount of those of these changes that were decided before."""
    rows = await db.fetch(sql.find_hold_changes, list(change_ids))
    return {row["change_id"]: (row["hold_id"], row["account_id"], row["amount"]) for row in rows}


async def append_hold_changes(db: Connection, decided: Sequence[DecidedChange]) -> None:
    """Remember decided changes."""
    if decided:
        await db.execute(
            sql.append_hold_changes,
            [one.change.change_id for one in decided],
            [one.change.hold_id for one in decided],
            [one.change.account_id for one in decided],
            [one.change.amount for one in decided],
            [one.decision for one in decided],
            [one.change.reason for one in decided],
            [one.change.at for one in decided],
        )


async def save_holds(db: Connection, holds: Sequence[Hold]) -> None:
    """Set holds to what they are now; their wallets are locked and suffice."""
    if holds:
        await db.execute(
            sql.save_holds,
            [hold.hold_id for hold in holds],
            [hold.account_id for hold in holds],
            [hold.amount for hold in holds],
            [hold.change_id for hold in holds],
            [hold.changed_at for hold in holds],
        )


async def show_wallets(db: Connection, account_id: str) -> list[Row]:
    """The wallets of an account, for people."""
    return await db.fetch(sql.show_wallets, account_id)


async def show_credit_history(
    db: Connection, account_id: str, wallet: str, *, before: int | None = None, limit: int = 20
) -> list[Row]:
    """A wallet's history with its running balance, newest first, before a position."""
    return await db.fetch(sql.show_credit_history, account_id, wallet, before, limit)


async def show_holds(db: Connection, account_id: str) -> list[Row]:
    """What is held of an account's credit, for people."""
    return await db.fetch(sql.show_holds, account_id)


async def show_hold_changes(db: Connection, hold_id: str, *, limit: int = 20) -> list[Row]:
    """What was decided on a hold, newest first, for people."""
    return await db.fetch(sql.show_hold_changes, hold_id, limit)
