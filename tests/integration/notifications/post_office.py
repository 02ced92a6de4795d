"""A real mail server, that takes, defers, refuses and hangs up as a test says."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.servers.server import free_port


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail that the server took."""

    recipients: tuple[str, ...]
    content: bytes

    @property
    def id(self) -> str:
        """Its Message-ID, without reading the rest of it: campaigns have hundreds of thousands."""
        return str(BytesHeaderParser().parsebytes(self.content)["Message-ID"]).strip()

    @property
    def message(self) -> EmailMessage:
        message = message_from_bytes(self.content, policy=default)
        assert isinstance(message, EmailMessage)
        return message

    @property
    def text(self) -> str:
        """Its plain part."""
        part = self.message.get_body(("plain",))
        assert part is not None
        return str(part.get_content())


@dataclass
class PostOffice:
    """What the server took, and how it answers.

    `on_recipient` and `on_data` are answers that come instead of "250"; an answer of None is to
    hang up. Each is used up; `refuses` answers an address for ever.
    """

    port: int = 0
    taken: list[Letter] = field(default_factory=list)
    tries: int = 0
    on_recipient: list[str | None] = field(default_factory=list)
    on_data: list[str | None] = field(default_factory=list)
    refuses: dict[str, str] = field(default_factory=dict)
    loses_answers: int = 0
    """Of mails that it takes, to so many it hangs up instead of saying so."""

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    async def handle_RCPT(  # noqa: N802 - the library's name for it
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        """Whether a mail may go to an address."""
        self.tries += 1
        if self.on_recipient:
            return self._answer(server, self.on_recipient.pop(0))
        if address in self.refuses:
            return self.refuses[address]
        envelope.rcpt_tos.append(address)
        return "250 known"

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Take a mail."""
        if self.on_data:
            return self._answer(server, self.on_data.pop(0))
        assert isinstance(envelope.content, bytes)
        self.taken.append(Letter(tuple(envelope.rcpt_tos), envelope.content))
        if self.loses_answers:
            self.loses_answers -= 1
            return self._answer(server, None)
        return "250 taken"

    def _answer(self, server: SMTP, answer: str | None) -> str:
        if answer is None:
            transport = server.transport
            assert isinstance(transport, asyncio.Transport)
            transport.abort()
            return "421 gone"
        return answer


@contextmanager
def post_office() -> Iterator[PostOffice]:
    """A server that listens while the body runs."""
    office = PostOffice(port=free_port())
    controller = Controller(office, hostname="127.0.0.1", port=office.port)
    controller.start()
    try:
        yield office
    finally:
        controller.stop()
