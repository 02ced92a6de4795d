"""A notice as a mail."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from pydantic import ValidationError

from services.notifications.domain.notices import NOTICES
from services.notifications.domain.recipients import Change, Recipient, change, copies, is_muted
from services.notifications.mail import BadAddress, Mail, mail_of
from services.notifications.rendering import Text
from services.notifications.settings import NotificationSettings

AT = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
TEXT = Text("Máy chủ đã sẵn sàng", "Xin chào,\n\nđã sẵn sàng.\n", "<p>Xin chào</p>")


def mail(**others: Any) -> Mail:
    given: dict[str, Any] = {
        "sender": "Cloudtill <billing@example.com>",
        "to": ("Nguyễn Ánh", "an@example.com"),
        "copies": (),
        "language": "vi",
    }
    return mail_of("notice:5f", TEXT, AT, **(given | others))


def read(one: Mail) -> EmailMessage:
    message = message_from_bytes(one.content, policy=default)
    assert isinstance(message, EmailMessage)
    return message


def test_a_mail_has_a_plain_and_an_html_part_and_says_who_for_whom_and_when() -> None:
    message = read(mail())
    assert message["Subject"] == "Máy chủ đã sẵn sàng"
    assert message["From"] == "Cloudtill <billing@example.com>"
    assert message["To"].addresses[0].display_name == "Nguyễn Ánh"
    assert message["Message-ID"] == "<notice.5f@example.com>"
    assert message["Date"].datetime == AT
    assert message["Auto-Submitted"] == "auto-generated"
    plain, html = message.iter_parts()
    assert plain.get_content().splitlines()[0] == "Xin chào,"
    assert html.get_content_type() == "text/html"


def test_the_same_notice_is_the_same_mail_to_the_byte() -> None:
    assert mail() == mail()
    assert mail(language="en").content != mail().content


def test_copies_are_seen_and_sent() -> None:
    one = mail(copies=("b@example.com", "c@example.com"))
    assert one.recipients == ("an@example.com", "b@example.com", "c@example.com")
    assert read(one)["Cc"] == "b@example.com, c@example.com"


def test_a_name_can_not_add_to_the_head_of_a_mail() -> None:
    message = read(mail(to=("An\r\nBcc: all@example.com", "an@example.com")))
    assert "Bcc" not in message
    assert len(message["To"].addresses) == 1


@pytest.mark.parametrize("address", ["a,b@c", "<x@y", "a@b@c", "@", "a b@c", "ánh@example.com"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(BadAddress):
        mail(to=("An", address))


def test_a_domain_beyond_ascii_is_written_as_every_server_takes_it() -> None:
    assert mail(to=("An", "an@ví-dụ.vn")).recipients == ("an@xn--v-d-rma6749a.vn",)


def test_recipients_are_asked_once_and_again_only_when_it_was_too_long_ago() -> None:
    later = AT.replace(day=20)
    present = [
        Recipient("agreed@example.com", AT, confirmed=True),
        Recipient("asked@example.com", later, confirmed=False),
        Recipient("late@example.com", AT, confirmed=False),
        Recipient("gone@example.com", AT, confirmed=True),
    ]
    wanted = ["agreed@example.com", "asked@example.com", "late@example.com", "new@example.com"]
    assert change(present, wanted, AT) == Change(
        asked=("late@example.com", "new@example.com"), removed=("gone@example.com",)
    )


def test_copies_are_of_expiry_renewal_and_bills_only_and_never_to_oneself() -> None:
    confirmed = ("b@example.com", "an@example.com")
    assert copies(NOTICES["invoice_paid"], confirmed, "an@example.com") == ("b@example.com",)
    assert copies(NOTICES["payment_link"], confirmed, "an@example.com") == ()


def test_mandatory_notices_are_sent_whatever_is_muted() -> None:
    assert is_muted(NOTICES["invoice_paid"], ["renewals_and_bills"])
    assert not is_muted(NOTICES["invoices_overdue"], ["renewals_and_bills"])
    assert not is_muted(NOTICES["invoice_paid"], ["resources"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"smtp_url": "http://mail"},
        {"smtp_url": "smtp://"},
        {"mail_from": "Cloudtill"},
        {"mail_from": "a\nb@c"},
        {"mail_language": "fr"},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        NotificationSettings(**wrong)


def test_an_empty_address_of_the_mail_server_is_none() -> None:
    assert NotificationSettings.model_validate({"smtp_url": ""}).smtp_url is None
