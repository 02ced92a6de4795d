"""What the schema refuses, whoever asks, and what happens when two ask at once (domain 11)."""

import asyncio
from typing import Any

import asyncpg
import pytest

from shared.database import Pool, is_transient, pool
from shared.messages import Message, Said
from shared.messages.billing import OrderRejected, PaymentConfirmed, RefundToCredit
from shared.messages.scheduler import TickMinute
from shared.messages.upstream import GatewayPaymentSucceeded, TopUpReceived
from shared.messages.wallet import WalletCharge
from tests.builders import NOON, said
from tests.integration.billing.neighbours import (
    ACCOUNT,
    DAY,
    acted,
    coupon,
    created,
    debited,
    failed,
    item_of,
)
from tests.integration.billing.till import Till, handle, of_type, one


async def refused(till: Till, statement: str, *arguments: Any) -> str:
    """The constraint that a statement breaks."""
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as broken:
        async with till.db.transaction():
            await till.db.execute(statement, *arguments)
    return str(broken.value)


@pytest.mark.parametrize(
    "table",
    [
        "user_type_switch",
        "order_item",
        "item_outcome",
        "payment",
        "payment_outcome",
        "gateway_receipt",
        "recorded_payment",
        "credit_note",
        "refund",
    ],
)
async def test_what_was_written_of_money_is_only_added_to(till: Till, table: str) -> None:
    assert "only ever added to" in await refused(till, f"delete from {table}")
    columns = await till.rows(
        "select column_name from information_schema.columns where table_name = $1"
        " and table_schema = 'billing' limit 1",
        table,
    )
    name = columns[0]["column_name"]
    assert "only ever added to" in await refused(till, f"update {table} set {name} = {name}")


_REFUND = """
    insert into refund (refund_id, account_id, order_id, item_id, item_amount, outcome, payment_id,
                        wallet, amount, reason, at)
    values ($1, 'acc-1', 'ord-1', 'vm-1', $2, $3, null, 'credit', $4, $5, now())
"""


async def test_an_item_is_refunded_once_and_only_as_it_ended(till: Till) -> None:
    await till.open_shop()
    confirmed = await till.pay(created(item_of("image"), order_id="ord-1"))
    not_failed = await refused(till, _REFUND, "r", 90_000, "failed", 90_000, "provisioning_failed")
    assert "foreign key" in not_failed
    assert "item_outcome" in not_failed
    one(await till.hear(failed(confirmed)), RefundToCredit)
    again = await refused(till, _REFUND, "r", 90_000, "failed", 90_000, "provisioning_failed")
    assert "refund_order_id_item_id_account_id_key" in again


async def test_a_failed_item_gives_back_exactly_what_it_cost(till: Till) -> None:
    await till.open_shop()
    await till.pay(created(item_of("image"), order_id="ord-1"))
    await till.db.execute("insert into item_outcome values ('ord-1', 'vm-1', 'failed', 'x', now())")
    for amount in (89_999, 90_001, 0):
        await refused(till, _REFUND, "r", 90_000, "failed", amount, "provisioning_failed")
    other_cost = await refused(till, _REFUND, "r", 1, "failed", 1, "provisioning_failed")
    assert "foreign key" in other_cost
    assert "order_item" in other_cost
    await till.db.execute(_REFUND, "r", 90_000, "failed", 90_000, "provisioning_failed")


async def test_a_failed_deletion_gives_back_only_what_was_not_used(till: Till) -> None:
    await till.open_shop()
    await till.run()
    await till.hear(acted("delete", order_id="ord-1", item_id="vm-1"))
    await till.db.execute("insert into item_outcome values ('ord-1', 'vm-1', 'failed', 'x', now())")
    for reason in ("resized", "poc_stopped", "provisioning_failed"):
        await refused(till, _REFUND, "r", 0, "failed", 60_000, reason)
    await till.db.execute(_REFUND, "r", 0, "failed", 60_000, "deleted")


async def test_a_payment_ends_once_and_takes_no_more_than_was_asked(till: Till) -> None:
    await till.open_shop()
    await till.hear(created(item_of("image"), order_id="ord-1"))
    outcome = "insert into payment_outcome values ('payment-ord-1', $1, $2, $3, $4, now())"
    await refused(till, outcome, 90_000, "confirmed", 90_001, None)
    await refused(till, outcome, 90_001, "confirmed", 90_001, None)
    await refused(till, outcome, 90_000, "confirmed", 0, None)
    await refused(till, outcome, 90_000, "failed", 1, "x")
    await refused(till, outcome, 90_000, "failed", 0, None)
    await till.db.execute(outcome, 90_000, "confirmed", 90_000, None)
    assert "payment_outcome_pkey" in await refused(till, outcome, 90_000, "failed", 0, "x")


async def test_a_coupon_is_not_used_more_often_than_it_may_be(till: Till) -> None:
    await till.open_shop(coupon(max_uses=3))
    assert "coupon_not_overused" in await refused(till, "update coupon set uses = 4")
    assert "coupon_uses_check" in await refused(till, "update coupon set uses = -1")


