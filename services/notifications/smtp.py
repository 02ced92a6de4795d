"""Giving mails to a mail server, and what its answers mean.

A refusal for good (5xx) of the recipients or of the message is the notice's end. Whatever else goes
wrong is the server's or ours, and may be over the next time: a refusal for now (4xx), a connection
that breaks or is slow, a password or a sender that the server does not accept.
"""

import asyncio
import ssl
from contextlib import suppress
from typing import Final

import aiosmtplib
from aiosmtplib import (
    SMTPDataError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPResponseException,
)
from pydantic import SecretStr
from yarl import URL

from services.notifications.mail import Mail

_PORTS: Final = {"smtp": 25, "starttls": 587, "smtps": 465}
_PERMANENT: Final = range(500, 600)
_LONGEST_REASON: Final = 500
_GOODBYE_S: Final = 2


class TryAgain(Exception):
    """The mail was not taken now; says why."""


class RefusedForGood(Exception):
    """The mail will never be taken; says why, as the server said it."""


async def send(
    mail: Mail, url: SecretStr, *, answer_s: float
) -> tuple[tuple[str, ...], str | None]:
    """Give a mail to the server.

    Returns:
        For whom the server took it, and what it said of those for whom it did not.

    Raises:
        TryAgain: if it was not taken, or nobody knows.
        RefusedForGood: if it never will be.
    """
    server = _server(url, answer_s)
    try:
        async with asyncio.timeout(answer_s):
            await server.connect()
            await server.ehlo()
            refused = await _give(server, mail)
        # It is taken, whatever becomes of the goodbye.
        with suppress(SMTPException, OSError):
            await server.quit(timeout=_GOODBYE_S)
    except (SMTPRecipientRefused, SMTPDataError) as error:
        if error.code in _PERMANENT:
            raise RefusedForGood(_said(error)) from None
        raise TryAgain(_said(error)) from None
    except (SMTPException, OSError, TimeoutError, ssl.SSLError) as error:
        raise TryAgain(_reason(f"{type(error).__name__}: {error}")) from None
    finally:
        server.close()
    accepted = tuple(one for one in mail.recipients if one not in refused)
    return accepted, _reason("; ".join(refused.values())) or None


async def _give(server: aiosmtplib.SMTP, mail: Mail) -> dict[str, str]:
    """Hand over a mail; returns which copies the server does not take, and why.

    Whom it is for stands first, and without them nobody gets it.
    """
    await server.mail(mail.sender)
    owner, *copies = mail.recipients
    await server.rcpt(owner)
    refused: dict[str, str] = {}
    for copy in copies:
        try:
            await server.rcpt(copy)
        except SMTPRecipientRefused as error:
            refused[copy] = f"{copy}: {_said(error)}"
    await server.data(mail.content)
    return refused


def _server(url: SecretStr, answer_s: float) -> aiosmtplib.SMTP:
    """A connection of its own: one that breaks takes no other mail along."""
    address = URL(url.get_secret_value())
    return aiosmtplib.SMTP(
        hostname=address.host,
        port=address.port or _PORTS[address.scheme],
        username=address.user,
        password=address.password,
        timeout=answer_s,
        use_tls=address.scheme == "smtps",
        start_tls=address.scheme == "starttls",
    )


def _said(error: SMTPResponseException) -> str:
    return _reason(f"{error.code} {error.message}")


def _reason(text: str) -> str:
    """What a server said, as one line for people."""
    printable = "".join(one if one.isprintable() else " " for one in text)
    return " ".join(printable.split())[:_LONGEST_REASON]
