"""What gateways answer, noted and said in one transaction: each reference once."""

from datetime import timedelta

import structlog

from services.gateways import store
from services.gateways.domain import Answer, Payment, Succeeded, Verdict
from services.gateways.store import HeldOrder
from shared import outbox
from shared.database import Connection
from shared.envelope import Envelope
from shared.ids import derived_id
from shared.messages import Later, Message
from shared.messages.gateways import TopUpFailed
from shared.messages.upstream import (
    GatewayPaymentFailed,
    GatewayPaymentSucceeded,
    TopUpReceived,
)

log = structlog.get_logger()


async def take(
    db: Connection, gateway: str, answer: Answer, *, after: timedelta = timedelta()
) -> Verdict:
    """Note an answer and say what it means, in the caller's transaction.

    Args:
        db: in whose transaction.
        gateway: that told it, called back or asked.
        answer: what it told.
        after: how much later it is said, in real time.
    """
    held = await store.lock_order(db, gateway, answer.order_id)
    if held is None:
        log.error("gateway told of an unknown order", gateway=gateway, order_id=answer.order_id)
        return "unknown_order"
    if not await store.append_answer(db, gateway, answer):
        return await _known(db, gateway, answer)
    await store.end_queries(db, held.order)
    if isinstance(answer, Succeeded) or held.is_latest:
        message = _message(gateway, held, answer)
        await outbox.say(db, [Later(message, after) if after else message])
    return "taken"


async def _known(db: Connection, gateway: str, answer: Answer) -> Verdict:
    amount = answer.amount if isinstance(answer, Succeeded) else None
    if await store.get_answer(db, gateway, answer) == (answer.order_id, amount):
        return "known"
    log.error("gateway contradicts itself", gateway=gateway, reference=answer.reference)
    return "contradiction"


def _of_top_up(gateway: str, payment: Payment, answer: Answer) -> Message:
    """Whatever came is credit, also where somebody paid twice: each reference is a top-up."""
    if isinstance(answer, Succeeded):
        return TopUpReceived(
            top_up_id=derived_id("gateway-top-up", gateway, answer.reference),
            account_id=payment.account_id,
            amount=answer.amount,
            gateway=gateway,
            gateway_reference=answer.reference,
            requested_as=payment.payment_id,
        )
    return TopUpFailed(
        top_up_id=payment.payment_id,
        account_id=payment.account_id,
        amount=payment.amount,
        gateway=gateway,
        reason=answer.reason,
    )


def _message(gateway: str, held: HeldOrder, answer: Answer) -> Message:
    """The answer as a message whose id is its reference: who says it again says the same."""
    payment = held.order.payment
    message: Message
    if payment.is_top_up:
        message = _of_top_up(gateway, payment, answer)
    elif isinstance(answer, Succeeded):
        message = GatewayPaymentSucceeded(
            payment_id=payment.payment_id,
            gateway=gateway,
            gateway_reference=answer.reference,
            amount=answer.amount,
        )
    else:
        message = GatewayPaymentFailed(
            payment_id=payment.payment_id,
            gateway=gateway,
            gateway_reference=answer.reference,
            reason=answer.reason,
        )
    return message.within(
        Envelope(
            id=derived_id(message.type, answer.reference),
            source=f"{message.source}/{gateway}",
            type=message.type,
            time=answer.at,
            subject=payment.account_id,
            correlation_id=held.cause.correlation_id or held.cause.id,
            causation_id=held.cause.id,
            traceparent=held.cause.traceparent,
        )
    )
