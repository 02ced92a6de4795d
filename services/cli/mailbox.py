"""A mail server for the demo: takes what the workers send, and shows it."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import default
from typing import Any


@dataclass
class Mailbox:
    """Recipient and subject of each mail that came, and where mails are taken."""

    url: str
    received: list[tuple[str, str]] = field(default_factory=list)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        """Take a mail; the name is the library's."""
        message = message_from_bytes(envelope.content, policy=default)
        self.received.append((", ".join(envelope.rcpt_tos), str(message["Subject"])))
        return "250 taken"


@asynccontextmanager
async def mailbox() -> AsyncIterator[Mailbox | None]:
    """A mail server while the body runs; None where the library for it is not installed."""
    try:
        from aiosmtpd.controller import Controller  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        yield None
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    box = Mailbox(f"smtp://127.0.0.1:{port}")
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()
