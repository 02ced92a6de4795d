"""The ledger's guarantees, broken on purpose: the schema refuses, whatever a worker believes."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from shared.database import Connection
from tests.conftest import OpenDatabase
from tests.integration.wallet.scenes import charged, handle, held, registered, topped_up

TRANSFER = """
    insert into transfer (kind, transfer_id, account_id, wallet, position, debit_side, credit_side,
                          amount, currency, balance_before, balance_after, reason, at)
    values ('top_up', 'x', 'acc-1', 'credit', {position}, {sides}, {amount}, '{currency}',
            {before}, {after}, 'top_up', now())"""
MOVE = "update wallet set balance = {balance}, transfers = {transfers}"


def transfer(
    position: int = 3,
    amount: int = 10,
    before: int = 70,
    after: int = 80,
    *,
    sides: str = "'bank', 'wallet'",
    currency: str = "VND",
) -> str:
    return TRANSFER.format(
        position=position,
        amount=amount,
        before=before,
        after=after,
        sides=sides,
        currency=currency,
    )


def posting(insert: str, balance: int = 80, transfers: int = 3) -> str:
    """A posting as the store does it: wallet and ledger in one statement."""
    return f"with moved as ({MOVE.format(balance=balance, transfers=transfers)}) {insert}"


@pytest.fixture
async def ledger(open_database: OpenDatabase) -> AsyncIterator[Connection]:
    """A wallet of 70, from a top-up of 100 and a charge of 30."""
    async with open_database("wallet") as db:
        await handle(db, registered())
        await handle(db, topped_up("t-1", 100))
        await handle(db, charged("c-1", 30))
        yield db


async def test_a_transfer_that_continues_the_ledger_and_moves_its_wallet_is_taken(
    ledger: Connection,
) -> None:
    await ledger.execute(posting(transfer()))
    assert await ledger.fetchval("select balance from wallet") == 80


@pytest.mark.parametrize(
    ("statement", "refusal"),
    [
        pytest.param(posting(transfer(after=81), 81), asyncpg.CheckViolationError, id="wrong sum"),
        pytest.param(
            posting(transfer(before=71, after=81), 81),
            asyncpg.IntegrityConstraintViolationError,
            id="does not begin where the last ended",
        ),
        pytest.param(
            posting(transfer(position=4), transfers=4),
            asyncpg.IntegrityConstraintViolationError,
            id="a position left out",
        ),
        pytest.param(
            posting(transfer(position=2)), asyncpg.UniqueViolationError, id="a position taken twice"
        ),
        pytest.param(
            transfer(), asyncpg.IntegrityConstraintViolationError, id="the wallet does not follow"
        ),
        pytest.param(
            posting(transfer(), 90),
            asyncpg.IntegrityConstraintViolationError,
            id="the wallet follows with another amount",
        ),
        pytest.param(
            MOVE.format(balance=75, transfers=2),
            asyncpg.IntegrityConstraintViolationError,
            id="a balance without a transfer",
        ),
        pytest.param(
            MOVE.format(balance=100, transfers=1),
            asyncpg.IntegrityConstraintViolationError,
            id="a wallet back where it was before its last transfer",
        ),
        pytest.param(
            MOVE.format(balance=0, transfers=0),
            asyncpg.IntegrityConstraintViolationError,
            id="a wallet that forgets its transfers",
        ),
        pytest.param(
            posting(transfer(currency="USD")),
            asyncpg.IntegrityConstraintViolationError,
            id="another currency than the wallet's",
        ),
        pytest.param(
            posting(transfer(sides="'wallet', 'wallet'")),
            asyncpg.CheckViolationError,
            id="from the wallet into the wallet",
        ),
        pytest.param(
            posting(transfer(amount=80, after=-10, sides="'wallet', 'revenue'"), -10),
            asyncpg.CheckViolationError,
            id="a balance below 0",
        ),
        pytest.param(
            posting(transfer(amount=0, after=70), 70), asyncpg.CheckViolationError, id="no amount"
        ),
        pytest.param(
            "update transfer set amount = 1",
            asyncpg.RestrictViolationError,
            id="a transfer changed",
        ),
        pytest.param(
            "delete from transfer", asyncpg.RestrictViolationError, id="a transfer deleted"
        ),
        pytest.param("delete from wallet", asyncpg.RestrictViolationError, id="a wallet deleted"),
        pytest.param(
            transfer(position=1, before=0, after=10).replace("'acc-1'", "'acc-9'"),
            asyncpg.IntegrityConstraintViolationError,
            id="a transfer without a wallet",
        ),
        pytest.param(
            "update wallet set currency = 'USD'",
            asyncpg.RestrictViolationError,
            id="a wallet's currency changed",
        ),
        pytest.param(
            "insert into wallet (account_id, wallet, currency, balance, transfers)"
            " values ('acc-2', 'credit', 'VND', 5, 0)",
            asyncpg.IntegrityConstraintViolationError,
            id="a new wallet with a balance from nowhere",
        ),
        pytest.param(
            "insert into wallet (account_id, wallet, currency, balance, transfers)"
            " values ('acc-2', 'credit', 'VND', 5, 1)",
            asyncpg.IntegrityConstraintViolationError,
            id="a new wallet with a transfer that does not exist",
        ),
    ],
)
async def test_the_ledger_refuses(
    ledger: Connection, statement: str, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        async with ledger.transaction():
            await ledger.execute(statement)
    assert await ledger.fetchval("select balance from wallet") == 70
    assert await ledger.fetchval("select sum(amount) from transfer") == 130


@pytest.fixture
async def holding(ledger: Connection) -> Connection:
    """The wallet of 70 with 20 of it held."""
    await handle(ledger, held("h-1", "ch-1", 20))
    return ledger


@pytest.mark.parametrize(
    ("statement", "refusal"),
    [
        pytest.param(
            "update wallet set held = 10",
            asyncpg.IntegrityConstraintViolationError,
            id="less held than the holds",
        ),
        pytest.param(
            "update hold set amount = 30",
            asyncpg.IntegrityConstraintViolationError,
            id="a hold that the wallet does not know",
        ),
        pytest.param(
            "insert into hold (hold_id, account_id, amount, change_id, changed_at)"
            " values ('h-2', 'acc-1', 1, 'ch-2', now())",
            asyncpg.IntegrityConstraintViolationError,
            id="a new hold that the wallet does not know",
        ),
        pytest.param(
            "with h as (update hold set amount = 71) update wallet set held = 71",
            asyncpg.CheckViolationError,
            id="more held than there is",
        ),
        pytest.param("delete from hold", asyncpg.RestrictViolationError, id="a hold deleted"),
        pytest.param(
            "update hold set account_id = 'acc-2'",
            asyncpg.RestrictViolationError,
            id="a hold moved to another account",
        ),
        pytest.param(
            "update hold_change set amount = 1",
            asyncpg.RestrictViolationError,
            id="a decision changed",
        ),
    ],
)
async def test_holds_refuse(holding: Connection, statement: str, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        async with holding.transaction():
            await holding.execute(statement)
    assert await holding.fetchval("select held from wallet") == 20
