"""The wallet's SQL: sets of rows in, sets of rows out."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from services.wallet.domain import Declined, Transfer, TransferKind, Wallet, WalletKey
from shared.database import Connection
from shared.sql import Statements

sql = Statements("services.wallet")


@dataclass(frozen=True, slots=True)
class Posted:
    """A transfer in the ledger, with the wallet's state after it."""

    transfer: Transfer
    balance: int
    held: int


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
        )
        for row in rows
    )
    return {wallet.key: wallet for wallet in wallets}


async def find_transfers(
    db: Connection, kind: TransferKind, transfer_ids: Collection[str]
) -> dict[str, tuple[WalletKey, int]]:
    """The wallet and amount of those of these transfers that are in the ledger."""
    rows = await db.fetch(sql.find_transfers, kind, list(transfer_ids))
    return {
        row["transfer_id"]: (WalletKey(row["account_id"], row["wallet"]), row["amount"])
        for row in rows
    }


async def find_decided_charges(db: Connection, charge_ids: Collection[str]) -> set[str]:
    """Those of these charges that were granted or declined before."""
    rows = await db.fetch(sql.find_decided_charges, list(charge_ids))
    return {row["charge_id"] for row in rows}


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
        Posted(transfer, row["balance"], row["held"])
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
