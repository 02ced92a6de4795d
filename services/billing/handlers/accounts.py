"""Customers, and the switch of their user type (domain 10)."""

from collections.abc import Sequence
from datetime import datetime

from services.billing.domain.rejection import Rejection
from services.billing.domain.switches import Switch, decide, other
from services.billing.store import accounts as store
from services.billing.store.resources import end_auto_renewal
from shared.database import Connection
from shared.messages import NotYet, Refused, Said
from shared.messages.billing import AccountSwitched, AccountSwitchRefused
from shared.messages.invoicing import AccountOverdue, AccountSettled
from shared.messages.notifications import NotificationRequested
from shared.messages.upstream import AccountRegistered, AccountSwitchRequested
from shared.waiting import may_wait


async def account_registered(
    registrations: Sequence[AccountRegistered], db: Connection
) -> list[Said]:
    """Keep new customers; they are prepaid."""
    await store.save_accounts(db, registrations)
    return []


async def account_standing_told(
    standings: Sequence[AccountOverdue | AccountSettled], db: Connection
) -> list[Said]:
    """Keep whether an account owes what was due: then it orders nothing new (domain 3.4)."""
    await store.save_standings(db, standings)
    return []


async def account_switch_requested(
    requests: Sequence[AccountSwitchRequested], db: Connection
) -> list[Said]:
    """Switch accounts' user types, as Sales or Support ask for."""
    account_ids = {request.account_id for request in requests}
    known = await store.lock_accounts(db, account_ids)
    histories = await store.find_switches(db, known)
    overdue = await store.find_overdue(db, known)
    said: list[Said] = []
    asked_for: list[tuple[str, Switch]] = []
    to_postpaid: dict[str, datetime] = {}
    for request in sorted(requests, key=lambda request: request.time):
        account_id = request.account_id
        if account_id not in known:
            said.append(_unknown(request))
            continue
        asked = Switch(request.time, request.user_type, request.requested_by, request.reason)
        decided = decide(histories[account_id], asked, overdue.get(account_id))
        is_new = all(switch.at != asked.at for switch in histories[account_id])
        if isinstance(decided, Rejection):
            said.append(_refused(request, decided))
        else:
            said += [message for switch in decided for message in _told(request, switch)]
        if is_new and not (isinstance(decided, Rejection) and decided.reason != "already_so"):
            histories[account_id].append(asked)
            asked_for.append((account_id, asked))
        if not isinstance(decided, Rejection) and asked.user_type == "postpaid":
            to_postpaid[account_id] = asked.at
    await store.append_switches(db, asked_for)
    await end_auto_renewal(db, to_postpaid)
    return said


def _unknown(request: AccountSwitchRequested) -> Said:
    if may_wait(request):
        return NotYet(request, "unknown_account")
    return Refused(request, "unknown_account", f"there is no account {request.account_id}")


def _refused(request: AccountSwitchRequested, rejection: Rejection) -> AccountSwitchRefused:
    return AccountSwitchRefused(
        account_id=request.account_id, reason=rejection.reason, message=rejection.message
    ).because(request)


def _told(request: AccountSwitchRequested, switch: Switch) -> list[Said]:
    before, key = other(switch.user_type), switch.at.isoformat()
    return [
        AccountSwitched(
            account_id=request.account_id,
            from_=before,
            to=switch.user_type,
            requested_by=switch.requested_by,
            reason=switch.reason,
        ).because(request, key=key, at=switch.at),
        NotificationRequested(
            account_id=request.account_id,
            template="account_switched",
            facts={"from": before, "to": switch.user_type},
        ).because(request, key=key, at=switch.at),
    ]
