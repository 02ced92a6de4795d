"""Customers, and the switch of their user type (domain 10)."""

from collections.abc import Sequence

from services.billing.store import accounts as store
from services.billing.store.resources import end_auto_renewal
from shared.database import Connection
from shared.messages import NotYet, Refused, Said
from shared.messages.billing import AccountSwitched, AccountSwitchRefused
from shared.messages.notifications import NotificationRequested
from shared.messages.upstream import AccountRegistered, AccountSwitchRequested
from shared.waiting import may_wait


async def account_registered(
    registrations: Sequence[AccountRegistered], db: Connection
) -> list[Said]:
    """Keep new customers; they are prepaid."""
    await store.save_accounts(db, registrations)
    return []


async def account_switch_requested(
    requests: Sequence[AccountSwitchRequested], db: Connection
) -> list[Said]:
    """Switch accounts' user types, as Sales or Support ask for."""
    await store.lock_accounts(db, {request.account_id for request in requests})
    today = await store.find_accounts(
        db, [(request.envelope.id, request.account_id, request.time) for request in requests]
    )
    said: list[Said] = []
    switched: dict[str, AccountSwitchRequested] = {}
    for request in requests:
        account = today.get(request.envelope.id)
        if account is None:
            said.append(_unknown(request))
        elif account.user_type == request.user_type or request.account_id in switched:
            said.append(_refused(request, "already_so", f"it is {account.user_type} already"))
        else:
            switched[request.account_id] = request
            said += _told(request)
    if switched:
        await store.append_switches(db, list(switched.values()))
        to_postpaid = [one.account_id for one in switched.values() if one.user_type == "postpaid"]
        await end_auto_renewal(db, to_postpaid)
    return said


def _unknown(request: AccountSwitchRequested) -> Said:
    if may_wait(request):
        return NotYet(request, "unknown_account")
    return Refused(request, "unknown_account", f"there is no account {request.account_id}")


def _refused(request: AccountSwitchRequested, reason: str, message: str) -> AccountSwitchRefused:
    return AccountSwitchRefused(
        account_id=request.account_id, reason=reason, message=message
    ).because(request)


def _told(request: AccountSwitchRequested) -> list[Said]:
    before = "prepaid" if request.user_type == "postpaid" else "postpaid"
    return [
        AccountSwitched(
            account_id=request.account_id,
            from_=before,
            to=request.user_type,
            requested_by=request.requested_by,
            reason=request.reason,
        ).because(request),
        NotificationRequested(
            account_id=request.account_id,
            template="account_switched",
            facts={"from": before, "to": request.user_type},
        ).because(request),
    ]
