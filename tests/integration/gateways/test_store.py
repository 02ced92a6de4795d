"""The gateways' statements and their schema, against Postgres."""

import asyncpg
import pytest

from services.gateways import store
from tests.builders import NOON
from tests.integration.gateways.conftest import Office
from tests.integration.gateways.scenes import MINUTE, open_order, requested
from tests.integration.gateways.stand_in import StandIn


async def test_every_statement_fits_the_schema(office: Office) -> None:
    async with office.connections.acquire() as db:
        for name, statement in store.sql.items():
            await db.prepare(statement, name=f"test_{name}")


@pytest.mark.parametrize(
    "statement",
    [
        "update gateway_answer set amount = 1",
        "delete from gateway_answer",
        "update payment set amount = 1",
        "update gateway_order set url = 'elsewhere'",
        "insert into gateway_answer values ('zalopay', 'x', 'failed', 'y', 5, null, now())",
        "insert into gateway_order values ('simulated', 'x', 'pay-1', 2)",
    ],
)
async def test_what_was_asked_and_told_stays_as_it_is(
    office: Office, stand_in: StandIn, statement: str
) -> None:
    order_id = await open_order(office, stand_in, requested())
    stand_in.pay(order_id, NOON + MINUTE)
    await office.post(stand_in.callback(order_id))
    async with office.connections.acquire() as db:
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await db.execute(statement)
