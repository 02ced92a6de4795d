"""Errands: giving mails to the mail server, outside of any transaction, until it takes them.

A worker that dies between the server's "taken" and its own commit leaves the errand to whoever
claims it next, who sends the mail once more: nobody can know from outside. Both have the same
Message-ID and the same bytes, so that a second is known as one, by people and by most mailboxes.
"""

import asyncio
from contextlib import suppress
from email.utils import parseaddr
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

import structlog
from pydantic import SecretStr

from services.notifications import metrics, store
from services.notifications.domain.notices import NOTICES
from services.notifications.domain.recipients import copies
from services.notifications.mail import BadAddress, Mail, mail_of
from services.notifications.rendering import Reader, Text, render
from services.notifications.settings import NotificationSettings
from services.notifications.smtp import RefusedForGood, TryAgain, send
from services.notifications.store import Errand, Outcome
from shared import outbox
from shared.database import Connection, PassingTrouble, Pool, connection, transaction
from shared.failpoints import passing
from shared.lifetime import do_errands
from shared.messages import Message
from shared.messages.notifications import NotificationFailed, NotificationSent

log = structlog.get_logger()

_AT_ONCE: Final = 20
"""Mails that one worker has in hand at the same time."""


class Errands:
    """Sends what is to be sent, until stopped."""

    def __init__(
        self, connections: Pool, settings: NotificationSettings, zone: str, poll_s: float
    ) -> None:
        """
        Args:
            connections: whose commits are durable.
            settings: the mail server, leases and pauses.
            zone: the billing time zone, for accounts that did not say theirs.
            poll_s: how often to look for errands where there was none.
        """
        self._connections = connections
        self._settings = settings
        self._zone = zone
        self._poll_s = poll_s
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Finish what is being sent, and return from `run`."""
        self._stopping.set()

    async def run(self) -> None:
        """Do errands until stopped. Without a mail server they wait."""
        url = self._settings.smtp_url
        if url is None:
            log.warning("no mail server is set: notices wait", setting="CLOUDTILL_SMTP_URL")
            await self._stopping.wait()
            return
        await do_errands(
            self._claim,
            partial(self._do, url),
            self._stopping,
            at_once=_AT_ONCE,
            poll_s=self._poll_s,
        )

    async def _claim(self) -> list[Errand]:
        async with connection(self._connections) as db:
            return await store.claim_errands(
                db, lease_s=self._settings.mail_lease_s, at_most=_AT_ONCE
            )

    async def _do(self, url: SecretStr, errand: Errand) -> None:
        try:
            outcome = await self._sent(errand, url)
            passing("sent")
            async with transaction(self._connections) as db:
                await self._conclude(db, errand, outcome)
            metrics.MAILS.labels(errand.template, outcome.outcome).inc()
        except PassingTrouble as trouble:
            # Its lease ends, and it is sent again.
            log.warning("mail interrupted", notice_id=errand.notice_id, error=str(trouble))
        except TryAgain as trouble:
            await self._postpone(errand, str(trouble))
        except Exception as error:
            # One notice's trouble must not stop the others.
            log.exception("mail failed", notice_id=errand.notice_id, template=errand.template)
            await self._postpone(errand, repr(error)[:500])

    async def _sent(self, errand: Errand, url: SecretStr) -> Outcome:
        """Give a notice to the mail server.

        Raises:
            TryAgain, or whatever else kept it from being sent: if there is time left.
        """
        try:
            text = self._text(errand)
            mail = self._mail(errand, text)
            accepted, refused = await send(mail, url, answer_s=self._settings.mail_answer_s)
        except (BadAddress, RefusedForGood) as error:
            return Outcome("failed", reason=str(error))
        except Exception as trouble:
            if errand.waited_s < self._settings.mail_give_up_s:
                raise
            said = str(trouble) if isinstance(trouble, TryAgain) else repr(trouble)[:500]
            return Outcome("failed", reason=f"given up: {said}")
        return Outcome("sent", text.subject, accepted, refused)

    def _text(self, errand: Errand) -> Text:
        return render(
            errand.template,
            errand.facts,
            Reader(
                account_id=errand.account_id,
                owner=errand.name,
                is_owner=errand.only_to is None,
                language=errand.language or self._settings.mail_language,
                currency=errand.currency,
                zone=self._zone_of(errand),
            ),
            sender=parseaddr(self._settings.mail_from)[0],
            portal_url=self._settings.portal_url,
        )

    def _mail(self, errand: Errand, text: Text) -> Mail:
        others = copies(NOTICES[errand.template], errand.confirmed, errand.email)
        return mail_of(
            errand.notice_id,
            text,
            errand.cause.time,
            sender=self._settings.mail_from,
            to=(errand.name, errand.email) if errand.only_to is None else ("", errand.only_to),
            copies=others if errand.only_to is None else (),
            language=errand.language or self._settings.mail_language,
        )

    def _zone_of(self, errand: Errand) -> ZoneInfo:
        """The account's time zone; where it is none, that of the billing."""
        with suppress(ValueError, OSError):
            return ZoneInfo(errand.time_zone or self._zone)
        return ZoneInfo(self._zone)

    async def _postpone(self, errand: Errand, trouble: str) -> None:
        pause_s = min(2.0 ** min(errand.failures, 30), self._settings.mail_longest_pause_s)
        log.warning("mail not taken", notice_id=errand.notice_id, error=trouble, again_in_s=pause_s)
        metrics.MAILS.labels(errand.template, "postponed").inc()
        with suppress(PassingTrouble):
            async with connection(self._connections) as db:
                await store.postpone_errand(db, errand.notice_id, pause_s, trouble)

    async def _conclude(self, db: Connection, errand: Errand, outcome: Outcome) -> None:
        """Store how a notice ended, and tell it, unless another worker has."""
        if not await store.end_errand(db, errand.notice_id, outcome):
            return
        message: Message
        if outcome.outcome == "sent":
            message = NotificationSent(
                notice_id=errand.notice_id,
                account_id=errand.account_id,
                template=errand.template,
                subject=outcome.subject or "",
            )
        else:
            message = NotificationFailed(
                notice_id=errand.notice_id,
                account_id=errand.account_id,
                template=errand.template,
                reason=outcome.reason or "",
            )
        await outbox.say(
            db,
            [
                message.within(
                    errand.cause.caused(
                        source=message.source,
                        type=message.type,
                        key=errand.notice_id,
                        at=None,
                        subject=errand.account_id,
                    )
                )
            ],
        )
