"""What billing tells, and the refund it orders."""

from typing import ClassVar, Self

from pydantic import Field, PrivateAttr

from shared.messages.items import PricedItem
from shared.messages.model import (
    Action,
    Amount,
    CurrencyCode,
    Id,
    Message,
    Name,
    PaymentMethod,
    PositiveAmount,
    Text,
    Time,
    UserType,
    WalletKind,
)

_SOURCE = "/cloudtill/billing"


class OrderRejected(Message):
    """An order that breaks a rule; no money moves. `reason` is a stable code."""

    type: ClassVar[str] = "order.rejected"
    source: ClassVar[str] = _SOURCE
    must_arrive: ClassVar[bool] = False

    order_id: Id
    account_id: Id
    reason: Id
    message: Text


class PaymentRequested(Message):
    """A payment that somebody has to make through a gateway."""

    type: ClassVar[str] = "payment.requested"
    source: ClassVar[str] = _SOURCE

    payment_id: Id
    order_id: Id | None = None
    invoice_id: Id | None = None
    account_id: Id
    amount: PositiveAmount
    currency: CurrencyCode = "VND"
    method: PaymentMethod
    pay_until: Time | None = None


class PaymentConfirmed(Message):
    """The money for an order, or for an invoice, is ours: prepaid provisioning begins here."""

    type: ClassVar[str] = "payment.confirmed"
    source: ClassVar[str] = _SOURCE
    max_bytes: ClassVar[int] = 2 * 1024 * 1024

    payment_id: Id
    order_id: Id | None = None
    invoice_id: Id | None = None
    account_id: Id
    amount: PositiveAmount
    currency: CurrencyCode
    method: PaymentMethod
    items: tuple[PricedItem, ...] = ()


class WrittenPaymentConfirmed(PaymentConfirmed):
    """`payment.confirmed` whose items are JSON already, as they were written when they were priced:
    they are passed on, and not read again."""

    _written: str = PrivateAttr("[]")

    def with_written(self, items: str) -> Self:
        """
        Args:
            items: a JSON array of priced items.
        """
        self._written = items
        return self

    def encode(self) -> bytes:
        """The whole event as JSON in UTF-8."""
        data = self.__pydantic_serializer__.to_json(self, exclude={"items"}, exclude_none=True)
        return self.envelope.around(b'%s,"items":%s}' % (data[:-1], self._written.encode()))


class InvoicePaymentConfirmed(Message):
    """The money for an invoice is ours. Told besides `payment.confirmed`, for invoicing alone: most
    payments are for orders, and those need not pass by there."""

    type: ClassVar[str] = "invoice.payment_confirmed"
    source: ClassVar[str] = _SOURCE

    payment_id: Id
    invoice_id: Id
    account_id: Id
    amount: PositiveAmount
    currency: CurrencyCode
    method: PaymentMethod


class QuotedItem(PricedItem):
    """What one item of an order would cost. `given_back` is what would become credit when it is
    done; `ends_at` is when its term would end."""

    given_back: Amount = 0


class QuoteGiven(Message):
    """What an order would cost at this time, or the stable `reason` why it would be rejected.

    `to_pay`, `to_hold` and `given_back` are sums over the items; an order is priced anew when it
    is placed.
    """

    type: ClassVar[str] = "quote.given"
    source: ClassVar[str] = _SOURCE
    must_arrive: ClassVar[bool] = False
    max_bytes: ClassVar[int] = 2 * 1024 * 1024

    quote_id: Id
    account_id: Id
    currency: CurrencyCode | None = None
    user_type: UserType | None = None
    items: tuple[QuotedItem, ...] = ()
    to_pay: Amount = 0
    to_hold: Amount = 0
    given_back: Amount = 0
    reason: Id | None = None
    message: Text | None = None


class PaymentFailed(Message):
    """A payment did not come about; nothing else happens."""

    type: ClassVar[str] = "payment.failed"
    source: ClassVar[str] = _SOURCE
    must_arrive: ClassVar[bool] = False

    payment_id: Id
    order_id: Id | None = None
    invoice_id: Id | None = None
    account_id: Id
    reason: Id


class OrderConfirmed(Message):
    """An order with nothing to pay now: provisioning begins here."""

    type: ClassVar[str] = "order.confirmed"
    source: ClassVar[str] = _SOURCE
    max_bytes: ClassVar[int] = 2 * 1024 * 1024

    order_id: Id
    account_id: Id
    action: Action
    items: tuple[PricedItem, ...]


class RefundToCredit(Message):
    """Give money back into a wallet (domain 2.5)."""

    type: ClassVar[str] = "refund.to_credit"
    source: ClassVar[str] = _SOURCE

    refund_id: Id
    account_id: Id
    wallet: WalletKind
    amount: PositiveAmount
    payment_id: Id | None = None
    order_id: Id
    item_id: Id
    reason: Id


class _CreditNoteOfAnItem(Message):
    credit_note_id: Id
    invoice_id: Id
    account_id: Id
    order_id: Id
    item_id: Id
    resource_id: Id
    amount: PositiveAmount
    reason: Text
    requested_by: Name


class RefundReserve(_CreditNoteOfAnItem):
    """Keep what a credit note of a prepaid invoice is to give back of the money that went in for a
    resource: a command of invoicing, which billing answers with `refund.reserved` where as much is
    left (domain 6)."""

    type: ClassVar[str] = "refund.reserve"
    source: ClassVar[str] = "/cloudtill/invoicing"


class RefundReserved(_CreditNoteOfAnItem):
    """Nothing else gives this money of a resource back: its credit note can be issued."""

    type: ClassVar[str] = "refund.reserved"
    source: ClassVar[str] = _SOURCE


class AccountSwitched(Message):
    """An account's user type changed: who, why and when (domain 10)."""

    type: ClassVar[str] = "account.switched"
    source: ClassVar[str] = _SOURCE

    account_id: Id
    from_: UserType = Field(alias="from")
    to: UserType
    requested_by: Name
    reason: Text


class AccountSwitchRefused(Message):
    """A switch that the rules don't allow (domain 10)."""

    type: ClassVar[str] = "account.switch_refused"
    source: ClassVar[str] = _SOURCE
    must_arrive: ClassVar[bool] = False

    account_id: Id
    reason: Id
    message: Text


class PaymentCollect(Message):
    """Take the money for an invoice: a command of invoicing, which billing answers with
    `invoice.payment_confirmed` or `payment.failed`. With `hold_id` what is held under it pays
    first."""

    type: ClassVar[str] = "payment.collect"
    source: ClassVar[str] = "/cloudtill/invoicing"

    payment_id: Id
    invoice_id: Id
    account_id: Id
    amount: PositiveAmount
    method: PaymentMethod
    as_far_as_possible: bool = False
    hold_id: Id | None = None
    change_id: Id | None = None


class RenewalsDue(Message):
    """An automatic renewal of an account is decided: go on with its next that is due (domain 7)."""

    type: ClassVar[str] = "renewals.due"
    source: ClassVar[str] = _SOURCE

    account_id: Id


class RemindersDue(Message):
    """More reminders are due on this day than one transaction takes: go on with the rest."""

    type: ClassVar[str] = "reminders.due"
    source: ClassVar[str] = _SOURCE
