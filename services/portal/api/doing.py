"""What programs do, each an act that becomes a message; and what they ask that others know."""

import json
import uuid
from typing import Any

from pydantic import ValidationError

from services.portal.acts import Act, say
from services.portal.api.bodies import (
    AutoRenewal,
    BillingDetailsChange,
    InvoicePayment,
    NotificationPreferences,
    OrderRequest,
    TopUp,
)
from services.portal.api.calls import Call, Outcome
from services.portal.api.models import (
    CONCLUDED,
    Accepted,
    QuoteShown,
    UsageReportShown,
    shown,
)
from services.portal.api.problems import Refusal, malformed, not_there
from services.portal.api.reading import find_order, find_payment
from services.portal.store import listings, resources
from shared.database import Connection, Row, transaction
from shared.messages import Message
from shared.messages.model import Model
from shared.messages.upstream import (
    AccountChanged,
    BillingDetails,
    InvoicePaymentRequested,
    NotificationPreferencesSet,
    OrderPlaced,
    QuoteRequested,
    ResourceAutoRenewSet,
    TopUpRequested,
    UsageReportRequested,
)


async def place_order(call: Call, db: Connection) -> Outcome:
    """Place an order: one action on one or several resources, in one payment.

    With `Prefer: wait=5` the answer is the concluded order, if that takes no longer.
    """
    order = _order(call, call.new_id("ord"))
    act = Act(f"order_{order.action}", order, call.act_key, call.account_id, order.order_id)
    rows = await call.act(db, act)
    return _accepted(call, order.order_id, f"/orders/{order.order_id}", rows)


async def follow_order(call: Call, db: Connection) -> Model | None:
    """The order that was placed, once it is concluded."""
    order = await find_order(db, call.account_id, call.new_id("ord"))
    return order if order is not None and order.state in CONCLUDED else None


def _order(call: Call, order_id: str) -> OrderPlaced:
    """
    Raises:
        Refusal: `invalid_body` where an item lacks what the action needs.
    """
    sent = call.sent(OrderRequest)
    try:
        return OrderPlaced(
            order_id=order_id,
            account_id=call.account_id,
            action=sent.action,
            items=sent.items,
            payment_method=sent.payment_method,
            coupon=sent.coupon,
        )
    except ValidationError as error:
        raise malformed(error) from None


async def quote(call: Call) -> QuoteShown:
    """What an order would cost now, or the stable reason why it would be rejected. Nothing is
    ordered, and an order is priced anew when it is placed."""
    order = _order(call, f"q-{uuid.uuid4().hex}")
    question = QuoteRequested(
        quote_id=order.order_id,
        account_id=order.account_id,
        action=order.action,
        items=order.items,
        payment_method=order.payment_method,
        coupon=order.coupon,
    )
    await _ask(call, question)

    async def look(db: Connection) -> Any | None:
        return await listings.find_given(db, call.account_id, question.quote_id)

    given = await call.portal.until(look, call.portal.settings.quote_wait_s)
    if given is None:
        raise _no_answer()
    return QuoteShown.model_validate_json(given)


async def get_usage_report(call: Call) -> UsageReportShown:
    """What was used in a billing month and is not invoiced yet. Where no answer comes in time, it
    is the latest there is: `until` says of when."""
    row = await ask_for_use(call, call.named("period"))
    if row is None:
        raise _no_answer()
    return shown(UsageReportShown, json.loads(row["given"]))


async def ask_for_use(call: Call, period: str) -> Row | None:
    """What was used in a billing month, asked of invoicing: its answer, or else the latest there
    is.

    Raises:
        Refusal: 404 for what is no billing month.
    """
    try:
        question = UsageReportRequested(
            request_id=f"u-{uuid.uuid4().hex}", account_id=call.account_id, period=period
        )
    except ValidationError:
        raise not_there("billing month") from None
    await _ask(call, question)

    async def look(db: Connection) -> Any | None:
        row = await listings.find_row(db, "find_usage_report", call.account_id, period)
        return row if row is not None and row["request_id"] == question.request_id else None

    row = await call.portal.until(look, call.portal.settings.quote_wait_s)
    if row is None:
        async with call.reading() as db:
            row = await listings.find_row(db, "find_usage_report", call.account_id, period)
    return row


