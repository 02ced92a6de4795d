"""The notifications' handlers: load, decide, save. Mails are sent outside of them, by errands."""

import secrets
from collections.abc import Sequence
from typing import Final

from services.notifications import metrics, store
from services.notifications.domain.notices import NOTICES
from services.notifications.domain.recipients import CONFIRMED_WITHIN, change, is_muted
from services.notifications.settings import settings
from services.notifications.store import Asked
from shared.database import Connection
from shared.messages import NotYet, Refused, Said
from shared.messages.notifications import (
    NotificationRecipientAgreed,
    NotificationRecipientAsked,
    NotificationRequested,
)
from shared.messages.upstream import (
    AccountRegistered,
    NotificationPreferencesSet,
    NotificationRecipientConfirmed,
)
from shared.service import Handlers

_TOKEN_BYTES: Final = 24


async def account_registered(
    registrations: Sequence[AccountRegistered], db: Connection
) -> list[Said]:
    """Keep whom to write to."""
    await store.save_accounts(db, registrations)
    return []


async def notification_requested(
    requests: Sequence[NotificationRequested], db: Connection
) -> list[Said]:
    """Have notices sent, each once, but for what an account does not want."""
    muted = await store.find_accounts(db, {request.account_id for request in requests})
    said: list[Said] = []
    asked: dict[str, Asked] = {}
    unwanted: set[str] = set()
    for request in requests:
        notice = NOTICES.get(request.template)
        if notice is None:
            detail = f"no notice is called {request.template}"
            said.append(Refused(request, "unknown_template", detail))
        elif (fault := notice.fault(request.facts)) is not None:
            said.append(Refused(request, "bad_facts", fault))
        elif request.account_id not in muted:
            said.append(NotYet(request, "unknown_account"))
        else:
            facts = notice.told(request.facts)
            one = Asked.by(request, request.account_id, request.template, facts)
            asked[one.notice_id] = one
            if is_muted(notice, muted[request.account_id]):
                unwanted.add(one.notice_id)
    new = await store.append_notices(db, list(asked.values()))
    await store.append_muted(db, sorted(new & unwanted))
    for notice_id in new & unwanted:
        metrics.MAILS.labels(asked[notice_id].template, "muted").inc()
    await store.append_errands(db, sorted(new - unwanted))
    return said


async def notification_preferences_set(
    wishes: Sequence[NotificationPreferencesSet], db: Connection
) -> list[Said]:
    """Keep what accounts do not want to hear of, and ask whom they added whether they agree."""
    set_at = await store.lock_accounts(db, {wish.account_id for wish in wishes})
    present = await store.find_recipients(db, set_at)
    said: list[Said] = [
        NotYet(wish, "unknown_account") for wish in wishes if wish.account_id not in set_at
    ]
    latest: dict[str, NotificationPreferencesSet] = {}
    in_time = sorted(
        (wish for wish in wishes if wish.account_id in set_at), key=lambda wish: wish.time
    )
    for wish in in_time:
        before = set_at[wish.account_id]
        if before is None or wish.time > before:
            latest[wish.account_id] = wish
    await store.save_preferences(db, latest.values())
    spoken = {wish.account_id: wish for wish in in_time if wish.language is not None}
    await store.save_languages(db, spoken.values())
    asked: list[Asked] = []
    questions: list[store.Question] = []
    removed: list[tuple[str, str]] = []
    for account_id, wish in sorted(latest.items()):
        changed = change(present.get(account_id, ()), wish.recipients, wish.time)
        removed += [(account_id, email) for email in changed.removed]
        for email in changed.asked:
            token = secrets.token_urlsafe(_TOKEN_BYTES)
            until = wish.time + CONFIRMED_WITHIN
            questions.append(store.Question(account_id, email, token, wish.time, until))
            facts = {"url": _confirmation_url(token), "valid_until": until.isoformat()}
            asked.append(Asked.by(wish, account_id, "recipient_confirmation", facts, email))
            said.append(
                NotificationRecipientAsked(
                    account_id=account_id, email=email, asked_at=wish.time, valid_until=until
                ).because(wish, key=email)
            )
    await store.drop_recipients(db, removed)
    await store.save_recipients(db, questions)
    await store.append_errands(db, sorted(await store.append_notices(db, asked)))
    return said


def _confirmation_url(token: str) -> str:
    portal = settings().portal_url or "http://localhost:8000"
    return f"{portal.rstrip('/')}/recipients/{token}"


async def notification_recipient_confirmed(
    confirmations: Sequence[NotificationRecipientConfirmed], db: Connection
) -> list[Said]:
    """Send copies from now on to who agreed in time; a link that is too old does nothing."""
    rows = await store.confirm_recipients(db, [(one.token, one.time) for one in confirmations])
    causes = {(one.token, one.time): one for one in confirmations}
    return [
        NotificationRecipientAgreed(
            account_id=row["account_id"], email=row["email"], asked_at=row["asked_at"]
        ).because(causes[row["token"], row["confirmed_at"]])
        for row in rows
    ]


HANDLERS: Handlers = {
    AccountRegistered: account_registered,
    NotificationPreferencesSet: notification_preferences_set,
    NotificationRecipientConfirmed: notification_recipient_confirmed,
    NotificationRequested: notification_requested,
}
