"""Holds that pay: what is held for a resource is spent by its invoice, and by nothing else."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import asyncpg
import pytest

from shared.database import Connection
from shared.messages.wallet import WalletCharge, WalletDebited, WalletDeclined
from tests.builders import NOON, said
from tests.conftest import OpenDatabase
from tests.integration.wallet.scenes import (
    charged,
    handle,
    held,
    of_type,
    refusals,
    registered,
    topped_up,
)

HOUR = timedelta(hours=1)


@pytest.fixture
async def db(open_database: OpenDatabase) -> AsyncIterator[Connection]:
    """The wallet's database with one account, of which 60 of 100 are held."""
    async with open_database("wallet") as db:
        await handle(db, registered())
        await handle(db, topped_up("t-1", 100), held("vm-1", "ch-1", 60))
        yield db


def captured(
    id: str, amount: int, hold: str = "vm-1", change: str = "ch-2", at: datetime = NOON + HOUR
) -> WalletCharge:
    """Billing takes what an invoice costs, out of a hold first."""
    charge = WalletCharge(
        charge_id=id,
        account_id="acc-1",
        wallet="credit",
        amount=amount,
        reason="invoice",
        as_far_as_possible=True,
        hold_id=hold,
        change_id=change,
    )
    return said(charge, at=at)


async def state(db: Connection) -> tuple[int, int, int | None]:
    """Balance, held, and the amount of the hold."""
    row = await db.fetchrow(
        "select balance, held, (select amount from hold) as amount from wallet"
        " where account_id = 'acc-1'"
    )
    assert row is not None
    return row["balance"], row["held"], row["amount"]


async def test_a_hold_pays_its_invoice_and_what_is_left_of_it_stays_held(db: Connection) -> None:
    answers = await handle(db, captured("c-1", 45))
    assert [(one.amount, one.held, one.available) for one in of_type(answers, WalletDebited)] == [
        (45, 15, 40)
    ]
    assert await state(db) == (55, 15, 15)


async def test_what_a_hold_lacks_comes_from_the_available_credit_as_far_as_it_reaches(
    db: Connection,
) -> None:
    await handle(db, captured("c-1", 75))
    assert await state(db) == (25, 0, 0)
    answers = await handle(db, captured("c-2", 80, change="ch-3"))
    assert [one.amount for one in of_type(answers, WalletDebited)] == [25]
    answers = await handle(db, captured("c-3", 1, change="ch-4"))
    assert [one.reference for one in of_type(answers, WalletDeclined)] == ["c-3"]


async def test_a_hold_is_spent_by_nothing_else_in_the_group_that_captures_it(
    db: Connection,
) -> None:
    answers = await handle(db, charged("greedy", 41), captured("c-1", 60), charged("fits", 40))
    assert [one.reference for one in of_type(answers, WalletDebited)] == ["c-1", "fits"]
    assert await state(db) == (0, 0, 0)


async def test_a_capture_that_comes_again_takes_nothing_more(db: Connection) -> None:
    await handle(db, captured("c-1", 45), captured("c-1", 45))
    assert await handle(db, captured("c-1", 45)) == []
    assert await state(db) == (55, 15, 15)
    decisions = await db.fetch("select decision, amount from hold_change order by change_id")
    assert [tuple(row) for row in decisions] == [("held", 60), ("captured", 15)]


async def test_a_change_said_before_a_capture_sets_nothing_after_it(db: Connection) -> None:
    await handle(db, captured("c-1", 45, change="ch-3"))
    assert await handle(db, held("vm-1", "ch-2", 80, at=NOON + HOUR)) == []
    assert await state(db) == (55, 15, 15)


async def test_a_hold_of_somebody_else_pays_nothing(db: Connection) -> None:
    await handle(db, registered("acc-2"), topped_up("t-2", 100, "acc-2"))
    await handle(db, held("other", "ch-9", 50, "acc-2"))
    assert refusals(await handle(db, captured("c-1", 45, hold="other"))) == ["id_reused"]
    assert await db.fetchval("select sum(held) from wallet") == 110


async def test_a_capture_without_a_hold_takes_what_is_available(db: Connection) -> None:
    answers = await handle(db, captured("c-1", 70, hold="none"))
    assert [one.amount for one in of_type(answers, WalletDebited)] == [40]
    assert await state(db) == (60, 60, 60)


async def test_held_credit_can_not_be_spent_past_the_program_either(db: Connection) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await db.execute("update wallet set balance = 59")


async def test_many_at_once_spend_what_is_available_and_never_what_is_held(
    open_database: OpenDatabase,
) -> None:
    async with open_database("wallet") as db:
        await handle(db, registered())
        await handle(db, topped_up("t-1", 1_000), held("vm-1", "ch-1", 600))

    async def spend(number: int) -> Counter[str]:
        async with open_database("wallet") as db:
            answers = await handle(db, charged(f"c-{number}", 30), charged(f"d-{number}", 20))
            return Counter(one.type for one in answers if isinstance(one, WalletDebited))

    async def capture() -> Counter[str]:
        async with open_database("wallet") as db:
            answers = await handle(db, captured("pays", 500))
            (taken,) = of_type(answers, WalletDebited)
            assert taken.amount == 500
            return Counter()

    await asyncio.gather(*(spend(number) for number in range(20)), capture())
    async with open_database("wallet") as db:
        balance, held_now, hold = await state(db)
        orders = await db.fetchval("select sum(amount) from transfer where reason = 'order'")
        assert hold == held_now == 100
        assert balance == 1_000 - 500 - orders
        assert 400 - 20 < orders <= 400