def _no_answer() -> Refusal:
    detail = "who knows it did not answer in time; please ask again"
    return Refusal(504, "no_answer_yet", detail, headers={"Retry-After": "5"})


async def _ask(call: Call, question: Message) -> None:
    """Say a question, which is nobody's act."""
    message_id = uuid.uuid4().hex
    async with transaction(call.portal.connections) as db:
        rows = await say(db, question, message_id, message_id, call.at)
    await call.portal.publish(rows)


async def pay_invoice(call: Call, db: Connection) -> Outcome:
    """Pay an invoice, in full or in part: from credit, or through a gateway, whose page is then the
    `url` of the payment."""
    sent = call.sent(InvoicePayment)
    invoice_id = call.named("invoice_id")
    if await listings.find_row(db, "find_invoice", call.account_id, invoice_id) is None:
        raise not_there("invoice")
    message = InvoicePaymentRequested(
        invoice_id=invoice_id, account_id=call.account_id, method=sent.method, amount=sent.amount
    )
    rows = await call.act(db, Act("pay_invoice", message, call.act_key, call.account_id))
    return _accepted(call, invoice_id, f"/invoices/{invoice_id}", rows)


async def top_up(call: Call, db: Connection) -> Outcome:
    """Pay money in through a gateway: the payment's `url` is where, once the gateway said so, for
    which `Prefer: wait=5` waits."""
    sent = call.sent(TopUp)
    top_up_id = call.new_id("top")
    message = TopUpRequested(
        top_up_id=top_up_id, account_id=call.account_id, amount=sent.amount, currency=sent.currency
    )
    rows = await call.act(db, Act("top_up", message, call.act_key, call.account_id, top_up_id))
    return _accepted(call, top_up_id, f"/payments/{top_up_id}", rows)


async def follow_top_up(call: Call, db: Connection) -> Model | None:
    """The top-up, once it can be paid, or is decided."""
    payment = await find_payment(db, call.account_id, call.new_id("top"))
    return payment if payment and (payment.url or payment.state != "open") else None


async def set_auto_renewal(call: Call, db: Connection) -> Outcome:
    """Renew a resource by itself from now on, or no more."""
    sent = call.sent(AutoRenewal)
    resource_id = call.named("resource_id")
    if await resources.find_resource(db, call.account_id, resource_id) is None:
        raise not_there("resource")
    message = ResourceAutoRenewSet(
        account_id=call.account_id, resource_id=resource_id, months=sent.months
    )
    rows = await call.act(db, Act("auto_renew", message, call.act_key, call.account_id))
    return _accepted(call, resource_id, f"/resources/{resource_id}", rows)


async def set_billing_details(call: Call, db: Connection) -> Outcome:
    """Say whom documents are made out to from now on; what was issued before stays as it is."""
    sent = call.sent(BillingDetailsChange)
    message = AccountChanged(
        account_id=call.account_id,
        billing_details=BillingDetails(**sent.model_dump()),
        changed_by=call.caller.subject[:200],
    )
    rows = await call.act(db, Act("details", message, call.act_key, call.account_id))
    return _accepted(call, call.account_id, "", rows)


async def set_notification_preferences(call: Call, db: Connection) -> Outcome:
    """Say what is not to be told by e-mail, in which language, and who gets copies."""
    sent = call.sent(NotificationPreferences)
    message = NotificationPreferencesSet(
        account_id=call.account_id,
        muted=sent.muted,
        recipients=tuple(dict.fromkeys(sent.recipients)),
        language=sent.language,
    )
    rows = await call.act(db, Act("notifications", message, call.act_key, call.account_id))
    return _accepted(call, call.account_id, "/notification-preferences", rows)


def _accepted(call: Call, id: str, path: str, rows: list[Any]) -> Outcome:
    url = call.path(path)
    return Outcome(Accepted(id=id, url=url), rows, url)
