"""Ways to pay, and what becomes of money that comes late, twice or wrong (domain 2.2, 2.3)."""

import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from services.billing.store import payments as store
from shared.messages import Message, Said
from shared.messages.billing import (
    InvoicePaymentConfirmed,
    OrderRejected,
    PaymentCollect,
    PaymentConfirmed,
    PaymentFailed,
    PaymentRequested,
    RefundToCredit,
)
from shared.messages.invoicing import InvoicePaid
from shared.messages.notifications import NotificationRequested
from shared.messages.scheduler import TickMinute
from shared.messages.upstream import GatewayPaymentFailed, GatewayPaymentSucceeded, TopUpReceived
from shared.messages.wallet import WalletCharge
from tests.builders import NOON, said
from tests.integration.billing.neighbours import (
    ACCOUNT,
    DAY,
    HOUR,
    coupon,
    created,
    credited,
    debited,
    declined,
    failed,
    item_of,
)
from tests.integration.billing.till import Till, of_type, one, refusals, waits


def succeeded(
    payment_id: str = "payment-ord-1",
    amount: int = 90_000,
    *,
    at: datetime = NOON + HOUR,
    reference: str = "momo-1",
    attempt: int = 0,
) -> GatewayPaymentSucceeded:
    return said(
        GatewayPaymentSucceeded(
            payment_id=payment_id, gateway="momo", gateway_reference=reference, amount=amount
        ),
        at=at,
        attempt=attempt,
    )


def not_paid(*, at: datetime = NOON + HOUR) -> GatewayPaymentFailed:
    return said(
        GatewayPaymentFailed(
            payment_id="payment-ord-1", gateway="momo", gateway_reference="momo-0", reason="no"
        ),
        at=at,
    )


def tick(at: datetime) -> TickMinute:
    return said(TickMinute(), at=at)


def order(method: str) -> Message:
    return created(item_of("image"), order_id="ord-1", payment_method=method)


@pytest.mark.parametrize(
    ("method", "validity", "reason"),
    [("gateway", DAY, "payment_overdue"), ("on_behalf", 3 * DAY, "link_expired")],
)
async def test_an_order_waits_for_a_gateway_only_so_long(
    till: Till, method: str, validity: timedelta, reason: str
) -> None:
    await till.open_shop()
    request = one(await till.hear(order(method)), PaymentRequested)
    assert (request.amount, request.method, request.pay_until) == (90_000, method, NOON + validity)
    assert await till.hear(tick(NOON + validity - timedelta(minutes=1))) == []
    answers = await till.hear(tick(NOON + validity + 5 * DAY), tick(NOON + validity))
    rejected = one(answers, OrderRejected)
    assert (rejected.reason, rejected.time) == (reason, NOON + validity)
    assert await till.hear(tick(NOON + validity + 6 * DAY)) == []
    assert await till.state() == "failed"


@pytest.mark.parametrize("method", ["gateway", "on_behalf"])
async def test_money_through_a_gateway_pays_the_order_once(till: Till, method: str) -> None:
    await till.open_shop()
    await till.hear(order(method))
    confirmed = one(await till.hear(succeeded(), succeeded()), PaymentConfirmed)
    assert (confirmed.amount, confirmed.method, confirmed.time) == (90_000, method, NOON + HOUR)
    assert await till.hear(succeeded(), not_paid(), tick(NOON + 9 * DAY)) == []
    refund = one(await till.hear(failed(confirmed)), RefundToCredit)
    assert (refund.account_id, refund.wallet, refund.amount) == (ACCOUNT, "credit", 90_000)


async def test_another_amount_becomes_credit_and_the_order_goes_on_waiting(till: Till) -> None:
    await till.open_shop()
    await till.hear(order("gateway"))
    answers = await till.hear(succeeded(amount=80_000))
    assert one(answers, TopUpReceived).amount == 80_000
    assert one(answers, NotificationRequested).template == "payment_became_credit"
    one(await till.hear(succeeded(reference="momo-2")), PaymentConfirmed)