async def test_an_account_has_one_automatic_renewal_at_a_time(till: Till) -> None:
    await till.open_shop()
    await till.run("vm-1")
    await till.run("vm-2")
    attempt = """
        insert into renewal_attempt (resource_id, ends_at, at, account_id, order_id, made_at)
        values ($1, $2, $3, 'acc-1', $1, now())
    """
    await till.db.execute(attempt, "vm-1", NOON + DAY, NOON)
    assert "renewal_one_at_a_time" in await refused(till, attempt, "vm-2", NOON + DAY, NOON)
    await till.db.execute("update renewal_attempt set outcome = 'paid'")
    assert "renewal_attempt_check" in await refused(till, attempt, "vm-2", NOON, NOON)
    assert "renewal_attempt_pkey" in await refused(till, attempt, "vm-1", NOON + DAY, NOON)


async def _hear(connections: Pool, *messages: Message) -> list[Said]:
    """Handle a group as a worker does: repeated while the trouble is one that passes."""
    for _ in range(20):
        async with connections.acquire() as db:
            try:
                async with db.transaction():
                    return await handle(db, messages)
            except Exception as error:
                if not is_transient(error, db):
                    raise
    raise AssertionError("the trouble does not pass")


async def _shop(connections: Pool, *more: Message) -> None:
    async with connections.acquire() as db:
        await Till(db).open_shop(*more)


async def test_fifty_orders_at_once_use_a_coupon_three_times(database_url: str) -> None:
    async with pool(database_url, "billing", size=8) as connections:
        await _shop(connections, coupon(max_uses=3))
        orders = [created(item_of("image", item_id=f"vm-{n}"), coupon="SAVE") for n in range(50)]
        answers = await asyncio.gather(
            *(_hear(connections, *orders[start : start + 5]) for start in range(0, 50, 5))
        )
        said_ = [answer for group in answers for answer in group]
        async with connections.acquire() as db:
            uses = await db.fetchval("select uses from coupon")
    assert len(of_type(said_, WalletCharge)) == uses == 3
    assert [one_.reason for one_ in of_type(said_, OrderRejected)] == ["coupon_used_up"] * 47


async def test_of_orders_for_one_resource_at_once_one_is_accepted(database_url: str) -> None:
    async with pool(database_url, "billing", size=8) as connections:
        await _shop(connections)
        async with connections.acquire() as db:
            await Till(db).run("vm-1")
        answers = await asyncio.gather(
            *(_hear(connections, acted("renew", days=30)) for _ in range(16))
        )
    said_ = [answer for group in answers for answer in group]
    assert len(of_type(said_, WalletCharge)) == 1
    assert [one_.reason for one_ in of_type(said_, OrderRejected)] == ["resource_busy"] * 15


async def test_of_orders_that_create_one_resource_at_once_one_is_accepted(
    database_url: str,
) -> None:
    async with pool(database_url, "billing", size=8) as connections:
        await _shop(connections)
        answers = await asyncio.gather(
            *(_hear(connections, created(item_of("image"))) for _ in range(8))
        )
        said_ = [answer for group in answers for answer in group]
        assert len(of_type(said_, WalletCharge)) == 1
        assert [one_.reason for one_ in of_type(said_, OrderRejected)] == ["resource_exists"] * 7
        same = [created(item_of("image", item_id="vm-2"), order_id="ord-1") for _ in range(8)]
        answers = await asyncio.gather(*(_hear(connections, order) for order in same))
        assert len([answer for group in answers for answer in group]) == 1


async def test_answers_to_one_payment_at_once_end_it_once(database_url: str) -> None:
    """A gateway's success, paid twice, and the tick that cancels what is overdue."""
    async with pool(database_url, "billing", size=8) as connections:
        await _shop(connections)
        for number in range(10):
            order_id = f"ord-{number}"
            order = created(
                item_of("image", item_id=f"vm-{number}"),
                order_id=order_id,
                payment_method="gateway",
            )
            await _hear(connections, order)
            successes = [
                said(
                    GatewayPaymentSucceeded(
                        payment_id=f"payment-{order_id}",
                        gateway="momo",
                        gateway_reference=f"{order_id}-{attempt}",
                        amount=90_000,
                    )
                )
                for attempt in range(2)
            ]
            answers = await asyncio.gather(
                *(_hear(connections, success) for success in successes),
                _hear(connections, said(TickMinute(), at=NOON + DAY)),
            )
            said_ = [answer for group in answers for answer in group]
            paid = len(of_type(said_, PaymentConfirmed))
            assert paid + len(of_type(said_, OrderRejected)) == 1
            credit = sum(top_up.amount for top_up in of_type(said_, TopUpReceived))
            assert 90_000 * paid + credit == 180_000


async def test_a_charge_that_is_answered_by_many_workers_at_once_pays_once(
    database_url: str,
) -> None:
    async with pool(database_url, "billing", size=8) as connections:
        await _shop(connections)
        charge = one(await _hear(connections, created(item_of("image"))), WalletCharge)
        answers = await asyncio.gather(*(_hear(connections, debited(charge)) for _ in range(8)))
        said_ = [answer for group in answers for answer in group]
        confirmed = one(said_, PaymentConfirmed)
        again = await asyncio.gather(*(_hear(connections, failed(confirmed)) for _ in range(8)))
        refund = one([answer for group in again for answer in group], RefundToCredit)
        assert (refund.amount, refund.account_id) == (90_000, ACCOUNT)
