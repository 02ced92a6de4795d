"""Wallet workers as real processes under load: stopped, cut off and fed with bad input."""

import asyncio
import json
from collections.abc import Callable

import pytest

from services.registry import SERVICES
from shared import broker, dead_letters, publishing
from shared.database import connect, pool
from shared.messages.upstream import AccountRegistered, TopUpReceived
from shared.messages.wallet import WalletCredited
from shared.outbox import OWN_QUEUE, Parcel
from shared.publishing import confirming_channel
from shared.topology import check
from tests.builders import said
from tests.system.conftest import OpenHouse
from tests.system.house import House

ACCOUNTS = 20
MANY = 2_000


def registrations() -> list[AccountRegistered]:
    return [
        said(AccountRegistered(account_id=f"acc-{n}", email="a@example.com", name="An"))
        for n in range(ACCOUNTS)
    ]


def top_ups(count: int) -> list[TopUpReceived]:
    return [
        said(
            TopUpReceived(
                top_up_id=f"t-{n}",
                account_id=f"acc-{n % ACCOUNTS}",
                amount=1 + n,
                gateway="bank",
                gateway_reference=f"r-{n}",
            )
        )
        for n in range(count)
    ]


async def assert_each_is_credited_once(house: House, count: int) -> None:
    """In the ledger, in the balances, and among what was told."""
    total = count * (count + 1) // 2
    db = await connect(house.database_url)
    try:
        ledger = await db.fetchrow("select count(*), sum(amount) from wallet.transfer")
        balance = await db.fetchval("select sum(balance) from wallet.wallet")
        suspects = await db.fetchval("select count(*) from wallet.suspect")
    finally:
        await db.close()
    assert ledger is not None
    assert tuple(ledger) == (count, total)
    assert balance == total
    assert suspects == 0
    told = [one.reference for one in house.heard(WalletCredited)]
    assert sorted(told) == sorted(f"t-{n}" for n in range(count))


async def some_are_credited(house: House, count: int) -> None:
    """Wait until as many are told: the workers are in the middle of it."""
    async with asyncio.timeout(60):
        while True:
            if len(house.heard(WalletCredited)) >= count:
                return
            await asyncio.sleep(0.02)


async def test_several_workers_share_a_queue_and_one_goes_on_where_another_is_killed(
    house_of: OpenHouse,
) -> None:
    house = await house_of("wallet")
    killed, other = (house.start("wallet", group_size="20", groups_ahead="2") for _ in range(2))
    await house.publish(*registrations())
    async with broker.connected(house.amqp_url, "test") as connection, asyncio.timeout(60):
        while True:
            found = {one.queue: one for one in await check(connection, [SERVICES["wallet"]])}
            if found["wallet"].consumers == 2:
                break
            await asyncio.sleep(0.05)
    publishing = asyncio.create_task(house.publish(*top_ups(MANY)))
    await some_are_credited(house, 300)
    killed.kill()
    await publishing
    await house.wait_until_idle()
    await assert_each_is_credited_once(house, MANY)
    assert other.runs


async def test_a_worker_that_is_told_to_stop_under_load_loses_and_doubles_nothing(
    house_of: OpenHouse,
) -> None:
    house = await house_of("wallet")
    await house.publish(*registrations())
    publishing = asyncio.create_task(house.publish(*top_ups(MANY)))
    worker = house.start("wallet", group_size="20", groups_ahead="2")
    for credited in (100, 600, 1_100):
        await some_are_credited(house, credited)
        assert await asyncio.to_thread(worker.terminate) == 0
        worker = house.start("wallet", group_size="20", groups_ahead="2")
    await publishing
    await house.wait_until_idle()
    await assert_each_is_credited_once(house, MANY)


async def test_connections_that_postgres_ends_under_load_lose_and_double_nothing(
    house_of: OpenHouse,
) -> None:
    house = await house_of("wallet")
    house.start("wallet", group_size="20")
    await house.publish(*registrations())
    publishing = asyncio.create_task(house.publish(*top_ups(MANY)))
    killer = await connect(house.database_url)
    ended = 0
    for credited in (50, 300, 600, 900, 1_200):
        await some_are_credited(house, credited)
        ended += await killer.fetchval(
            "select count(pg_terminate_backend(pid, 5000)) from pg_stat_activity"
            " where application_name = 'cloudtill wallet' and datname = current_database()"
        )
    await killer.close()
    assert ended > 0
    await publishing
    await house.wait_until_idle()
    await assert_each_is_credited_once(house, MANY)


