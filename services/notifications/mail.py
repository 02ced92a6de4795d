"""A notice as a mail: the same bytes each time, so that a second one is known as a second."""

from dataclasses import dataclass
from datetime import datetime
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from services.notifications.rendering import Text


class BadAddress(Exception):
    """An address to which no mail can be sent."""


@dataclass(frozen=True, slots=True)
class Mail:
    """What is given to a mail server: who sends, for whom, and the message."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes


def message_id(notice_id: str, sender: str) -> str:
    """The Message-ID of a notice's mail, derived from the notice: however often it is sent."""
    return f"<{notice_id.replace(':', '.')}@{sender.rpartition('@')[2]}>"


def mail_of(
    notice_id: str,
    text: Text,
    at: datetime,
    *,
    sender: str,
    to: tuple[str, str],
    copies: tuple[str, ...],
    language: str,
) -> Mail:
    """
    Args:
        notice_id: of the notice.
        text: what it says.
        at: its business time.
        sender: who writes, as `Name <address>`.
        to: name and address of who it goes to.
        copies: addresses of those who get copies.
        language: it is written in.

    Raises:
        BadAddress: if `to`, or one of the copies, is no address.
    """
    name, address = parseaddr(sender)
    owner, *others = [_address(*one) for one in (to, *(("", copy) for copy in copies))]
    message = EmailMessage(policy=SMTP)
    message["From"] = _address(name, address)
    message["To"] = owner
    if others:
        message["Cc"] = tuple(others)
    message["Subject"] = text.subject
    message["Date"] = format_datetime(at)
    message["Message-ID"] = message_id(notice_id, address)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text.plain, cte="quoted-printable")
    message.add_alternative(text.html, subtype="html", cte="quoted-printable")
    message["Content-Language"] = language
    message.set_boundary(f"={notice_id.replace(':', '.')}=")
    recipients = tuple(one.addr_spec for one in (owner, *others))
    return Mail(address, recipients, message.as_bytes())


def _address(name: str, address: str) -> Address:
    """An address as every server takes it: its domain as IDNA."""
    shown = " ".join("".join(one if one.isprintable() else " " for one in name).split())
    local, _, domain = address.rpartition("@")
    try:
        written = domain if domain.isascii() else domain.encode("idna").decode("ascii")
        return Address(display_name=shown, addr_spec=f"{local}@{written}")
    except (HeaderParseError, ValueError, IndexError) as error:
        raise BadAddress(f"{address!r} is no address: {error}") from None
