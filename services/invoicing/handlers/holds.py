"""Holds: set day by day to what use has cost and will cost next, and what comes of the wallet's
answers (domain 8)."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from services.invoicing.domain import holds as domain
from services.invoicing.domain.holds import Hold
from services.invoicing.settings import invoicing_settings
from services.invoicing.store import holds as store
from shared.database import Connection
from shared.messages import Message, Said
from shared.messages.billing import AccountSwitched
from shared.messages.invoicing import HoldsDue
from shared.messages.notifications import NotificationRequested
from shared.messages.provisioning import (
    ResourceDeleted,
    ResourceEvent,
    ResourceProvisioned,
    ResourceResumeRequested,
    ResourceStarted,
    ResourceSuspended,
    ResourceSuspendRequested,
)
from shared.messages.scheduler import TickDay
from shared.messages.wallet import WalletCredited, WalletDeclined, WalletHeld, WalletHold
from shared.settings import settings


async def due(ticks: Sequence[TickDay], db: Connection) -> list[Said]:
    """Have the holds of all accounts set for the last of these days, range by range."""
    last = max(ticks, key=lambda tick: tick.time)
    return [
        HoldsDue(first_account=first_account, next_account=next_account).because(
            last, key=first_account
        )
        for first_account, next_account in await store.cut_accounts(db)
    ]


async def holds_due(messages: Sequence[HoldsDue], db: Connection) -> list[Said]:
    """Set the holds of a range of accounts. The other ranges of the group are passed on."""
    first, *others = sorted(messages, key=lambda one: (one.time, one.first_account))
    accounts = (first.first_account, first.next_account)
    await store.open_missing_holds(db, *accounts, first.time)
    resource_ids = await store.find_open_holds(db, *accounts)
    said = await _set(dict.fromkeys(resource_ids, first), db)
    return said + [HoldsDue(**one.model_dump()).because(one, key="passed on") for one in others]


async def account_switched(switches: Sequence[AccountSwitched], db: Connection) -> list[Said]:
    """Remember an account's user type from now on. One that became postpaid holds nothing any more;
    the holds of one that became prepaid begin with the next day (domain 10)."""
    await store.append_switches(db, [(one.account_id, one.time, one.to) for one in switches])
    causes = {one.account_id: one for one in switches}
    resources = await store.find_holds_of_accounts(db, causes)
    return await _set({key: causes[resources[key]] for key in resources}, db)


async def wallet_credited(credits: Sequence[WalletCredited], db: Connection) -> list[Said]:
    """Ask again for what credit was short for, once there is more."""
    causes = {one.account_id: one for one in credits if one.wallet == "credit"}
    short = await store.find_holds_of_accounts(db, causes, only_short=True)
    return await _set({key: causes[short[key]] for key in short}, db, again=short)


async def follow(events: Sequence[ResourceEvent], db: Connection) -> list[Said]:
    """Begin the hold of what was ordered with one, and set the holds of resources to what these
    became, each by its last event."""
    used_first = [event for event in events if event.user_type == "postpaid"]
    if not used_first:
        return []
    await store.append_holds(
        db,
        [
            domain.opened(event.account_id, event.resource_id, event.item.held, event.at)
            for event in used_first
            if isinstance(event, ResourceProvisioned)
            and event.item is not None
            and event.item.held is not None
        ],
    )
    holds = await store.lock_holds(db, {event.resource_id for event in used_first})
    said: list[Said] = []
    touched: dict[str, Hold] = {}
    for event in used_first:
        hold = touched.get(event.resource_id) or holds.get(event.resource_id)
        if hold is not None:
            touched[event.resource_id], more = _followed(hold, event)
            said += more
    last = {event.resource_id: event for event in used_first if event.resource_id in touched}
    return said + await _set(last, db, touched)


def _followed(hold: Hold, event: ResourceEvent) -> tuple[Hold, list[Said]]:
    """A hold after an event; a resource whose hold has its credit again goes on."""
    match event:
        case ResourceSuspended(because_of="hold_short"):
            return _resumed(domain.with_suspension(hold, "suspended"), event)
        case ResourceStarted() if hold.suspension in ("suspended", "ending"):
            return domain.with_suspension(hold, None), []
        case ResourceDeleted():
            return domain.with_suspension(hold, None), []
        case _:
            return hold, []


def _resumed(hold: Hold, cause: Message) -> tuple[Hold, list[Said]]:
    """Have a suspended resource go on where nothing is lacking any more. It is told so only once it
    told that it is suspended: so the two commands can't overtake each other."""
    if hold.suspension != "suspended" or hold.short_since is not None:
        return hold, []
    command = ResourceResumeRequested(
        resource_id=hold.resource_id, account_id=hold.account_id, reason="hold_short"
    )
    return domain.with_suspension(hold, "ending"), [
        command.because(cause, key=hold.resource_id, at=max(cause.time, hold.asked_at))
    ]