async def test_paid_twice_the_second_becomes_credit(till: Till) -> None:
    await till.open_shop()
    await till.hear(order("gateway"))
    answers = await till.hear(succeeded(), succeeded(reference="momo-2"))
    one(answers, PaymentConfirmed)
    assert one(answers, TopUpReceived).amount == 90_000
    assert refusals(await till.hear(succeeded(amount=1))) == ["id_reused"]


async def test_money_for_an_unknown_payment_waits_and_is_then_for_a_person(till: Till) -> None:
    await till.open_shop()
    assert waits(await till.hear(succeeded())) == ["unknown_payment"]
    assert refusals(await till.hear(succeeded(attempt=6))) == ["unknown_payment"]


async def test_an_order_cancelled_by_its_gateway_frees_its_coupon(till: Till) -> None:
    await till.open_shop(coupon(max_uses=1))
    await till.hear(
        created(item_of("image"), order_id="ord-1", payment_method="gateway", coupon="SAVE")
    )
    answers = await till.hear(not_paid())
    assert one(answers, OrderRejected).reason == "gateway_failed"
    assert one(answers, PaymentFailed).payment_id == "payment-ord-1"
    charge = one(
        await till.hear(created(item_of("image", item_id="vm-2"), coupon="SAVE")), WalletCharge
    )
    assert charge.amount == 70_000


async def test_every_order_of_arrival_keeps_all_the_money(till: Till) -> None:
    """Either the order is paid, or all that came for it is credit; never both, never neither."""
    await till.open_shop()
    arrivals = itertools.permutations(["succeeded", "failed", "expired", "again"])
    for number, arrival in enumerate(arrivals):
        await till.hear(
            created(
                item_of("image", item_id=f"vm-{number}"),
                order_id=f"ord-{number}",
                payment_method="gateway",
            )
        )
        payment_id, reference = f"payment-ord-{number}", f"momo-{number}"
        messages: dict[str, Message] = {
            "succeeded": succeeded(payment_id, reference=reference),
            "failed": not_paid().model_copy(update={"payment_id": payment_id}),
            "expired": tick(NOON + DAY),
            "again": succeeded(payment_id, reference=f"{reference}-again"),
        }
        answers: list[Said] = []
        for name in arrival:
            answers += await till.hear(messages[name])
        paid = len(of_type(answers, PaymentConfirmed))
        cancelled = len(of_type(answers, OrderRejected))
        as_credit = sum(top_up.amount for top_up in of_type(answers, TopUpReceived))
        assert paid + cancelled == 1, arrival
        assert 90_000 * paid + as_credit == 2 * 90_000, arrival


async def test_top_up_and_pay_takes_all_credit_and_the_rest_through_a_gateway(till: Till) -> None:
    await till.open_shop()
    charge = one(await till.hear(order("top_up_and_pay")), WalletCharge)
    assert charge.amount == 90_000
    request = one(await till.hear(declined(charge, available=60_000)), PaymentRequested)
    assert request.amount == 30_000
    answers = await till.hear(succeeded(amount=30_000))
    top_up = one(answers, TopUpReceived)
    assert len(answers) == 1
    charge = one(await till.hear(credited(top_up)), WalletCharge)
    assert charge.amount == 90_000
    confirmed = one(await till.hear(debited(charge)), PaymentConfirmed)
    assert (confirmed.amount, confirmed.method) == (90_000, "top_up_and_pay")


async def test_top_up_and_pay_with_enough_credit_needs_no_gateway(till: Till) -> None:
    await till.open_shop()
    charge = one(await till.hear(order("top_up_and_pay")), WalletCharge)
    one(await till.hear(debited(charge)), PaymentConfirmed)


async def test_credit_that_was_spent_meanwhile_cancels_top_up_and_pay_and_the_top_up_stays(
    till: Till,
) -> None:
    await till.open_shop()
    charge = one(await till.hear(order("top_up_and_pay")), WalletCharge)
    await till.hear(declined(charge, available=60_000))
    top_up = one(await till.hear(succeeded(amount=30_000)), TopUpReceived)
    again = one(await till.hear(credited(top_up)), WalletCharge)
    answers = await till.hear(declined(again, available=30_000))
    assert one(answers, OrderRejected).reason == "insufficient_credit"
    assert not of_type(answers, RefundToCredit)


