"""The wallet's handlers against Postgres: each command has its effect once."""

import random
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from services.wallet import store
from shared.database import Connection
from shared.messages.wallet import (
    WalletCredited,
    WalletDebited,
    WalletDeclined,
    WalletHeld,
    WalletReleased,
)
from shared.money import MAX_AMOUNT
from tests.builders import NOON
from tests.conftest import OpenDatabase
from tests.integration.wallet.scenes import (
    charged,
    granted,
    handle,
    held,
    of_type,
    refunded,
    refusals,
    registered,
    released,
    topped_up,
    waits,
)

HOUR = timedelta(hours=1)


@pytest.fixture
async def db(open_database: OpenDatabase) -> AsyncIterator[Connection]:
    """The wallet's database with one registered account."""
    async with open_database("wallet") as db:
        await handle(db, registered())
        yield db


async def state(db: Connection, wallet: str = "credit") -> tuple[int, int]:
    """Balance and held of acc-1."""
    row = await db.fetchrow("select balance, held from wallet where wallet = $1", wallet)
    assert row is not None
    return row["balance"], row["held"]


async def test_top_ups_of_a_group_are_told_each_with_the_balance_after_it(db: Connection) -> None:
    answers = await handle(db, topped_up("t-1", 100), topped_up("t-2", 50))
    assert [(one.reference, one.balance) for one in of_type(answers, WalletCredited)] == [
        ("t-1", 100),
        ("t-2", 150),
    ]


async def test_two_equal_top_ups_with_different_ids_are_both_credited(db: Connection) -> None:
    await handle(db, topped_up("t-1", 100), topped_up("t-2", 100))
    assert await state(db) == (200, 0)


async def test_a_top_up_that_comes_again_as_another_message_is_credited_once(
    db: Connection,
) -> None:
    await handle(db, topped_up("t-1", 100), topped_up("t-1", 100))
    assert await handle(db, topped_up("t-1", 100)) == []
    assert await state(db) == (100, 0)


async def test_a_top_up_id_used_again_with_another_amount_is_put_away(db: Connection) -> None:
    assert refusals(await handle(db, topped_up("t-1", 100), topped_up("t-1", 70))) == ["id_reused"]
    assert refusals(await handle(db, topped_up("t-1", 90))) == ["id_reused"]
    assert await state(db) == (100, 0)


async def test_a_top_up_for_an_account_not_yet_known_waits_while_others_go_on(
    db: Connection,
) -> None:
    answers = await handle(db, topped_up("t-1", 100, account="acc-9"), topped_up("t-2", 50))
    assert waits(answers) == ["unknown_wallet"]
    assert await state(db) == (50, 0)


async def test_a_top_up_beyond_every_sensible_balance_is_put_away(db: Connection) -> None:
    answers = await handle(db, topped_up("t-1", MAX_AMOUNT), topped_up("t-2", 1))
    assert refusals(answers) == ["absurd_balance"]
    assert await state(db) == (MAX_AMOUNT, 0)


async def test_a_registration_that_comes_again_changes_no_wallet(db: Connection) -> None:
    await handle(db, topped_up("t-1", 100))
    await handle(db, registered(), registered(currency="USD"))
    assert await db.fetchval("select currency || balance from wallet") == "VND100"


async def test_charges_are_taken_in_their_order_as_far_as_the_credit_reaches(
    db: Connection,
) -> None:
    await handle(db, topped_up("t-1", 100))
    answers = await handle(db, charged("c-1", 80), charged("c-2", 30), charged("c-3", 20))
    assert [one.reference for one in of_type(answers, WalletDebited)] == ["c-1", "c-3"]
    declined = of_type(answers, WalletDeclined)
    assert [(one.reference, one.amount, one.available) for one in declined] == [("c-2", 30, 20)]
    assert await state(db) == (0, 0)


async def test_a_declined_charge_stays_declined_though_money_came_meanwhile(
    db: Connection,
) -> None:
    await handle(db, charged("c-1", 80))
    await handle(db, topped_up("t-1", 100))
    assert await handle(db, charged("c-1", 80)) == []
    assert await state(db) == (100, 0)


async def test_a_charge_as_far_as_possible_takes_what_there_is(db: Connection) -> None:
    await handle(db, topped_up("t-1", 100))
    first, again = (charged("c-1", 130, as_far_as_possible=True) for _ in range(2))
    assert [one.amount for one in of_type(await handle(db, first), WalletDebited)] == [100]
    assert await handle(db, again) == []
    answers = await handle(db, charged("c-2", 1, as_far_as_possible=True))
    assert [one.reference for one in of_type(answers, WalletDeclined)] == ["c-2"]


async def test_a_charge_id_used_again_with_another_content_is_put_away(db: Connection) -> None:
    await handle(db, topped_up("t-1", 100))
    assert refusals(await handle(db, charged("c-1", 10), charged("c-1", 20))) == ["id_reused"]
    assert refusals(await handle(db, charged("c-1", 20))) == ["id_reused"]
    await handle(db, charged("c-2", 500))
    assert refusals(await handle(db, charged("c-2", 5))) == ["id_reused"]
    assert await state(db) == (90, 0)