async def _set(
    causes: Mapping[str, Message],
    db: Connection,
    holds: Mapping[str, Hold] | None = None,
    again: Collection[str] = (),
) -> list[Said]:
    """Set holds of resources to what is known now, and ask the wallet for those that change.

    Args:
        causes: why, by resource.
        db: a transaction.
        holds: those of the resources, locked; None: they are yet to be.
        again: resources for which the wallet is asked though the amount is the same.
    """
    if not causes:
        return []
    if holds is None:
        holds = await store.lock_holds(db, causes)
    at = {
        resource_id: max(causes[resource_id].time, hold.asked_at)
        for resource_id, hold in holds.items()
    }
    shared = settings()
    costs = await store.find_costs(db, at, shared.billing_time_zone, shared.hold_days)
    types = await store.find_user_types(
        db, [(hold.account_id, at[resource_id]) for resource_id, hold in holds.items()]
    )
    after = {
        resource_id: domain.set_to(
            hold,
            costs[resource_id],
            types[hold.account_id, at[resource_id]],
            at[resource_id],
            again=resource_id in again,
        )
        for resource_id, hold in holds.items()
    }
    await store.save_holds(db, list(after.values()))
    return [
        WalletHold(
            hold_id=resource_id,
            change_id=hold.change_id,
            account_id=hold.account_id,
            amount=hold.asked,
            reason="use",
        ).because(causes[resource_id], key=resource_id, at=hold.asked_at)
        for resource_id, hold in after.items()
        if hold.number > holds[resource_id].number
    ]


async def set_after_capture(
    causes: Mapping[str, Message], holds: Mapping[str, Hold], db: Connection
) -> list[Said]:
    """Set holds that have paid an invoice, or could not, to the new month's amounts."""
    return await _set(causes, db, holds, again=causes)


async def wallet_answered(
    answers: Sequence[WalletHeld | WalletDeclined], db: Connection
) -> list[Said]:
    """Note what the wallet holds, or lacks: its user is told, and after too many days the resource
    is suspended, until there is enough again. Only the answer to the last change counts."""
    mine = [one for one in answers if one.change_id is not None]
    holds = await store.lock_holds(db, {one.reference for one in mine}) if mine else {}
    said: list[Said] = []
    after = dict(holds)
    for answer in sorted(mine, key=lambda one: one.time):
        hold = after.get(answer.reference)
        if hold is None or hold.change_id != answer.change_id or hold.answer is not None:
            continue
        if isinstance(answer, WalletHeld):
            after[hold.resource_id], more = _resumed(domain.have(hold), answer)
        else:
            after[hold.resource_id], more = _lacking(hold, answer)
        said += more
    await store.save_holds(db, [hold for key, hold in after.items() if hold != holds[key]])
    return said


def _lacking(hold: Hold, declined: WalletDeclined) -> tuple[Hold, list[Said]]:
    day = _day(declined.time)
    after = domain.lack(hold, declined.time, day)
    since = after.short_since or declined.time
    limit = invoicing_settings().hold_short_days
    said: list[Said] = []
    if hold.noticed_on is None or hold.noticed_on < day:
        notice = NotificationRequested(
            account_id=hold.account_id,
            template="hold_short",
            facts={
                "resource_id": hold.resource_id,
                "missing": max(0, hold.asked - hold.held - declined.available),
                "held": declined.held,
                "suspended_at": (since + timedelta(days=limit)).isoformat(),
            },
        )
        said.append(notice.because(declined))
    if after.suspension is None and domain.is_too_long(_day(since), day, limit):
        command = ResourceSuspendRequested(
            resource_id=hold.resource_id, account_id=hold.account_id, reason="hold_short"
        )
        said.append(command.because(declined))
        after = domain.with_suspension(after, "asked")
    return after, said


def _day(at: datetime) -> date:
    return at.astimezone(ZoneInfo(settings().billing_time_zone)).date()
