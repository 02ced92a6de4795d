"""The outside world: a mail server, a customer's own system that is told by webhooks, and a payment
gateway that calls back. None of them is in its best mood."""

import asyncio
import random
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final

import httpx
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.gateways.adapters.simulated import SimulatedCallback
from services.portal.domain.webhooks import outgoing
from shared import http
from shared.ids import derived_id
from shared.messages import Message
from tests.integration.notifications.post_office import PostOffice
from tests.servers.server import free_ports

_BAD_MOOD: Final = 0.05
_NOBODY: Final = "-rich-2@"
"""Whose mailbox is gone."""
_LINK: Final = re.compile(r"/recipients/([A-Za-z0-9_-]+)")
_KEY: Final = "of-a-gateway-that-is-no-gateway"
_AGAIN_S: Final = 0.2
_NOT_YET: Final = (None, 404, 503)
"""No answer, an order that is not known yet, and trouble that passes."""
_AT_ONCE: Final = 10
_ANSWER_S: Final = 5
SETTINGS: Final = {
    "CLOUDTILL_SIMULATED_GATEWAY_KEY": _KEY,
    "CLOUDTILL_MAIL_ANSWER_S": "2",
    "CLOUDTILL_MAIL_LEASE_S": "5",
    "CLOUDTILL_MAIL_LONGEST_PAUSE_S": "0.5",
    "CLOUDTILL_PORTAL_DEVELOPMENT_LOGIN": "true",
    "CLOUDTILL_PORTAL_WEBHOOKS_ANYWHERE": "true",
    "CLOUDTILL_PORTAL_WEBHOOK_ANSWER_S": "2",
    "CLOUDTILL_PORTAL_WEBHOOK_LEASE_S": "5",
    "CLOUDTILL_PORTAL_WEBHOOK_FIRST_PAUSE_S": "0.2",
    "CLOUDTILL_PORTAL_WEBHOOK_LONGEST_PAUSE_S": "1",
    "CLOUDTILL_PORTAL_WEBHOOK_POLL_S": "0.2",
}
"""Under which workers come back soon to who was in a bad mood."""


class MoodyPostOffice(PostOffice):
    """A mail server that now and then defers, hangs up, or forgets to say that it took a mail."""

    chance = random.Random(1)

    async def handle_RCPT(  # noqa: N802 - the library's name for it
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any
    ) -> str:
        """Whether a mail may go to an address."""
        if _NOBODY in address:
            return "550 no such mailbox"
        if self.chance.random() < _BAD_MOOD:
            return self._answer(server, self.chance.choice(["451 later", None]))
        return await super().handle_RCPT(server, session, envelope, address, options)

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Take a mail."""
        self.loses_answers += self.chance.random() < _BAD_MOOD
        return await super().handle_DATA(server, session, envelope)


class Outside:
    """Who else there is.

    Attributes:
        office: the mail server.
        came: how often each webhook came to the receiver and was taken, by its id.
        turned_away: webhooks that the receiver did not take.
    """

    def __init__(self, seed: int, receiver_port: int, client: httpx.AsyncClient) -> None:
        self.office = MoodyPostOffice(port=free_ports(1)[0])
        self.came: dict[str, int] = {}
        self.turned_away = 0
        self.hook_url = f"http://127.0.0.1:{receiver_port}/hook"
        self._chance = random.Random(seed)
        self._ports: dict[str, int] = {}
        self._client = client
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    def settings_of(self, post: str, service: str) -> dict[str, str]:
        """What a worker has to know of the outside; its ports stay those of its post."""
        settings = SETTINGS | {"CLOUDTILL_SMTP_URL": self.office.url}
        if service in ("portal", "gateways"):
            if post not in self._ports:
                (self._ports[post],) = free_ports(1)
            name = "CLOUDTILL_PORTAL_PORT" if service == "portal" else "CLOUDTILL_GATEWAYS_PORT"
            settings |= {name: str(self._ports[post])}
        return settings

    def addresses(self, service: str) -> list[str]:
        """Where the workers of a service answer."""
        return [
            f"http://127.0.0.1:{port}"
            for post, port in self._ports.items()
            if post.startswith(service)
        ]

    async def take(self, request: Request) -> Response:
        """Take a webhook, or not."""
        if self._chance.random() < _BAD_MOOD:
            self.turned_away += 1
            return Response(status_code=503)
        known = request.headers["webhook-id"]
        await request.body()
        self.came[known] = self.came.get(known, 0) + 1
        return Response(status_code=204)

    def tokens_for(self, address_begins: str) -> list[str]:
        """The links with which people whose address begins so were asked whether they agree."""
        return sorted(
            {
                found[1]
                for letter in list(self.office.taken)
                if letter.recipients[0].startswith(address_begins)
                and (found := _LINK.search(letter.text))
            }
        )

    async def call_back(self, payment_id: str, amount: int | None, at: datetime) -> None:
        """Tell what was paid, or without an amount that it was not, until that is taken.

        Raises:
            AssertionError: if it is refused.
        """
        told = SimulatedCallback(
            order_id=payment_id, reference=derived_id("callback", payment_id), at=at, amount=amount
        )
        body = told.signed(SecretStr(_KEY))
        while True:
            for address in self.addresses("gateways"):
                status = await self._posted(f"{address}/gateways/simulated/callback", body)
                if status == httpx.codes.OK:
                    return
                assert status in _NOT_YET, status
            await asyncio.sleep(_AGAIN_S)

    async def _posted(self, url: str, body: bytes) -> int | None:
        try:
            async with self._at_once:
                return (await self._client.post(url, content=body)).status_code
        except httpx.TransportError:
            return None

    @property
    def mails_sent_twice(self) -> int:
        """Mails that the server took once more, under the same Message-ID."""
        return len(self.office.taken) - len(self.mails)

    @property
    def mails(self) -> set[str]:
        """The Message-IDs of the mails that the server took."""
        return {letter.id for letter in list(self.office.taken)}


def webhook_id(message: Message) -> str:
    """The id under which a message is told outside."""
    envelope = message.envelope
    event = {
        "event_id": envelope.id,
        "source": envelope.source,
        "type": envelope.type,
        "account_id": envelope.subject,
        "time": envelope.time,
        "correlation_id": None,
        "payload": "{}",
    }
    return outgoing(event).event_id


@asynccontextmanager
async def outside_world(seed: int) -> AsyncIterator[Outside]:
    """Everybody else, while the body runs."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    async with httpx.AsyncClient(timeout=_ANSWER_S) as client:
        outside = Outside(seed, port, client)
        controller = Controller(outside.office, hostname="127.0.0.1", port=outside.office.port)
        controller.start()
        try:
            routes = [Route("/hook", outside.take, methods=["POST"])]
            async with http.serving(Starlette(routes=routes), port):
                yield outside
        finally:
            controller.stop()
