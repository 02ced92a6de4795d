"""POC wallets: granted with an end, after which they spend nothing (domain 9)."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import asyncpg
import pytest

from shared.database import Connection
from shared.messages.wallet import WalletCredited, WalletDebited, WalletDeclined
from shared.money import MAX_AMOUNT
from tests.builders import NOON
from tests.conftest import OpenDatabase
from tests.integration.wallet.scenes import (
    charged,
    granted,
    handle,
    of_type,
    refunded,
    refusals,
    registered,
)

DAY = timedelta(days=1)
END = NOON + 30 * DAY


@pytest.fixture
async def db(open_database: OpenDatabase) -> AsyncIterator[Connection]:
    """The wallet's database; its account was granted 1,000 for 30 days."""
    async with open_database("wallet") as db:
        await handle(db, registered())
        await handle(db, granted(1_000, "g-1"))
        yield db


async def end_of(db: Connection) -> datetime:
    """When the POC wallet ends."""
    end: datetime = await db.fetchval("select ends_at from wallet where wallet = 'poc'")
    return end


async def test_until_its_end_a_poc_wallet_pays_and_from_then_on_it_spends_nothing(
    db: Connection,
) -> None:
    last = charged("c-1", 100, wallet="poc", at=END - DAY)
    first = charged("c-2", 100, wallet="poc", at=END)
    answers = await handle(db, last, first)
    assert [one.reference for one in of_type(answers, WalletDebited)] == ["c-1"]
    [declined] = of_type(answers, WalletDeclined)
    assert (declined.reference, declined.available, declined.balance) == ("c-2", 0, 900)


async def test_what_comes_back_to_a_wallet_that_has_ended_stays_in_it(db: Connection) -> None:
    await handle(db, charged("c-1", 100, wallet="poc"))
    [credited] = of_type(await handle(db, refunded("r-1", 100, wallet="poc")), WalletCredited)
    assert (credited.wallet, credited.balance) == ("poc", 1_000)


async def test_grants_add_up_and_the_latest_end_counts_in_any_order(db: Connection) -> None:
    later, earlier = END + 5 * DAY, END - 5 * DAY
    await handle(db, granted(1, "g-2", ends_at=later), granted(1, "g-3", ends_at=earlier))
    assert await end_of(db) == later
    await handle(db, granted(1, "g-4", ends_at=END))
    assert await end_of(db) == later
    balance = await db.fetchval("select balance from wallet where wallet = 'poc'")
    assert balance == 1_003


async def test_a_wallet_that_has_ended_is_enabled_again_by_a_grant(db: Connection) -> None:
    at = END + DAY
    refused = await handle(db, charged("c-1", 100, wallet="poc", at=at))
    assert of_type(refused, WalletDeclined)
    await handle(db, granted(1, "g-2", ends_at=END + 30 * DAY))
    assert of_type(await handle(db, charged("c-2", 1_001, wallet="poc", at=at)), WalletDebited)


async def test_a_grant_that_is_put_away_moves_no_end(db: Connection) -> None:
    absurd = granted(MAX_AMOUNT, "g-2", ends_at=END + DAY)
    assert refusals(await handle(db, absurd)) == ["absurd_balance"]
    assert await end_of(db) == END


@pytest.mark.parametrize(
    "statement",
    [
        "update wallet set ends_at = ends_at - interval '1 day' where wallet = 'poc'",
        "update wallet set ends_at = null where wallet = 'poc'",
        "update wallet set ends_at = now() where wallet = 'credit'",
        """with moved as (
               update wallet set balance = balance - 1, transfers = transfers + 1
               where wallet = 'poc' returning *
           )
           insert into transfer (kind, transfer_id, account_id, wallet, position, debit_side,
                                 credit_side, amount, currency, balance_before, balance_after,
                                 reason, at)
           select 'charge', 'late', account_id, wallet, transfers, 'wallet', 'revenue', 1, currency,
                  balance + 1, balance, 'order', ends_at
           from moved""",
    ],
)
async def test_the_schema_keeps_the_end_and_spends_nothing_after_it(
    db: Connection, statement: str
) -> None:
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        async with db.transaction():
            await db.execute(statement)
