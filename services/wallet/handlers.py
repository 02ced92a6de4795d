"""The wallet's handlers: load, decide, save, return what to say."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from services.wallet import domain, store
from services.wallet.domain import (
    Charge,
    DecidedChange,
    Declined,
    HoldChange,
    Transfer,
    TransferKind,
    WalletKey,
)
from services.wallet.store import DecidedCharge, Posted
from shared.database import Connection
from shared.messages import Message, NotYet, Refused, Said
from shared.messages.billing import RefundToCredit
from shared.messages.upstream import AccountRegistered, PocGranted, TopUpReceived
from shared.messages.wallet import (
    WalletCharge,
    WalletCredited,
    WalletDebited,
    WalletDeclined,
    WalletHeld,
    WalletHold,
    WalletRelease,
    WalletReleased,
)
from shared.money import MAX_AMOUNT
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


async def poc_granted(grants: Sequence[PocGranted], db: Connection) -> list[Said]:
    """Open the POC wallet of an account that has a credit wallet, and put the grant in it.

    Grants add up, and a later end moves the wallet's out, also where it has ended (domain 9).
    """
    wallets = await store.lock_wallets(db, _wallets_of(grants))
    currencies = {key.account_id: one.currency for key, one in wallets.items()}
    await store.open_wallets(
        db, {(WalletKey(account_id, "poc"), of) for account_id, of in currencies.items()}
    )
    said = await _credit(
        db,
        "grant",
        grants,
        [
            Transfer(
                kind="grant",
                transfer_id=grant.envelope.derived_id("grant"),
                key=WalletKey(grant.account_id, "poc"),
                debit_side="sales",
                credit_side="wallet",
                amount=grant.amount,
                reason="poc_granted",
                at=grant.time,
            )
            for grant in grants
        ],
    )
    not_done = {answer.cause.envelope.id for answer in said if isinstance(answer, NotYet | Refused)}
    await store.move_ends_out(
        db, [(one.account_id, one.ends_at) for one in grants if one.envelope.id not in not_done]
    )
    return said


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
    wallets = await store.lock_wallets(
        db, [WalletKey(charge.account_id, charge.wallet) for charge in charges]
    )
    named = [charge.hold_id for charge in charges if charge.hold_id is not None]
    holds = await store.lock_holds(db, named) if named else {}
    known = await store.find_decided_charges(db, [charge.charge_id for charge in charges])
    said: list[Said] = []
    causes: dict[str, WalletCharge] = {}
    for charge in charges:
        first = causes.get(charge.charge_id)
        if WalletKey(charge.account_id, charge.wallet) not in wallets:
            said.append(NotYet(charge, "unknown_wallet"))
        elif (hold := holds.get(charge.hold_id or "")) and hold.account_id != charge.account_id:
            said.append(_reused(charge, "hold", hold.hold_id))
        elif earlier := known.get(charge.charge_id):
            if not _may_be(charge, earlier):
                said.append(_reused(charge, "charge", charge.charge_id))
        elif first is None:
            causes[charge.charge_id] = charge
        elif _content(first) != _content(charge):
            said.append(_reused(charge, "charge", charge.charge_id))
    granted, declined, captured = domain.decide_charges(
        (
            Charge(
                charge_id=charge.charge_id,
                key=WalletKey(charge.account_id, charge.wallet),
                amount=charge.amount,
                reason=charge.reason,
                at=charge.time,
                as_far_as_possible=charge.as_far_as_possible,
                hold_id=charge.hold_id,
                change_id=charge.change_id,
            )
            for charge in causes.values()
        ),
        wallets,
        holds,
    )
    # what is captured is free for the one moment until the same transaction has taken it
    await store.save_holds(db, domain.holds_after(holds, captured))
    await store.append_hold_changes(db, captured)
    posted = await store.append_transfers(db, granted)
    await store.append_declined_charges(db, declined)
    debited = [_told(WalletDebited, one, causes[one.transfer.transfer_id]) for one in posted]
    refused = [_declined(one, wallets[one.charge.key].held, causes) for one in declined]
    return [*said, *debited, *refused]


async def wallet_hold(commands: Sequence[WalletHold | WalletRelease], db: Connection) -> list[Said]:
    """Hold credit or free it, each change once, and say how each was decided (domain 8)."""
    wallets = await store.lock_wallets(
        db, [WalletKey(one.account_id, "credit") for one in commands]
    )
    holds = await store.lock_holds(db, [one.hold_id for one in commands])
    known = await store.find_hold_changes(db, [one.change_id for one in commands])
    accounts = {hold.hold_id: hold.account_id for hold in holds.values()}
    said: list[Said] = []
    causes: dict[str, Message] = {}
    changes: list[HoldChange] = []
    for command in commands:
        change = _hold_change(command)
        content = (change.hold_id, change.account_id, change.amount)
        if change.key not in wallets:
            said.append(NotYet(command, "unknown_wallet"))
        elif accounts.setdefault(change.hold_id, change.account_id) != change.account_id:
            said.append(_reused(command, "hold", change.hold_id))
        elif (earlier := known.get(change.change_id)) is None:
            known[change.change_id] = content
            causes[change.change_id] = command
            changes.append(change)
        elif earlier != content:
            said.append(_reused(command, "change", change.change_id))
    decided, changed = domain.decide_hold_changes(changes, wallets, holds)
    await store.save_holds(db, changed)
    await store.append_hold_changes(db, decided)
    return said + [
        _hold_told(one, wallets[one.change.key].transfers).because(causes[one.change.change_id])
        for one in decided
        if one.decision != "superseded"
    ]


async def _credit(
    db: Connection, kind: TransferKind, messages: Sequence[Message], transfers: list[Transfer]
) -> list[Said]:
    """Post the transfer of each message into its wallet, each once, and tell of it."""
    said: list[Said] = []
    wallets = await store.lock_wallets(db, [transfer.key for transfer in transfers])
    known = await store.find_transfers(db, kind, [transfer.transfer_id for transfer in transfers])
    balances = {key: wallet.balance for key, wallet in wallets.items()}
    causes: dict[str, Message] = {}
    fresh: list[Transfer] = []
    for cause, transfer in zip(messages, transfers, strict=True):
        content = (transfer.key, transfer.amount)
        if transfer.key not in wallets:
            said.append(NotYet(cause, "unknown_wallet"))
        elif (earlier := known.get(transfer.transfer_id)) is not None:
            if earlier != content:
                said.append(_reused(cause, kind, transfer.transfer_id))
        elif balances[transfer.key] + transfer.amount > MAX_AMOUNT:
            said.append(Refused(cause, "absurd_balance", f"no wallet holds over {MAX_AMOUNT}"))
        else:
            known[transfer.transfer_id] = content
            causes[transfer.transfer_id] = cause
            balances[transfer.key] += transfer.amount
            fresh.append(transfer)
    posted = await store.append_transfers(db, fresh)
    return said + [_told(WalletCredited, one, causes[one.transfer.transfer_id]) for one in posted]


def _content(charge: WalletCharge) -> tuple[str, str, int, bool, str | None]:
    as_far = charge.as_far_as_possible
    return charge.account_id, charge.wallet, charge.amount, as_far, charge.hold_id


def _may_be(charge: WalletCharge, earlier: DecidedCharge) -> bool:
    """Whether a charge that comes again can be the one that was decided then."""
    if earlier.key != WalletKey(charge.account_id, charge.wallet):
        return False
    if earlier.granted and charge.as_far_as_possible:
        return earlier.amount <= charge.amount
    return earlier.amount == charge.amount


def _reused(cause: Message, what: str, id: str) -> Refused:
    return Refused(cause, "id_reused", f"{what} {id} had another content")


def _hold_change(command: WalletHold | WalletRelease) -> HoldChange:
    releases = isinstance(command, WalletRelease)
    return HoldChange(
        change_id=command.change_id,
        hold_id=command.hold_id,
        account_id=command.account_id,
        amount=0 if isinstance(command, WalletRelease) else command.amount,
        reason=command.reason,
        at=command.time,
        releases=releases,
    )


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
        position=posted.position,
    ).because(cause)


def _declined(declined: Declined, held: int, causes: Mapping[str, WalletCharge]) -> WalletDeclined:
    charge = declined.charge
    return WalletDeclined(
        account_id=charge.key.account_id,
        wallet=charge.key.wallet,
        amount=charge.amount,
        balance=declined.available + declined.shut_in + held,
        held=held,
        available=declined.available,
        reason=charge.reason,
        reference=charge.charge_id,
    ).because(causes[charge.charge_id])


def _hold_told(
    decided: DecidedChange, position: int
) -> WalletHeld | WalletReleased | WalletDeclined:
    change = decided.change
    event: type[WalletHeld | WalletReleased | WalletDeclined] = WalletDeclined
    if decided.decision == "held":
        event = WalletHeld
    elif decided.decision == "released":
        event = WalletReleased
    return event(
        account_id=change.account_id,
        wallet="credit",
        amount=decided.freed if change.releases else change.amount,
        balance=decided.balance,
        held=decided.held,
        available=decided.balance - decided.held,
        reason=change.reason,
        reference=change.hold_id,
        change_id=change.change_id,
        position=position,
    )


async def money_moved(messages: Sequence[Message], db: Connection) -> list[Said]:
    """Handle whatever moves or holds money, type by type, with all wallets locked before.

    Locked in one order for all types of the group, so that two workers never wait for each other
    in a circle; a handler alone locks its own.
    """
    if len({type(message) for message in messages}) > 1:
        await store.lock_wallets(db, _wallets_of(messages))
    said: list[Said] = []
    for types, handle in MONEY_MOVERS:
        if mine := [message for message in messages if isinstance(message, types)]:
            said += await handle(mine, db)
    return said


def _wallets_of(messages: Iterable[Any]) -> set[WalletKey]:
    credit = {WalletKey(message.account_id, "credit") for message in messages}
    poc = (
        message
        for message in messages
        if isinstance(message, PocGranted) or getattr(message, "wallet", "credit") == "poc"
    )
    return credit | {WalletKey(message.account_id, "poc") for message in poc}


MONEY_MOVERS: Sequence[
    tuple[tuple[type[Message], ...], Callable[[Sequence[Any], Connection], Awaitable[list[Said]]]]
] = (
    ((TopUpReceived,), top_up_received),
    ((PocGranted,), poc_granted),
    ((RefundToCredit,), refund_to_credit),
    ((WalletCharge,), wallet_charge),
    ((WalletHold, WalletRelease), wallet_hold),
)

HANDLERS: Handlers = {
    AccountRegistered: account_registered,
    TopUpReceived: money_moved,
    PocGranted: money_moved,
    RefundToCredit: money_moved,
    WalletCharge: money_moved,
    WalletHold: money_moved,
    WalletRelease: money_moved,
}