async def test_a_top_up_named_like_a_payment_pays_nothing(till: Till) -> None:
    await till.open_shop()
    charge = one(await till.hear(order("top_up_and_pay")), WalletCharge)
    await till.hear(declined(charge, available=60_000))
    forged = said(
        TopUpReceived(
            top_up_id="payment-ord-1",
            account_id=ACCOUNT,
            amount=1,
            gateway="momo",
            gateway_reference="momo-9",
        )
    )
    assert await till.hear(credited(forged)) == []
    one(await till.hear(succeeded(amount=30_000)), TopUpReceived)


def collect(payment_id: str = "pay-1", **fields: object) -> PaymentCollect:
    return said(
        PaymentCollect.model_validate(
            {
                "payment_id": payment_id,
                "invoice_id": "inv-1",
                "account_id": ACCOUNT,
                "amount": 50_000,
                "method": "credit",
                **fields,
            }
        )
    )


async def test_an_invoice_is_paid_from_credit_as_far_as_it_reaches(till: Till) -> None:
    await till.open_shop()
    command = collect(as_far_as_possible=True)
    charge = one(await till.hear(command, collect(as_far_as_possible=True)), WalletCharge)
    assert (charge.amount, charge.as_far_as_possible) == (50_000, True)
    assert await till.hear(collect(as_far_as_possible=True)) == []
    answers = await till.hear(debited(charge, 20_000))
    counted = one(answers, InvoicePaymentConfirmed)
    assert (counted.payment_id, counted.invoice_id, counted.amount) == ("pay-1", "inv-1", 20_000)
    confirmed = one(answers, PaymentConfirmed)
    assert (confirmed.invoice_id, confirmed.order_id, confirmed.amount, confirmed.items) == (
        "inv-1",
        None,
        20_000,
        (),
    )


async def test_an_invoice_without_any_credit_stays_unpaid(till: Till) -> None:
    await till.open_shop()
    charge = one(await till.hear(collect(as_far_as_possible=True)), WalletCharge)
    answers = await till.hear(declined(charge))
    assert one(answers, PaymentFailed).invoice_id == "inv-1"
    assert not of_type(answers, OrderRejected)


async def test_an_invoice_is_paid_through_a_gateway(till: Till) -> None:
    await till.open_shop()
    assert waits(await till.hear(collect(account_id="acc-9"))) == ["unknown_account"]
    request = one(await till.hear(collect(method="gateway")), PaymentRequested)
    assert request.invoice_id == "inv-1"
    confirmed = one(await till.hear(succeeded("pay-1", 50_000)), PaymentConfirmed)
    assert (confirmed.invoice_id, confirmed.method) == ("inv-1", "gateway")


def invoice_paid(payment_id: str, amount: int = 20_000, *, at: datetime = NOON) -> Message:
    return said(
        InvoicePaid(
            invoice_id="inv-1",
            account_id=ACCOUNT,
            payment_id=payment_id,
            amount=amount,
            outstanding=0,
        ),
        at=at,
    )


async def test_the_payment_history_has_orders_and_invoices_and_what_sales_recorded(
    till: Till,
) -> None:
    await till.open_shop()
    await till.pay(created(item_of("image"), order_id="ord-1"))
    charge = one(await till.hear(collect()), WalletCharge)
    await till.hear(debited(charge))
    recorded = invoice_paid("recorded:1", at=NOON + DAY)
    assert await till.hear(invoice_paid("pay-1"), recorded) == []
    assert await till.hear(recorded) == []
    history = await store.show_payments(till.db, ACCOUNT, limit=2)
    assert [(row["payment_id"], row["method"], row["amount"]) for row in history] == [
        ("recorded:1", "recorded", 20_000),
        ("payment-ord-1", "credit", 90_000),
    ]
    last = history[-1]
    older = await store.show_payments(
        till.db, ACCOUNT, before=(last["paid_at"], last["payment_id"])
    )
    assert [row["payment_id"] for row in older] == ["pay-1"]


async def test_a_charge_of_somebody_else_is_none_of_billings(till: Till) -> None:
    await till.open_shop()
    charge = one(await till.hear(order("credit")), WalletCharge)
    other = charge.model_copy(update={"charge_id": "other"})
    answers: Sequence[Said] = await till.hear(debited(other), declined(other))
    assert answers == []
