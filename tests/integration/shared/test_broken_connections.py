"""Connections that break at the worst moment: trouble that passes, never a worker's end."""

import asyncio
import gc
import logging
import socket
import threading
import time
import warnings
from collections.abc import Sequence

import asyncpg
import pytest
import uvloop

from services.registry import SERVICES
from shared import broker, database, lifetime
from shared.database import Connection, PassingTrouble, connection, pool, transaction
from shared.lifetime import beside, until_migrated
from shared.migrations import Migration, pending
from shared.settings import Settings
from tests.faults.proxy import Proxy, Weather

NOBODY_LISTENS = "amqp://guest:guest@127.0.0.1:9/"


async def test_a_broker_that_hangs_up_at_any_byte_of_the_handshake_is_trouble_that_passes(
    amqp_url: str,
) -> None:
    cut = let_in = 0
    with Proxy(amqp_url, seed=1).serving() as proxy:
        for cuts_after in range(0, 1_400, 20):
            proxy.set_weather(Weather(cuts_after=cuts_after))
            try:
                async with broker.connected(proxy.url, "test") as opened:
                    await opened.channel()
                    let_in += 1
            except broker.TROUBLE:
                cut += 1
    assert cut > 10
    assert let_in > 0


async def test_a_connection_that_never_came_to_be_may_be_collected_in_any_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # pytest would keep what is logged, the error and all that led to it.
    monkeypatch.setattr(logging.getLogger("aiormq.connection"), "disabled", True)
    refused: list[BaseException] = []
    try:
        async with broker.connected(NOBODY_LISTENS, "test"):
            pass
    except broker.TROUBLE as error:
        refused.append(error)
    assert refused

    def forget() -> None:
        refused.clear()
        gc.collect()

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        await asyncio.to_thread(forget)
    assert [str(one.message) for one in said] == []


def test_a_proxy_that_lets_us_in_and_has_no_broker_is_trouble_that_passes() -> None:
    tries = 20
    server = socket.create_server(("127.0.0.1", 0))

    def hang_up() -> None:
        for _ in range(tries):
            server.accept()[0].close()

    async def try_to_connect() -> None:
        url = f"amqp://guest:guest@127.0.0.1:{server.getsockname()[1]}/"
        for _ in range(tries):
            with pytest.raises(broker.TROUBLE):
                async with broker.connected(url, "test"):
                    pass

    hanging_up = threading.Thread(target=hang_up)
    hanging_up.start()
    with server, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as workers do
        runner.run(try_to_connect())
    hanging_up.join()


@pytest.mark.parametrize("how", [asyncio.CancelledError, Exception])
async def test_with_what_aiormq_ends_a_body_is_trouble_and_nothing_of_our_own(
    amqp_url: str, how: type[BaseException]
) -> None:
    with pytest.raises(ConnectionResetError):
        async with broker.connected(amqp_url, "test"):
            raise how


async def test_what_a_body_raises_with_a_word_of_its_own_stays_what_it_is(amqp_url: str) -> None:
    with pytest.raises(Exception, match="a bug of ours"):
        async with broker.connected(amqp_url, "test"):
            raise Exception("a bug of ours")  # noqa: TRY002 - aiormq raises such, without a word


async def test_a_body_that_is_really_cancelled_stays_cancelled(amqp_url: str) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5), broker.connected(amqp_url, "test"):
            await asyncio.Event().wait()


async def test_any_node_of_a_cluster_that_can_be_reached_will_do(amqp_url: str) -> None:
    for _ in range(5):
        async with broker.connected(f"{NOBODY_LISTENS}, {amqp_url},{NOBODY_LISTENS}", "test") as it:
            assert not it.is_closed


async def test_where_no_node_can_be_reached_that_is_trouble_that_passes() -> None:
    with pytest.raises(broker.TROUBLE):
        async with broker.connected(f"{NOBODY_LISTENS},{NOBODY_LISTENS}", "test"):
            pass


async def test_a_task_that_is_cancelled_by_something_else_does_not_leave_silently() -> None:
    async def cancelled() -> None:
        raise asyncio.CancelledError

    with pytest.raises(RuntimeError):
        async with beside(cancelled()):
            await asyncio.Event().wait()


