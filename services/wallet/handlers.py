"""The wallet's handlers: load, decide, save, return what to say."""

from collections.abc import Sequence

from services.wallet import domain, store
from services.wallet.domain import Charge, Declined, Transfer, TransferKind, WalletKey
from services.wallet.store import Posted
from shared.database import Connection
from shared.messages import Message, NotYet, Refused, Said
from shared.messages.billing import RefundToCredit
from shared.messages.upstream import AccountRegistered, TopUpReceived
from shared.messages.wallet import WalletCharge, WalletCredited, WalletDebited, WalletDeclined
from shared.service import Handlers


async def account_registered(
    registrations: Sequence[AccountRegistered], db: Connection
) -> list[Said]:
    """Open the credit wallet of a new account."""
    await store.open_wallets(
        db, {(WalletKey(one.account_id, "credit"), one.currency) for one in registrations}
    )
    return []


async def top_up_received(top_ups: Sequence[TopUpReceived], db: Connection) -> list[Said]:
    """Turn money from outside into credit."""
    return await _credit(
        db,
        "top_up",
        top_ups,
        [
            Transfer(
                kind="top_up",
                transfer_id=top_up.top_up_id,
                key=WalletKey(top_up.account_id, "credit"),
                debit_side=f"gateway:{top_up.gateway}",
                credit_side="wallet",
                amount=top_up.amount,
                reason="top_up",
                at=top_up.time,
            )
            for top_up in top_ups
        ],
    )


async def refund_to_credit(refunds: Sequence[RefundToCredit], db: Connection) -> list[Said]:
    """Give back what was paid, into the wallet that billing names."""
    return await _credit(
        db,
        "refund",
        refunds,
        [
            Transfer(
                kind="refund",
                transfer_id=refund.refund_id,
                key=WalletKey(refund.account_id, refund.wallet),
                debit_side="revenue",
                credit_side="wallet",
                amount=refund.amount,
                reason=refund.reason,
                at=refund.time,
            )
            for refund in refunds
        ],
    )


async def wallet_charge(charges: Sequence[WalletCharge], db: Connection) -> list[Said]:
    """Take what was charged, where it is available, and say how each charge was decided."""
    keys = [WalletKey(charge.account_id, charge.wallet) for charge in charges]
    wallets = await store.lock_wallets(db, keys)
    decided = await store.find_decided_charges(db, [charge.charge_id for charge in charges])
    unknown: list[Said] = []
    causes: dict[str, WalletCharge] = {}
    for charge, key in zip(charges, keys, strict=True):
        if key not in wallets:
            unknown.append(NotYet(charge, "unknown_wallet"))
        elif charge.charge_id not in decided:
            causes.setdefault(charge.charge_id, charge)
    granted, declined = domain.decide_charges(
        (
            Charge(
                charge_id=charge.charge_id,
                key=WalletKey(charge.account_id, charge.wallet),
                amount=charge.amount,
                reason=charge.reason,
                at=charge.time,
                as_far_as_possible=charge.as_far_as_possible,
            )
            for charge in causes.values()
        ),
        wallets,
    )
    posted = await store.append_transfers(db, granted)
    await store.append_declined_charges(db, declined)
    debited = [_told(WalletDebited, one, causes[one.transfer.transfer_id]) for one in posted]
    refused = [_declined(one, wallets[one.charge.key].held, causes) for one in declined]
    return [*unknown, *debited, *refused]


async def _credit(
    db: Connection, kind: TransferKind, messages: Sequence[Message], transfers: list[Transfer]
) -> list[Said]:
    """Post the transfer of each message into its wallet, each once, and tell of it."""
    said: list[Said] = []
    wallets = await store.lock_wallets(db, [transfer.key for transfer in transfers])
    known = await store.find_transfers(db, kind, [transfer.transfer_id for transfer in transfers])
    causes: dict[str, Message] = {}
    fresh: list[Transfer] = []
    for cause, transfer in zip(messages, transfers, strict=True):
        content = (transfer.key, transfer.amount)
        if transfer.key not in wallets:
            said.append(NotYet(cause, "unknown_wallet"))
        elif (earlier := known.get(transfer.transfer_id)) is None:
            known[transfer.transfer_id] = content
            causes[transfer.transfer_id] = cause
            fresh.append(transfer)
        elif earlier != content:
            said.append(
                Refused(cause, "id_reused", f"{kind} {transfer.transfer_id} had another content")
            )
    posted = await store.append_transfers(db, fresh)
    return said + [
        _told(WalletCredited, one, causes[one.transfer.transfer_id]) for one in posted
    ]


def _told(
    event: type[WalletCredited | WalletDebited], posted: Posted, cause: Message
) -> WalletCredited | WalletDebited:
    transfer = posted.transfer
    return event(
        account_id=transfer.key.account_id,
        wallet=transfer.key.wallet,
        amount=transfer.amount,
        balance=posted.balance,
        held=posted.held,
        available=posted.balance - posted.held,
        reason=transfer.reason,
        reference=transfer.transfer_id,
    ).because(cause)


def _declined(declined: Declined, held: int, causes: dict[str, WalletCharge]) -> WalletDeclined:
    charge = declined.charge
    return WalletDeclined(
        account_id=charge.key.account_id,
        wallet=charge.key.wallet,
        amount=charge.amount,
        balance=declined.available + held,
        held=held,
        available=declined.available,
        reason=charge.reason,
        reference=charge.charge_id,
    ).because(causes[charge.charge_id])


HANDLERS: Handlers = {
    AccountRegistered: account_registered,
    TopUpReceived: top_up_received,
    RefundToCredit: refund_to_credit,
    WalletCharge: wallet_charge,
}