async def put_in_queue(house: House, bodies: dict[str, bytes]) -> None:
    """Put bodies into the wallet's queue as they are."""
    async with broker.connected(house.amqp_url, "test publishes") as connection:
        channel = await confirming_channel(connection, lambda: None)
        parcels = [
            Parcel(
                exchange=OWN_QUEUE,
                routing_key="wallet",
                message_id=name.replace(" ", "-"),
                type="top_up.received",
                correlation_id=None,
                attempt=0,
                must_arrive=True,
                body=body,
            )
            for name, body in bodies.items()
        ]
        assert await publishing.publish_all(channel, parcels, 30) == [None] * len(parcels)


def poisons() -> dict[str, tuple[bytes, str]]:
    """Every kind of bad input, with the reason that it must end with."""
    (good,) = top_ups(1)
    event = json.loads(good.encode())

    def with_data(**data: object) -> bytes:
        return json.dumps({**event, "data": {**event["data"], **data}}).encode()

    def without(field: str) -> bytes:
        return json.dumps({name: one for name, one in event.items() if name != field}).encode()

    return {
        "not json": (b"hello", "not_json"),
        "nothing": (b"", "not_json"),
        "bytes": (bytes(range(256)), "not_json"),
        "deep nesting": (b"[" * 50_000, "not_json"),
        "no event": (json.dumps(event["data"]).encode(), "not_cloudevent"),
        "no id": (without("id"), "not_cloudevent"),
        "no time": (without("time"), "not_cloudevent"),
        "naive time": (
            json.dumps({**event, "time": "2026-11-02T12:00:00"}).encode(),
            "not_cloudevent",
        ),
        "unknown type": (json.dumps({**event, "type": "no.such"}).encode(), "unknown_type"),
        "not the wallet's type": (
            json.dumps({**event, "type": "tick.minute", "source": "/cloudtill/scheduler"}).encode(),
            "unknown_type",
        ),
        "missing field": (
            json.dumps({**event, "data": {"account_id": "acc-1"}}).encode(),
            "bad_field",
        ),
        "negative amount": (with_data(amount=-5), "bad_field"),
        "absurd amount": (with_data(amount=10**30), "bad_field"),
        "float amount": (with_data(amount=5.5), "bad_field"),
        "text with a NUL": (with_data(gateway="a\x00b"), "bad_field"),
        "1 MB": (with_data(padding="x" * 1_000_000), "too_large"),
    }


async def reasons_in(house: House) -> dict[str, str]:
    """Reasons of the wallet's dead letters, by the AMQP id that each came with."""
    db = await connect(house.database_url)
    try:
        rows = await db.fetch(
            "select properties ->> 'message_id' as id, reason from wallet.dead_letter"
            " where concluded_at is null"
        )
    finally:
        await db.close()
    return {row["id"].replace("-", " "): row["reason"] for row in rows}


async def until(that: Callable[[dict[str, str]], bool], house: House) -> dict[str, str]:
    async with asyncio.timeout(60):
        while True:
            if that(reasons := await reasons_in(house)):
                return reasons
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("group_size", ["1", "250"])
async def test_every_kind_of_bad_input_ends_as_a_dead_letter_and_its_neighbours_go_through(
    house_of: OpenHouse, group_size: str
) -> None:
    house = await house_of("wallet")
    await house.publish(*registrations())
    bad = poisons()
    good = top_ups(100)
    await house.publish(*good[:50])
    await put_in_queue(house, {name: body for name, (body, _) in bad.items()})
    await house.publish(*good[50:])
    worker = house.start("wallet", group_size=group_size)
    reasons = await until(lambda found: len(found) >= len(bad), house)
    assert reasons == {name: reason for name, (_, reason) in bad.items()}
    await house.wait_until_idle()
    await assert_each_is_credited_once(house, 100)
    assert worker.terminate() == 0


async def test_a_top_up_for_an_unknown_account_waits_and_is_never_lost(
    house_of: OpenHouse,
) -> None:
    house = await house_of("wallet")
    house.start("wallet", retry_delays_s="[0.1,0.1]")
    (top_up,) = top_ups(1)
    await house.publish(top_up)
    await house.wait_until_idle()
    assert await reasons_in(house) == {top_up.envelope.id: "out_of_attempts"}

    await house.publish(*registrations())
    await house.wait_until_idle()
    async with (
        pool(house.database_url, SERVICES["wallet"].name, size=1) as connections,
        connections.acquire() as db,
        db.transaction(),
    ):
        numbers = [row["number"] for row in await dead_letters.list_dead_letters(db)]
        assert await dead_letters.replay(db, "wallet", numbers) == numbers
    await house.wait_for(WalletCredited)
    await house.wait_until_idle()
    await assert_each_is_credited_once(house, 1)
