"""POC wallets as billing follows them: until when they pay (domain 9)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from services.billing.store import accounts
from services.billing.store import poc as store
from shared.database import Connection
from shared.messages import Message, NotYet, Said
from shared.messages.notifications import NotificationRequested
from shared.messages.upstream import PocGranted


async def poc_granted(grants: Sequence[PocGranted], db: Connection) -> list[Said]:
    """Remember until when a POC wallet pays: the latest end that was granted counts."""
    found = await accounts.find_accounts(
        db, [(store.grant_id_of(grant), grant.account_id, grant.time) for grant in grants]
    )
    known = {account.account_id for account in found.values()}
    mine = [grant for grant in grants if grant.account_id in known]
    new = await store.append_grants(db, mine)
    said: list[Said] = [
        NotYet(grant, "unknown_account") for grant in grants if grant.account_id not in known
    ]
    return said + [_granted(grant) for grant in mine if store.grant_id_of(grant) in new]


def _granted(grant: PocGranted) -> NotificationRequested:
    return NotificationRequested(
        account_id=grant.account_id,
        template="poc_granted",
        facts={"amount": grant.amount, "ends_at": grant.ends_at.isoformat()},
    ).because(grant)


def ends_soon(account_id: str, ends_at: datetime, cause: Message) -> NotificationRequested:
    """Remind of the end of a POC wallet, with which its resources end."""
    left = -((cause.time - ends_at) // timedelta(days=1))
    return NotificationRequested(
        account_id=account_id,
        template="poc_ends_soon",
        facts={"ends_at": ends_at.isoformat(), "days_left": left},
    ).because(cause, key=f"poc {account_id}")
