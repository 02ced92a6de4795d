"""What gateways tell besides what they were paid (which is in `upstream`)."""

from typing import ClassVar

from shared.messages.model import Id, Message, PositiveAmount, Text, Time


class PaymentLinkReady(Message):
    """A gateway has a page where this payment can be made, until `pay_until`."""

    type: ClassVar[str] = "payment.link_ready"
    source: ClassVar[str] = "/cloudtill/gateways"
    must_arrive: ClassVar[bool] = False

    payment_id: Id
    account_id: Id
    gateway: Id
    url: Text
    pay_until: Time


class TopUpFailed(Message):
    """A gateway did not take the money of a `top_up.requested`; nothing else happens."""

    type: ClassVar[str] = "top_up.failed"
    source: ClassVar[str] = "/cloudtill/gateways"
    must_arrive: ClassVar[bool] = False

    top_up_id: Id
    account_id: Id
    amount: PositiveAmount
    gateway: Id
    reason: Text