async def test_a_connection_that_breaks_while_a_worker_looks_for_its_tables_is_no_end(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []

    async def breaking(db: Connection, service: str, known: Sequence[Migration]) -> list[str]:
        looked.append(service)
        if len(looked) == 1:
            db.terminate()
            raise asyncpg.InternalClientError("another operation is in progress")
        return await pending(db, service, known)

    monkeypatch.setattr(lifetime, "pending", breaking)
    monkeypatch.setattr(lifetime, "_LOOK_AGAIN_S", 0)
    assert await until_migrated(SERVICES["wallet"], database_url, asyncio.Event())
    assert len(looked) == 2


async def test_a_connection_that_cannot_even_be_given_back_is_no_end(database_url: str) -> None:
    async with pool(database_url, "wallet", size=1) as connections:
        async with connection(connections) as db:
            await db.execute("begin")
            # What is cancelled in the middle leaves its answer on the way.
            asking = asyncio.ensure_future(db.execute("select pg_sleep(60)"))
            await asyncio.sleep(0)
        with pytest.raises(asyncpg.PostgresError):
            await asking
        async with connection(connections) as db:
            assert await db.fetchval("select 1") == 1


async def test_a_wrong_argument_is_a_bug_and_no_trouble_that_passes(database_url: str) -> None:
    async with pool(database_url, "wallet", size=1) as connections:
        with pytest.raises(asyncpg.InterfaceError):
            async with connection(connections) as db:
                await db.fetchval("select $1::int", "no number", "one too many")


async def test_a_postgres_that_hangs_up_at_any_byte_is_trouble_that_passes(
    database_url: str,
) -> None:
    cut = let_in = 0
    with Proxy(database_url, seed=1).serving() as proxy:
        for cuts_after in range(0, 2_400, 60):
            proxy.set_weather(Weather(cuts_after=cuts_after))
            try:
                async with (
                    pool(proxy.url, "wallet", size=1) as connections,
                    transaction(connections) as db,
                ):
                    await db.execute(
                        "update wallet set balance = balance where account_id = $1", ""
                    )
                    let_in += 1
            except PassingTrouble:
                cut += 1
    assert cut > 5
    assert let_in > 0


async def test_a_connection_that_is_given_up_at_any_moment_of_a_statement_is_trouble_that_passes(
    database_url: str,
) -> None:
    loop = asyncio.get_running_loop()
    given_up = answered = 0
    for delay_us in range(0, 12_000, 60):
        try:
            async with pool(database_url, "wallet", size=1) as connections:
                async with connection(connections) as db:
                    giving_up = loop.call_later(delay_us / 1e6, db.terminate)
                    # A statement that asyncpg has yet to learn the types of, in several steps.
                    await db.fetch("select $1::bigint[], $2::wallet.wallet", [1], None)
                    giving_up.cancel()
                    answered += 1
        except PassingTrouble:
            given_up += 1
    assert given_up > 10
    assert given_up + answered == 200


async def test_a_bug_over_a_connection_that_lives_is_no_trouble_that_passes(
    database_url: str,
) -> None:
    async def stumble(db: Connection) -> None:
        await db.fetchval("select 1")
        raise AttributeError("a handler's")

    async with pool(database_url, "wallet", size=1) as connections:
        with pytest.raises(AttributeError):
            async with connection(connections) as db:
                await stumble(db)


@pytest.mark.parametrize("swallows", ["requests", "answers"])
async def test_a_connection_to_postgres_that_the_network_lost_is_given_up(
    database_url: str, monkeypatch: pytest.MonkeyPatch, swallows: str
) -> None:
    monkeypatch.setattr(database, "settings", lambda: Settings(database_silence_s=2))
    with Proxy(database_url, seed=1).serving() as proxy:
        async with pool(proxy.url, "wallet") as connections:
            async with connection(connections) as db:
                assert await db.fetchval("select 1") == 1
            proxy.set_weather(
                Weather(
                    swallows_requests=swallows == "requests",
                    swallows_answers=swallows == "answers",
                )
            )
            began = time.monotonic()
            with pytest.raises(PassingTrouble):
                async with connection(connections) as db:
                    await db.fetchval("select 1")
            assert time.monotonic() - began < 60
            proxy.drop()
            proxy.set_weather(Weather())
            async with connection(connections) as db:
                assert await db.fetchval("select 1") == 1
