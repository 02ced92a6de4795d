"""Payments: asked for, confirmed, or failed (domain 2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

from services.billing.domain.payments import Payment, PaymentOutcome, pay_until, wallet_of
from services.billing.handlers import holds, renewals
from services.billing.handlers.renewals import Decision
from services.billing.store import accounts, catalogue, orders, resources
from services.billing.store import payments as store
from shared.database import Connection
from shared.ids import derived_id
from shared.messages import Message, NotYet, Said
from shared.messages.billing import (
    InvoicePaymentConfirmed,
    OrderRejected,
    PaymentCollect,
    PaymentFailed,
    PaymentRequested,
    WrittenPaymentConfirmed,
)
from shared.messages.invoicing import InvoicePaid, InvoicePartiallyPaid
from shared.messages.notifications import NotificationRequested
from shared.messages.wallet import WalletCharge, WalletCredited, WalletDebited, WalletDeclined

FailureReason = Literal[
    "insufficient_credit",
    "insufficient_poc_credit",
    "payment_overdue",
    "link_expired",
    "gateway_failed",
]
_REASONS: Final[Mapping[FailureReason, str]] = {
    "insufficient_credit": "there is not enough available credit",
    "insufficient_poc_credit": "there is not enough in the POC wallet",
    "payment_overdue": "nobody paid in time",
    "link_expired": "the payment link has expired",
    "gateway_failed": "the payment gateway did not take the money",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """A payment that did not come about, why, and since when; `cause` told us."""

    payment: Payment
    reason: FailureReason
    cause: Message
    at: datetime


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
    return [
        _charge(payment.payment_id, payment, cause)
        if payment.gateway_amount is None
        else _requested(payment, cause)
        for payment, cause in asked
    ]


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
        hold_id=payment.hold_id,
        change_id=payment.hold_change_id,
    ).because(cause, key=charge_id)


def _requested(payment: Payment, cause: Message) -> PaymentRequested:
    return PaymentRequested(
        payment_id=payment.payment_id,
        order_id=payment.order_id,
        invoice_id=payment.invoice_id,
        account_id=payment.account_id,
        amount=payment.gateway_amount or payment.amount,
        currency=payment.currency,
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
                    hold_id=command.hold_id,
                    hold_change_id=command.change_id,
                ),
                command,
            )
    return said + await request(list(payments.values()), db)


async def invoice_paid(
    payments: Sequence[InvoicePaid | InvoicePartiallyPaid], db: Connection
) -> list[Said]:
    """Put into the payment history what Sales recorded: other payments are there already."""
    await store.append_recorded_payments(db, payments)
    return []


async def wallet_debited(debits: Sequence[WalletDebited], db: Connection) -> list[Said]:
    """Confirm the payments whose charge was granted. Other charges are not ours."""
    payments = await store.lock_charged_payments(db, [debit.reference for debit in debits])
    granted = {
        payments[debit.reference].payment_id: (payments[debit.reference], debit.amount, debit)
        for debit in debits
        if debit.reference in payments
    }
    return await confirm(list(granted.values()), db)


async def wallet_declined(declines: Sequence[WalletDeclined], db: Connection) -> list[Said]:
    """End the payments whose charge was declined; top-up-and-pay asks a gateway for the rest.
    Orders whose hold was declined come to nothing (domain 8)."""
    said = await holds.answered([one for one in declines if one.change_id is not None], db)
    payments = await store.lock_charged_payments(
        db, [one.reference for one in declines if one.change_id is None]
    )
    short: list[tuple[Payment, WalletDeclined]] = []
    failed: list[Failure] = []
    for decline in {decline.reference: decline for decline in declines}.values():
        payment = payments.get(decline.reference)
        if payment is None:
            continue
        if payment.method == "top_up_and_pay" and payment.gateway_amount is None:
            missing = payment.amount - decline.available
            until = pay_until(payment.method, decline.time)
            short.append((replace(payment, gateway_amount=missing, pay_until=until), decline))
        else:
            reason: FailureReason = (
                "insufficient_poc_credit" if payment.method == "poc" else "insufficient_credit"
            )
            failed.append(Failure(payment, reason, decline, decline.time))
    await store.append_gateway_requests(db, [payment for payment, _ in short])
    said += [_requested(payment, decline) for payment, decline in short]
    return said + await fail(failed, db)


async def wallet_credited(credits: Sequence[WalletCredited], db: Connection) -> list[Said]:
    """Top-up-and-pay: the rest has become credit, so charge all of it now."""
    top_ups = [credit for credit in credits if credit.reason == "top_up"]
    if not top_ups:
        return []
    topped_up = await store.find_topped_up(db, [credit.reference for credit in top_ups])
    if not topped_up:
        return []
    payments = await store.lock_payments(db, topped_up.values())
    charges = [
        (derived_id("charge", payment.payment_id, "after top-up"), payment, credit)
        for credit in top_ups
        if credit.reference in topped_up
        and (payment := payments[topped_up[credit.reference]]).outcome is None
    ]
    await store.append_charges(db, [(charge_id, payment) for charge_id, payment, _ in charges])
    return [_charge(charge_id, payment, credit) for charge_id, payment, credit in charges]


async def confirm(paid: Sequence[tuple[Payment, int, Message]], db: Connection) -> list[Said]:
    """The money is ours: say so at once, so that what it was for goes on."""
    if not paid:
        return []
    await store.append_outcomes(
        db,
        [PaymentOutcome(payment, amount, None, cause.time) for payment, amount, cause in paid],
    )
    order_ids = [payment.order_id for payment, _, _ in paid if payment.order_id is not None]
    begun = await orders.begin_provisioning(db, order_ids)
    items = {order_id: written for order_id, (_, written) in begun.items()}
    said: list[Said] = []
    for payment, amount, cause in paid:
        said.append(
            WrittenPaymentConfirmed(
                payment_id=payment.payment_id,
                order_id=payment.order_id,
                invoice_id=payment.invoice_id,
                account_id=payment.account_id,
                amount=amount,
                currency=payment.currency,
                method=payment.method,
            )
            .with_written(items.get(payment.order_id or "", "[]"))
            .because(cause, key=payment.payment_id)
        )
        said.append(
            NotificationRequested(
                account_id=payment.account_id,
                template="payment_confirmed",
                facts={"payment_id": payment.payment_id, "amount": amount},
            ).because(cause, key=payment.payment_id)
        )
        if payment.invoice_id is not None:
            said.append(
                InvoicePaymentConfirmed(
                    payment_id=payment.payment_id,
                    invoice_id=payment.invoice_id,
                    account_id=payment.account_id,
                    amount=amount,
                    currency=payment.currency,
                    method=payment.method,
                ).because(cause, key=payment.payment_id)
            )
    decisions = [
        Decision(payment.order_id, None, cause)
        for payment, _, cause in paid
        if payment.order_id is not None
    ]
    return said + await renewals.conclude(decisions, db)


async def fail(failures: Sequence[Failure], db: Connection) -> list[Said]:
    """No money came: cancel the orders, and free what they kept busy."""
    if not failures:
        return []
    await store.append_outcomes(
        db, [PaymentOutcome(one.payment, 0, one.reason, one.at) for one in failures]
    )
    cancelled = {
        one.payment.order_id: (one.reason, one.at)
        for one in failures
        if one.payment.order_id is not None
    }
    if cancelled:
        await orders.cancel_orders(db, cancelled)
        items = await orders.find_ordered_resources(db, list(cancelled))
        await resources.end_busy(db, items)
        accounts = {one.payment.order_id: one.payment.account_id for one in failures}
        await catalogue.give_back_coupons(db, {one: accounts[one] for one in cancelled})
    decisions = [
        Decision(one.payment.order_id, one.reason, one.cause)
        for one in failures
        if one.payment.order_id is not None
    ]
    said = [message for one in failures for message in _told_failed(one)]
    return said + await renewals.conclude(decisions, db)


def _told_failed(failure: Failure) -> list[Said]:
    payment, reason = failure.payment, failure.reason
    said: list[Message] = [
        PaymentFailed(
            payment_id=payment.payment_id,
            order_id=payment.order_id,
            invoice_id=payment.invoice_id,
            account_id=payment.account_id,
            reason=reason,
        ),
        NotificationRequested(
            account_id=payment.account_id,
            template="payment_failed",
            facts={"payment_id": payment.payment_id, "reason": reason},
        ),
    ]
    if payment.order_id is not None:
        said.append(
            OrderRejected(
                order_id=payment.order_id,
                account_id=payment.account_id,
                reason=reason,
                message=_REASONS[reason],
            )
        )
    return [
        message.because(failure.cause, key=payment.payment_id, at=failure.at) for message in said
    ]