async def test_a_refund_goes_into_the_wallet_that_billing_names(db: Connection) -> None:
    await handle(db, granted(1_000), refunded("r-1", 70), refunded("r-2", 30, wallet="poc"))
    assert await state(db) == (70, 0)
    assert await state(db, "poc") == (1_030, 0)


async def test_a_poc_grant_opens_its_wallet_and_the_same_grant_again_adds_nothing(
    db: Connection,
) -> None:
    answers = await handle(db, granted(1_000, "g-1"), granted(500, "g-2"))
    assert [(one.wallet, one.balance) for one in of_type(answers, WalletCredited)] == [
        ("poc", 1_000),
        ("poc", 1_500),
    ]
    await handle(db, granted(1_000, "g-1"))
    assert await state(db, "poc") == (1_500, 0)
    assert await db.fetchval("select distinct kind from transfer") == "grant"


async def test_a_poc_grant_for_an_account_not_yet_known_waits(db: Connection) -> None:
    assert waits(await handle(db, granted(1_000, account="acc-9"))) == ["unknown_wallet"]


async def test_a_hold_is_set_to_an_amount_and_freed(db: Connection) -> None:
    """The example of domain 8, in millions."""
    await handle(db, topped_up("t-1", 50_000_000))
    first = of_type(await handle(db, held("h-1", "ch-1", 1_800_000)), WalletHeld)
    assert [(one.available, one.reference, one.change_id) for one in first] == [
        (48_200_000, "h-1", "ch-1")
    ]
    later = held("h-1", "ch-2", 2_400_000, at=NOON + 24 * HOUR)
    assert of_type(await handle(db, later), WalletHeld)[0].available == 47_600_000
    freed = of_type(await handle(db, released("h-1", "ch-3", at=NOON + 48 * HOUR)), WalletReleased)
    assert [(one.amount, one.held, one.available) for one in freed] == [(2_400_000, 0, 50_000_000)]


async def test_held_credit_can_not_be_spent(db: Connection) -> None:
    await handle(db, topped_up("t-1", 100))
    answers = await handle(db, held("h-1", "ch-1", 60), held("h-2", "ch-2", 41))
    assert [one.reference for one in of_type(answers, WalletDeclined)] == ["h-2"]
    answers = await handle(db, charged("c-1", 41), charged("c-2", 40))
    assert [one.reference for one in of_type(answers, WalletDebited)] == ["c-2"]
    assert await state(db) == (60, 60)


async def test_a_change_of_a_hold_counts_once(db: Connection) -> None:
    await handle(db, topped_up("t-1", 100), held("h-1", "ch-1", 60), held("h-1", "ch-1", 60))
    assert await handle(db, held("h-1", "ch-1", 60)) == []
    assert await state(db) == (100, 60)
    assert refusals(await handle(db, held("h-1", "ch-1", 61))) == ["id_reused"]


async def test_a_change_older_than_the_one_applied_last_is_ignored(db: Connection) -> None:
    await handle(db, topped_up("t-1", 100))
    await handle(db, released("h-1", "ch-2", at=NOON + HOUR))
    assert await handle(db, held("h-1", "ch-1", 60, at=NOON)) == []
    assert await state(db) == (100, 0)
    decisions = await db.fetch("select decision from hold_change order by change_id")
    assert [row["decision"] for row in decisions] == ["superseded", "released"]


async def test_a_hold_of_somebody_else_can_not_be_changed(db: Connection) -> None:
    await handle(db, registered("acc-2"), topped_up("t-1", 100), topped_up("t-2", 100, "acc-2"))
    await handle(db, held("h-1", "ch-1", 60))
    assert refusals(await handle(db, held("h-1", "ch-2", 10, account="acc-2"))) == ["id_reused"]
    assert await db.fetchval("select sum(held) from wallet") == 60


async def test_holds_end_the_same_in_whatever_order_their_changes_come(
    db: Connection,
) -> None:
    await handle(db, topped_up("t-1", 1_000))
    changes = [held("h-1", f"ch-{n}", 10 * n, at=NOON + n * HOUR) for n in range(1, 9)]
    random.Random(5).shuffle(changes)
    for change in changes:
        await handle(db, change)
    assert await state(db) == (1_000, 80)


async def test_the_credit_history_is_shown_newest_first_a_page_at_a_time(db: Connection) -> None:
    await handle(db, *(topped_up(f"t-{n}", n) for n in range(1, 6)), charged("c-1", 15))
    page = await db.fetch(store.sql.show_credit_history, "acc-1", "credit", None, 4)
    assert [(row["reference"], row["amount"], row["balance"]) for row in page] == [
        ("c-1", -15, 0),
        ("t-5", 5, 15),
        ("t-4", 4, 10),
        ("t-3", 3, 6),
    ]
    rest = await db.fetch(store.sql.show_credit_history, "acc-1", "credit", page[-1]["position"], 4)
    assert [row["reference"] for row in rest] == ["t-2", "t-1"]
