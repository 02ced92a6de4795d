"""What notifications obey."""

from typing import Any, ClassVar

from pydantic import Field

from shared.messages.model import Id, Message


class NotificationRequested(Message):
    """Tell a user something. `template` names the notice, `facts` fill it in."""

    type: ClassVar[str] = "notification.requested"
    source: ClassVar[str] = "/cloudtill"
    must_arrive: ClassVar[bool] = False

    account_id: Id
    template: Id
    facts: dict[str, Any] = Field(default_factory=dict, max_length=100)
