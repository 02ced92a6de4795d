"""Errands: asking gateways, outside of any transaction, again and again until they answer.

A worker that dies between asking and storing leaves its errand to whoever claims it next, who asks
under the same order id.
"""

import asyncio
from contextlib import suppress
from typing import Final, TypeAlias

import httpx
import structlog

from services.gateways import metrics, store
from services.gateways.adapters import (
    Created,
    Declined,
    Duplicate,
    GatewayUnavailable,
    Page,
    gateway_of,
)
from services.gateways.answers import take
from services.gateways.domain import MAX_ATTEMPTS, Answer, Failed, GatewayOrder, next_query
from services.gateways.settings import GatewaySettings
from services.gateways.store import Errand, HeldOrder
from shared import outbox
from shared.database import Connection, PassingTrouble, Pool, connection, transaction
from shared.failpoints import passing
from shared.lifetime import do_errands
from shared.messages import Message
from shared.messages.gateways import PaymentLinkReady
from shared.messages.notifications import NotificationRequested

log = structlog.get_logger()

_AT_ONCE: Final = 20
"""Gateways asked at the same time by one worker."""

Outcome: TypeAlias = Created | Answer | None


class Errands:
    """Does what is to be asked of gateways, until stopped."""

    def __init__(
        self, connections: Pool, http: httpx.AsyncClient, settings: GatewaySettings, poll_s: float
    ) -> None:
        """
        Args:
            connections: whose commits are durable.
            http: limits how long a gateway may take.
            settings: leases and pauses.
            poll_s: how often to look for errands where there was none.
        """
        self._connections = connections
        self._http = http
        self._settings = settings
        self._poll_s = poll_s
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Finish what is being asked, and return from `run`."""
        self._stopping.set()

    async def run(self) -> None:
        """Do errands until stopped."""
        await do_errands(
            self._claim, self._do, self._stopping, at_once=_AT_ONCE, poll_s=self._poll_s
        )

    async def _claim(self) -> list[Errand]:
        async with connection(self._connections) as db:
            return await store.claim_errands(
                db, lease_s=self._settings.gateway_lease_s, at_most=_AT_ONCE
            )

    async def _do(self, errand: Errand) -> None:
        gateway = errand.order.payment.gateway
        try:
            outcome = await self._ask(errand)
            told = type(outcome).__name__.lower() if outcome is not None else "open"
            passing("asked")
            async with transaction(self._connections) as db:
                await self._conclude(db, errand, outcome)
        except PassingTrouble as trouble:
            # Its lease ends, and it is asked again.
            log.warning("errand interrupted", kind=errand.kind, error=str(trouble))
            return
        except Exception as error:
            # A plug-in's error must not stop the others.
            told = "trouble"
            await self._postpone(errand, error)
        metrics.CALLS.labels(gateway, errand.kind, told).inc()

    async def _ask(self, errand: Errand) -> Outcome:
        """What the gateway says.

        Raises:
            httpx.HTTPError, GatewayUnavailable: to be asked again.
        """
        name = errand.order.payment.gateway
        gateway = gateway_of(name)
        async with asyncio.timeout(self._settings.gateway_answer_s):
            if errand.kind == "query":
                return await gateway.query(errand.order, self._http)
            url = self._settings.callback_url(name)
            created = await gateway.create(errand.order, url, self._http)
        if isinstance(created, Duplicate) and errand.order.attempt >= MAX_ATTEMPTS:
            raise GatewayUnavailable("knows every id of this payment already")
        return created

    async def _postpone(self, errand: Errand, error: Exception) -> None:
        pause_s = min(2.0**errand.failures, self._settings.gateway_longest_pause_s)
        expected = isinstance(error, httpx.HTTPError | GatewayUnavailable | TimeoutError)
        log.warning(
            "gateway did not answer",
            gateway=errand.order.payment.gateway,
            kind=errand.kind,
            order_id=errand.order.order_id,
            error=repr(error)[:500],
            again_in_s=pause_s,
            exc_info=None if expected else error,
        )
        with suppress(PassingTrouble):
            async with connection(self._connections) as db:
                await store.postpone_errand(db, errand, pause_s)

    async def _conclude(self, db: Connection, errand: Errand, outcome: Outcome) -> None:
        """Store what a gateway said, and say it, unless another worker has."""
        gateway = errand.order.payment.gateway
        held = await store.lock_order(db, gateway, errand.order.order_id)
        if held is None or not await store.end_errand(db, errand):
            return
        match outcome:
            case None:
                pass
            case Page(url, answers, after):
                payment = held.order.payment
                next_query_at = next_query(payment, payment.requested_at)
                await store.save_page(db, held.order, url, next_query_at)
                await outbox.say(db, _link_ready(held, url))
                for answer in answers:
                    await take(db, gateway, answer, after=after)
            case Duplicate():
                await store.append_orders(db, [_next_order(held.order)], pause_s=1)
            case Declined(reason, at):
                order_id = held.order.order_id
                await take(db, gateway, Failed(order_id, order_id, reason, at))
            case answer:
                await take(db, gateway, answer)


def _next_order(order: GatewayOrder) -> GatewayOrder:
    payment, attempt = order.payment, order.attempt + 1
    named = gateway_of(payment.gateway).order_id(payment.payment_id, attempt, payment.requested_at)
    return GatewayOrder(named, attempt, payment)


def _link_ready(held: HeldOrder, url: str) -> list[Message]:
    """Tell where to pay; who has somebody else pay is sent the link to pass on (domain 2.2)."""
    payment, cause = held.order.payment, held.cause
    said: list[Message] = [
        PaymentLinkReady(
            payment_id=payment.payment_id,
            account_id=payment.account_id,
            gateway=payment.gateway,
            url=url,
            pay_until=payment.pay_until,
        )
    ]
    if payment.method == "on_behalf":
        facts = {
            "payment_id": payment.payment_id,
            "amount": payment.amount,
            "url": url,
            "pay_until": payment.pay_until.isoformat(),
        }
        said.append(
            NotificationRequested(
                account_id=payment.account_id, template="payment_link", facts=facts
            )
        )
    return [
        message.within(
            cause.caused(
                source=message.source,
                type=message.type,
                key=payment.payment_id,
                at=None,
                subject=payment.account_id,
            )
        )
        for message in said
    ]
