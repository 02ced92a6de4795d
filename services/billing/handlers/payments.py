"""Payments: asked for, confirmed, or failed (domain 2)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from services.billing.domain.payments import Payment, PaymentOutcome, pay_until, wallet_of
from services.billing.store import accounts, catalogue, orders, resources
from services.billing.store import payments as store
from shared.database import Connection
from shared.ids import derived_id
from shared.messages import Message, NotYet, Refused, Said
from shared.messages.billing import (
    OrderRejected,
    PaymentCollect,
    PaymentConfirmed,
    PaymentFailed,
    PaymentRequested,
)
from shared.messages.notifications import NotificationRequested
from shared.messages.upstream import (
    GatewayPaymentFailed,
    GatewayPaymentSucceeded,
    TopUpReceived,
)
from shared.messages.wallet import WalletCharge, WalletCredited, WalletDebited, WalletDeclined
from shared.waiting import may_wait

_REASONS = {
    "insufficient_credit": "there is not enough available credit",
    "payment_overdue": "nobody paid in time",
    "link_expired": "the payment link has expired",
    "gateway_failed": "the payment gateway did not take the money",
}


async def request(payments: Sequence[tuple[Payment, Message]], db: Connection) -> list[Said]:
    """Ask for money: of the wallet, or of a gateway. Each payment comes with its cause."""
    asked = [(_through_gateway(payment, cause), cause) for payment, cause in payments]
    await store.append_payments(
        db,
        [
            (payment, cause.envelope.correlation_id or cause.envelope.id, cause.time)
            for payment, cause in asked
        ],
    )
    charged = [(payment, cause) for payment, cause in asked if payment.gateway_amount is None]
    await store.append_charges(
        db, [(payment.payment_id, payment.payment_id, payment.amount) for payment, _ in charged]
    )
    said: list[Said] = [_charge(payment.payment_id, payment, cause) for payment, cause in charged]
    said += [
        _requested(payment, cause) for payment, cause in asked if payment.gateway_amount is not None
    ]
    return said


def _through_gateway(payment: Payment, cause: Message) -> Payment:
    """With what a gateway is to be asked for, where the method says so."""
    if payment.method not in ("gateway", "on_behalf"):
        return payment
    until = pay_until(payment.method, cause.time)
    return replace(payment, gateway_amount=payment.amount, pay_until=until)


def _charge(charge_id: str, payment: Payment, cause: Message) -> WalletCharge:
    return WalletCharge(
        charge_id=charge_id,
        account_id=payment.account_id,
        wallet=wallet_of(payment.method),
        amount=payment.amount,
        reason="order" if payment.order_id else "invoice",
        as_far_as_possible=payment.as_far_as_possible,
    ).because(cause, key=charge_id)


def _requested(payment: Payment, cause: Message) -> PaymentRequested:
    return PaymentRequested(
        payment_id=payment.payment_id,
        order_id=payment.order_id,
        invoice_id=payment.invoice_id,
        account_id=payment.account_id,
        amount=payment.gateway_amount or payment.amount,
        method=payment.method,
        pay_until=payment.pay_until,
    ).because(cause, key=payment.payment_id)


async def payment_collect(commands: Sequence[PaymentCollect], db: Connection) -> list[Said]:
    """Take the money for invoices."""
    known = await store.find_payment_ids(db, [command.payment_id for command in commands])
    found = await accounts.find_accounts(
        db, [(command.payment_id, command.account_id, command.time) for command in commands]
    )
    said: list[Said] = []
    payments: dict[str, tuple[Payment, Message]] = {}
    for command in commands:
        account = found.get(command.payment_id)
        if account is None:
            said.append(NotYet(command, "unknown_account"))
        elif command.payment_id not in known:
            payments[command.payment_id] = (
                Payment(
                    payment_id=command.payment_id,
                    account_id=command.account_id,
                    order_id=None,
                    invoice_id=command.invoice_id,
                    method=command.method,
                    amount=command.amount,
                    currency=account.currency,
                    as_far_as_possible=command.as_far_as_possible,
                ),
                command,
            )
    return said + await request(list(payments.values()), db)


async def wallet_debited(debits: Sequence[WalletDebited], db: Connection) -> list[Said]:
    """Confirm the payments whose charge was granted. Other charges are not ours."""
    payments = await _charged(debits, db)
    return await _confirm(
        [
            (payments[debit.reference], debit.amount, debit)
            for debit in debits
            if debit.reference in payments
        ],
        db,
    )


async def wallet_declined(declines: Sequence[WalletDeclined], db: Connection) -> list[Said]:
    """End the payments whose charge was declined; top-up-and-pay asks a gateway for the rest."""
    payments = await _charged(declines, db)
    short: list[tuple[Payment, WalletDeclined]] = []
    failed: list[tuple[Payment, str, Message]] = []
    for decline in declines:
        payment = payments.get(decline.reference)
        if payment is None:
            continue
        if payment.method == "top_up_and_pay" and payment.gateway_amount is None:
            missing = payment.amount - decline.available
            until = pay_until(payment.method, decline.time)
            short.append((replace(payment, gateway_amount=missing, pay_until=until), decline))
        else:
            failed.append((payment, "insufficient_credit", decline))
    await store.append_gateway_requests(db, [payment for payment, _ in short])
    return [_requested(payment, decline) for payment, decline in short] + await fail(failed, db)


async def _charged(
    answers: Sequence[WalletDebited] | Sequence[WalletDeclined], db: Connection
) -> dict[str, Payment]:
    """By charge, the payments that are still open."""
    ours = await store.find_charged_payments(db, [answer.reference for answer in answers])
    if not ours:
        return {}
    payments = await store.lock_payments(db, ours.values())
    return {
        charge_id: payment
        for charge_id, payment_id in ours.items()
        if (payment := payments[payment_id]).outcome is None
    }


async def wallet_credited(credits: Sequence[WalletCredited], db: Connection) -> list[Said]:
    """Top-up-and-pay: the rest has become credit, so charge all of it now."""
    top_ups = [credit for credit in credits if credit.reason == "top_up"]
    if not top_ups:
        return []
    payments = await store.lock_payments(db, [credit.reference for credit in top_ups])
    charges = [
        (derived_id("charge", payment.payment_id, "after top-up"), payment, credit)
        for credit in top_ups
        if (payment := payments.get(credit.reference)) is not None
        and payment.outcome is None
        and payment.method == "top_up_and_pay"
    ]
    await store.append_charges(
        db, [(charge_id, payment.payment_id, payment.amount) for charge_id, payment, _ in charges]
    )
    return [_charge(charge_id, payment, credit) for charge_id, payment, credit in charges]


async def gateway_payment_succeeded(
    successes: Sequence[GatewayPaymentSucceeded], db: Connection
) -> list[Said]:
    """Confirm what was paid. Money that nobody waits for any more becomes credit (domain 2)."""
    payments = await store.lock_payments(db, [one.payment_id for one in successes])
    receipts = dict(
        await store.find_receipts(db, [(one.gateway, one.gateway_reference) for one in successes])
    )
    said: list[Said] = []
    came: list[tuple[str, str, str, int, str, datetime]] = []
    confirmed: list[tuple[Payment, int, Message]] = []
    topped_up: list[str] = []
    for success in successes:
        payment = payments.get(success.payment_id)
        reference = (success.gateway, success.gateway_reference)
        if payment is None:
            said.append(_unknown(success))
            continue
        if (earlier := receipts.get(reference)) is not None:
            if earlier != (success.payment_id, success.amount):
                said.append(Refused(success, "id_reused", "the reference had another content"))
            continue
        receipts[reference] = (success.payment_id, success.amount)
        pays = _pays(payment, success) and payment.payment_id not in topped_up
        became = "payment" if pays else "credit"
        came.append((*reference, success.payment_id, success.amount, became, success.time))
        if not pays:
            said += _becomes_credit(payment, success)
        elif payment.method == "top_up_and_pay":
            topped_up.append(payment.payment_id)
            said.append(_top_up(payment.payment_id, payment, success))
        else:
            confirmed.append((payment, success.amount, success))
            payments[payment.payment_id] = replace(payment, outcome="confirmed")
    await store.append_receipts(db, came)
    await store.close_gateway_requests(db, topped_up)
    return said + await _confirm(confirmed, db)


def _pays(payment: Payment, success: GatewayPaymentSucceeded) -> bool:
    """Whether this is the money that the payment waits for."""
    return (
        payment.outcome is None
        and payment.gateway_open
        and success.amount == payment.gateway_amount
        and payment.pay_until is not None
        and success.time <= payment.pay_until
    )


def _unknown(answer: GatewayPaymentSucceeded | GatewayPaymentFailed) -> Said:
    if may_wait(answer):
        return NotYet(answer, "unknown_payment")
    return Refused(answer, "unknown_payment", f"there is no payment {answer.payment_id}")


def _becomes_credit(payment: Payment, success: GatewayPaymentSucceeded) -> list[Said]:
    top_up_id = derived_id("top-up", success.gateway, success.gateway_reference)
    return [
        _top_up(top_up_id, payment, success),
        NotificationRequested(
            account_id=payment.account_id,
            template="payment_became_credit",
            facts={"payment_id": payment.payment_id, "amount": success.amount},
        ).because(success),
    ]


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
        payment.payment_id: (payment, "gateway_failed", failure)
        for failure in failures
        if (payment := payments.get(failure.payment_id)) is not None
        and payment.outcome is None
        and payment.gateway_open
    }
    return said + await fail(list(failed.values()), db)


async def _confirm(paid: Sequence[tuple[Payment, int, Message]], db: Connection) -> list[Said]:
    """The money is ours: say so at once, so that what it was for goes on."""
    if not paid:
        return []
    await store.append_outcomes(
        db,
        [PaymentOutcome(payment, amount, None, cause.time) for payment, amount, cause in paid],
    )
    order_ids = [payment.order_id for payment, _, _ in paid if payment.order_id is not None]
    await orders.begin_provisioning(db, order_ids)
    items = await orders.find_items(db, order_ids)
    said: list[Said] = []
    for payment, amount, cause in paid:
        said.append(
            PaymentConfirmed(
                payment_id=payment.payment_id,
                order_id=payment.order_id,
                invoice_id=payment.invoice_id,
                account_id=payment.account_id,
                amount=amount,
                currency=payment.currency,
                method=payment.method,
                items=items.get(payment.order_id or "", ()),
            ).because(cause, key=payment.payment_id)
        )
        said.append(
            NotificationRequested(
                account_id=payment.account_id,
                template="payment_confirmed",
                facts={"payment_id": payment.payment_id, "amount": amount},
            ).because(cause, key=payment.payment_id)
        )
    return said


async def fail(failed: Sequence[tuple[Payment, str, Message]], db: Connection) -> list[Said]:
    """No money came: cancel the orders, and free what they kept busy. Each payment comes with a
    reason and a cause."""
    if not failed:
        return []
    await store.append_outcomes(
        db, [PaymentOutcome(payment, 0, reason, cause.time) for payment, reason, cause in failed]
    )
    cancelled = {
        payment.order_id: (reason, cause.time)
        for payment, reason, cause in failed
        if payment.order_id is not None
    }
    await orders.cancel_orders(db, cancelled)
    items = await orders.find_items(db, list(cancelled))
    await resources.end_busy(
        db, [(item.resource_id, order_id) for order_id, of in items.items() for item in of]
    )
    await catalogue.give_back_coupons(db, list(cancelled))
    said: list[Said] = []
    for payment, reason, cause in failed:
        if payment.order_id is not None:
            said.append(
                OrderRejected(
                    order_id=payment.order_id,
                    account_id=payment.account_id,
                    reason=reason,
                    message=_REASONS[reason],
                ).because(cause, key=payment.payment_id)
            )
        said.append(
            PaymentFailed(
                payment_id=payment.payment_id,
                order_id=payment.order_id,
                invoice_id=payment.invoice_id,
                account_id=payment.account_id,
                reason=reason,
            ).because(cause, key=payment.payment_id)
        )
    return said
