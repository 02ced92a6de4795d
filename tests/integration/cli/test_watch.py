"""What `cloudtill watch` and `cloudtill top` see of a played house."""

import asyncio
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY

from services.cli.audit import STATEMENTS
from services.cli.watch import AUDIT_WRONG, Watcher
from services.registry import SERVICES
from shared import broker, topology
from shared.database import Connection, connect
from shared.users import apply_reader_to_postgres
from tests.program import program
from tests.users import own_login, removed_at_the_end, with_login


def value(name: str, **labels: str) -> float:
    found = REGISTRY.get_sample_value(name, labels)
    assert found is not None, f"{name} {labels}"
    return found


async def test_the_books_of_a_played_house_are_right_and_its_months_are_complete(
    played: Connection,
) -> None:
    await Watcher(settle=timedelta(0)).look(played)
    assert value("cloudtill_audit_wrong", check="wallet_balances") == 0
    for period in ("2026-10", "2026-11"):
        assert value("cloudtill_month_run_complete", period=period) == 1
        ranges = value("cloudtill_month_run_ranges", period=period)
        assert value("cloudtill_month_run_ranges_done", period=period) == ranges > 0
        assert value("cloudtill_month_run_quarantined_accounts", period=period) == 0


async def test_every_check_of_the_audit_is_a_metric_that_must_be_zero(played: Connection) -> None:
    AUDIT_WRONG.clear()
    await Watcher(settle=timedelta(0)).look(played)
    for name in (name for statements in STATEMENTS for name in statements):
        assert value("cloudtill_audit_wrong", check=name) == 0


async def test_what_breaks_a_rule_is_counted(played: Connection) -> None:
    await played.execute("set local session_replication_role = replica")
    await played.execute("update wallet.wallet set balance = balance + 1 where account_id = 'an'")
    await Watcher(settle=timedelta(0)).look(played)
    assert value("cloudtill_audit_wrong", check="wallet_balances") == 1


async def test_orders_are_timed_once_by_the_clock(played: Connection) -> None:
    await played.execute("set local session_replication_role = replica")
    await played.execute("update invoicing.invoice set recorded_at = now() - interval '2 minutes'")
    await played.execute("""
        update billing.purchase_order o set recorded_at = now() - interval '125 seconds'
        where order_id = 'ord-web'""")
    watcher = Watcher(settle=timedelta(minutes=5))

    def counted(at_most: str) -> float:
        return value("cloudtill_order_to_invoice_seconds_bucket", le=at_most)

    before = counted("5.0") - counted("2.5")
    await watcher.look(played)
    await watcher.look(played)
    assert counted("5.0") - counted("2.5") == before + 1, "ord-web took 5 s"


async def test_a_reader_can_watch_and_can_change_nothing(played_url: str) -> None:
    db = await connect(played_url)
    try:
        async with removed_at_the_end(db, own_login("watch")) as login:
            await apply_reader_to_postgres(db, login)
            reader = await connect(with_login(played_url, login))
            try:
                await Watcher(settle=timedelta(0)).look(reader)
                with pytest.raises(Exception, match="permission denied"):
                    await reader.execute("delete from wallet.wallet")
            finally:
                await reader.close()
    finally:
        await db.close()


async def test_top_shows_each_queue_and_what_waits_for_an_operator(
    played_url: str,
    amqp_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with broker.connected(amqp_url, "test") as connection:
        await topology.apply(connection, SERVICES.values())
    cloudtill = program(monkeypatch, capsys, amqp_url=amqp_url, database_url=played_url)
    answer = await asyncio.to_thread(cloudtill, "top", "--once", "--json", "--every", "0.5")
    assert answer.code == 0, answer.err
    seen = {one["service"]: one for one in answer.json}
    assert list(seen) == list(SERVICES)
    assert seen["invoicing"]["dead_letters"] == 1
    assert (
        seen["billing"] | {"to_say": 0, "put_off": 0, "waiting": 0, "workers": 0} == seen["billing"]
    )
    assert seen["billing"]["handled_per_s"] == 0
    shown = await asyncio.to_thread(cloudtill, "top", "--once", "--every", "0.5")
    assert "invoicing" in shown.out
