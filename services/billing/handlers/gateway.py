"""What payment gateways answer (domain 2.2)."""

from collections.abc import Sequence
from dataclasses import replace

from services.billing.domain.payments import Payment, Receipt
from services.billing.handlers.payments import Failure, confirm, fail
from services.billing.store import payments as store
from shared.database import Connection
from shared.ids import derived_id
from shared.messages import Message, NotYet, Refused, Said
from shared.messages.notifications import NotificationRequested
from shared.messages.upstream import (
    GatewayPaymentFailed,
    GatewayPaymentSucceeded,
    TopUpReceived,
)
from shared.waiting import may_wait


async def gateway_payment_succeeded(
    successes: Sequence[GatewayPaymentSucceeded], db: Connection
) -> list[Said]:
    """Confirm what was paid. Money that nobody waits for any more becomes credit (domain 2)."""
    payments = await store.lock_payments(db, [one.payment_id for one in successes])
    known = dict(
        await store.find_receipts(db, [(one.gateway, one.gateway_reference) for one in successes])
    )
    said: list[Said] = []
    came: list[Receipt] = []
    paid: list[tuple[Payment, int, Message]] = []
    topped_up: list[Payment] = []
    for success in successes:
        payment = payments.get(success.payment_id)
        reference = (success.gateway, success.gateway_reference)
        content = (success.payment_id, success.amount)
        if payment is None:
            said.append(_unknown(success))
            continue
        if (earlier := known.setdefault(reference, content)) is not content:
            if earlier != content:
                said.append(Refused(success, "id_reused", "the reference had another content"))
            continue
        receipt = _receipt(payment, success)
        came.append(receipt)
        if receipt.top_up_id is not None:
            said.append(_top_up(receipt.top_up_id, payment, success))
        if receipt.became == "credit":
            said.append(_credit_notice(success, payment))
            continue
        payments[payment.payment_id] = replace(payment, gateway_open=False)
        if payment.method == "top_up_and_pay":
            topped_up.append(payment)
        else:
            paid.append((payment, success.amount, success))
    await store.append_receipts(db, came)
    await store.close_gateway_requests(db, topped_up)
    return said + await confirm(paid, db)


def _receipt(payment: Payment, success: GatewayPaymentSucceeded) -> Receipt:
    """What becomes of money that came: what a payment waits for, or else credit."""
    pays = _pays(payment, success)
    is_direct = pays and payment.method != "top_up_and_pay"
    return Receipt(
        account_id=payment.account_id,
        gateway=success.gateway,
        gateway_reference=success.gateway_reference,
        payment_id=success.payment_id,
        amount=success.amount,
        became="payment" if pays else "credit",
        top_up_id=None
        if is_direct
        else derived_id("top-up", success.gateway, success.gateway_reference),
        at=success.time,
    )


def _pays(payment: Payment, success: GatewayPaymentSucceeded) -> bool:
    """Whether this is the money that the payment waits for."""
    return (
        payment.outcome is None
        and payment.gateway_open
        and success.amount == payment.gateway_amount
        and payment.pay_until is not None
        and success.time < payment.pay_until
    )


def _unknown(answer: GatewayPaymentSucceeded | GatewayPaymentFailed) -> Said:
    if may_wait(answer):
        return NotYet(answer, "unknown_payment")
    return Refused(answer, "unknown_payment", f"there is no payment {answer.payment_id}")


def _credit_notice(success: GatewayPaymentSucceeded, payment: Payment) -> NotificationRequested:
    return NotificationRequested(
        account_id=payment.account_id,
        template="payment_became_credit",
        facts={"payment_id": payment.payment_id, "amount": success.amount},
    ).because(success)


def _top_up(top_up_id: str, payment: Payment, success: GatewayPaymentSucceeded) -> TopUpReceived:
    return TopUpReceived(
        top_up_id=top_up_id,
        account_id=payment.account_id,
        amount=success.amount,
        gateway=success.gateway,
        gateway_reference=success.gateway_reference,
    ).because(success, key=top_up_id)


async def gateway_payment_failed(
    failures: Sequence[GatewayPaymentFailed], db: Connection
) -> list[Said]:
    """Cancel what could not be paid; nothing else happens (domain 2.3)."""
    payments = await store.lock_payments(db, [one.payment_id for one in failures])
    said = [_unknown(one) for one in failures if one.payment_id not in payments]
    failed = {
        payment.payment_id: Failure(payment, "gateway_failed", failure, failure.time)
        for failure in failures
        if (payment := payments.get(failure.payment_id)) is not None
        and payment.outcome is None
        and payment.gateway_open
    }
    return said + await fail(list(failed.values()), db)
