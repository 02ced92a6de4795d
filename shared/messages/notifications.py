"""What notifications obey and tell."""

from typing import Any, ClassVar

from pydantic import Field

from shared.messages.model import Id, Message, Text, Time
from shared.messages.upstream import EmailAddress


class NotificationRequested(Message):
    """Tell a user something. `template` names the notice, `facts` fill it in."""

    type: ClassVar[str] = "notification.requested"
    source: ClassVar[str] = "/cloudtill"
    must_arrive: ClassVar[bool] = False

    account_id: Id
    template: Id
    facts: dict[str, Any] = Field(default_factory=dict, max_length=100)


class _NotificationEnded(Message):
    """How a notice ended; `notice_id` is in its mail's Message-ID."""

    notice_id: Id
    account_id: Id
    template: Id


class NotificationSent(_NotificationEnded):
    """A mail server took the notice."""

    type: ClassVar[str] = "notification.sent"
    source: ClassVar[str] = "/cloudtill/notifications"
    must_arrive: ClassVar[bool] = False

    subject: Text


class NotificationFailed(_NotificationEnded):
    """The notice can't be sent: a mail server refused it for good, or too long."""

    type: ClassVar[str] = "notification.failed"
    source: ClassVar[str] = "/cloudtill/notifications"
    must_arrive: ClassVar[bool] = False

    reason: Text


class _RecipientTold(Message):
    """What became of an address that an account added; it was wished for at `asked_at`."""

    account_id: Id
    email: EmailAddress
    asked_at: Time


class NotificationRecipientAsked(_RecipientTold):
    """An address is asked by mail to agree to copies, before `valid_until`."""

    type: ClassVar[str] = "notification.recipient_asked"
    source: ClassVar[str] = "/cloudtill/notifications"
    must_arrive: ClassVar[bool] = False

    valid_until: Time


class NotificationRecipientAgreed(_RecipientTold):
    """An address agreed, in time: it gets copies from now on."""

    type: ClassVar[str] = "notification.recipient_agreed"
    source: ClassVar[str] = "/cloudtill/notifications"
    must_arrive: ClassVar[bool] = False
