"""Errands: sending webhooks, outside of any transaction, again and again until they arrive.

A worker that dies between sending and storing leaves its errand to whoever claims it next: so each
event comes at least once, under the same id.
"""

import asyncio
import uuid
from collections import Counter
from contextlib import suppress
from typing import Final

import structlog

from services.portal import metrics
from services.portal.domain.webhooks import pause_s
from services.portal.settings import PortalSettings
from services.portal.store import webhooks as store
from services.portal.store.webhooks import Errand, Tried
from services.portal.webhooks.sending import Sender
from shared import outbox
from shared.database import Connection, PassingTrouble, Pool, Row, connection, transaction
from shared.envelope import Envelope
from shared.failpoints import passing
from shared.messages.notifications import NotificationRequested

log = structlog.get_logger()

_AT_ONCE: Final = 40
"""Webhooks on their way at the same time from one worker."""
_OF_ONE: Final = 5
"""Of them to one endpoint."""
_GONE: Final = 410


class Errands:
    """Sends what is to be sent, until stopped."""

    def __init__(self, connections: Pool, sender: Sender, settings: PortalSettings) -> None:
        """
        Args:
            connections: whose commits are durable.
            sender: limits how long a receiver may take.
            settings: leases and pauses.
        """
        self._connections = connections
        self._sender = sender
        self._settings = settings
        self._stopping = asyncio.Event()
        self._running: dict[asyncio.Task[None], str] = {}
        """What is on its way, and to which endpoint."""

    def stop(self) -> None:
        """Finish what is on its way, and return from `run`."""
        self._stopping.set()

    async def run(self) -> None:
        """Do errands until stopped."""
        try:
            while not self._stopping.is_set():
                claimed = await self._claim()
                for errand in claimed:
                    task = asyncio.create_task(self._do(errand))
                    self._running[task] = errand.endpoint_id
                    task.add_done_callback(self._running.pop)
                if not claimed:
                    await self._pause()
        finally:
            await asyncio.gather(*self._running)

    async def _claim(self) -> list[Errand]:
        if (free := _AT_ONCE - len(self._running)) <= 0:
            return []
        with suppress(PassingTrouble):
            async with connection(self._connections) as db:
                return await store.claim_deliveries(
                    db,
                    lease_s=self._settings.webhook_lease_s,
                    of_one=_OF_ONE,
                    at_most=free,
                    on_their_way=Counter(self._running.values()),
                )
        return []

    async def _pause(self) -> None:
        """Until there may be more to do: one is done, or a while is over."""
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait(
            [stopping, *self._running],
            timeout=self._settings.webhook_poll_s,
            return_when=asyncio.FIRST_COMPLETED,
        )
        stopping.cancel()

    async def _do(self, errand: Errand) -> None:
        try:
            tried = await self._sender.send(errand)
        except Exception as error:
            # One URL must not stop the others.
            log.exception("webhook not sent", endpoint_id=errand.endpoint_id)
            tried = Tried(0, error=type(error).__name__)
        passing("sent")
        outcome = "arrived" if tried.arrived else "refused" if tried.status else "no_answer"
        metrics.WEBHOOKS.labels(outcome).inc()
        try:
            async with transaction(self._connections) as db:
                await self._conclude(db, errand, tried)
        except PassingTrouble as trouble:
            # Its lease ends, and it is sent again.
            log.warning("webhook interrupted", error=str(trouble))

    async def _conclude(self, db: Connection, errand: Errand, tried: Tried) -> None:
        """Store what came of a try."""
        endpoint = await store.lock_endpoint(db, errand)
        held = await store.lock_delivery(db, errand)
        if endpoint is None or held is None:
            return
        await store.append_attempt(db, errand, held["attempts"] + 1, tried)
        if held["state"] != "waiting":
            await store.save_tried(db, errand)
        elif tried.arrived:
            await store.save_delivered(db, errand)
        else:
            await self._put_off(db, errand, tried, held, endpoint)

    async def _put_off(
        self, db: Connection, errand: Errand, tried: Tried, held: Row, endpoint: Row
    ) -> None:
        settings = self._settings
        pause = pause_s(
            held["failures"] + 1, settings.webhook_first_pause_s, settings.webhook_longest_pause_s
        )
        over = (held["give_up_at"] - endpoint["now"]).total_seconds() <= pause
        await store.save_undelivered(db, errand, None if over else pause)
        since = endpoint["failing_since"] or endpoint["now"]
        log.info(
            "webhook did not arrive",
            endpoint_id=errand.endpoint_id,
            status=tried.status,
            error=tried.error,
            again_in_s=None if over else pause,
        )
        failing_s = (endpoint["now"] - since).total_seconds()
        if tried.status == _GONE:
            await self._disable(db, errand, endpoint, "gone")
        elif failing_s >= settings.webhook_disable_after_s:
            await self._disable(db, errand, endpoint, "failing")

    async def _disable(self, db: Connection, errand: Errand, endpoint: Row, because: str) -> None:
        """Send nothing there any more, and tell the account."""
        if not await store.disable_endpoint(db, errand.account_id, errand.endpoint_id, because):
            return
        told = NotificationRequested(
            account_id=errand.account_id,
            template="webhook_disabled",
            facts={
                "endpoint_id": errand.endpoint_id,
                "address": endpoint["url"],
                "reason": because,
                "since": (endpoint["failing_since"] or endpoint["now"]).isoformat(),
            },
        )
        envelope = Envelope(
            id=uuid.uuid4().hex,
            source=told.source,
            type=told.type,
            time=endpoint["now"],
            subject=errand.account_id,
        )
        await outbox.say(db, [told.within(envelope)])
