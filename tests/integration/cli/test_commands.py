"""What an operator does with the program, before servers of a test's own."""

import asyncio
import getpass
import json
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import pytest

from services.registry import SERVICES
from shared import broker
from shared.database import connect
from tests.program import Cloudtill, program
from tests.servers import Servers

T = TypeVar("T")

TOP_UP = ("top_up_id=t-1", "account_id=acc-1", "amount=500000", "gateway=bank")


@pytest.fixture
def cloudtill(
    database_url: str,
    amqp_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Cloudtill:
    """The program before a migrated database and a broker without queues."""
    return program(monkeypatch, capsys, database_url=database_url, amqp_url=amqp_url)


@pytest.fixture
def with_queues(cloudtill: Cloudtill) -> Cloudtill:
    """The same, with the queues of all services."""
    assert cloudtill("topology", "apply").code == 0
    return cloudtill


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """The outcome of a coroutine, in a test that runs no loop because the program does."""
    return asyncio.run(work)


async def off_queue(amqp_url: str, queue: str) -> dict[str, Any]:
    """The next message on a queue."""
    async with broker.connected(amqp_url, "test") as connection:
        channel = await connection.channel()
        message = await (await channel.get_queue(queue)).get(timeout=30, no_ack=True)
        assert message is not None
        event: dict[str, Any] = json.loads(message.body)
        assert message.message_id == event["id"]
        return event


async def execute(url: str, statement: str, *arguments: object) -> None:
    db = await connect(url)
    try:
        await db.execute(statement, *arguments)
    finally:
        await db.close()


async def fetch(url: str, statement: str) -> list[tuple[Any, ...]]:
    db = await connect(url)
    try:
        return [tuple(row) for row in await db.fetch(statement)]
    finally:
        await db.close()


def test_topology_is_missing_then_applied_then_as_it_should_be(cloudtill: Cloudtill) -> None:
    before = cloudtill("topology", "check", "--json")
    assert before.code == 1
    assert {one["state"] for one in before.json} == {"missing"}
    assert before.err == "cloudtill: the broker differs; run `cloudtill topology apply`\n"
    assert cloudtill("topology", "apply").code == 0
    after = cloudtill("topology", "check", "--json")
    assert after.code == 0
    assert {one["queue"] for one in after.json} >= set(SERVICES)
    assert {one["state"] for one in after.json} == {"ok"}
    assert cloudtill("topology", "apply").code == 0, "again, it changes nothing"


def test_an_empty_database_is_to_be_migrated_and_is_then_up_to_date(
    running_servers: Servers, cloudtill: Cloudtill, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "to_be_migrated"
    at_once(execute(running_servers.database_url, f"drop database if exists {name} with (force)"))
    at_once(execute(running_servers.database_url, f"create database {name}"))
    empty = urlunsplit(urlsplit(running_servers.database_url)._replace(path=f"/{name}"))
    monkeypatch.setenv("CLOUDTILL_DATABASE_URL", empty)
    try:
        for command in (("show", "order", "ord-1"), ("audit",), ("dead", "list")):
            answer = cloudtill(*command)
            assert answer.code == 1
            assert "run `cloudtill migrate` first" in answer.complaint
        before = cloudtill("migrate", "--check")
        assert before.code == 1
        assert "0001_ledger.sql" in before.out
        assert cloudtill("migrate").code == 0
        after = cloudtill("migrate", "--check")
        assert after.code == 0
        assert all(line.endswith("up to date") for line in after.out.splitlines())
    finally:
        at_once(execute(running_servers.database_url, f"drop database {name} with (force)"))


def test_publishing_before_there_are_queues_says_what_to_run(cloudtill: Cloudtill) -> None:
    answer = cloudtill("publish", "top_up.received", *TOP_UP, "gateway_reference=r-1")
    assert answer.code == 1
    assert "run `cloudtill topology apply` first" in answer.complaint


def test_a_message_is_published_field_by_field(with_queues: Cloudtill, amqp_url: str) -> None:
    answer = with_queues(
        "publish",
        "top_up.received",
        *TOP_UP,
        "gateway_reference=77",
        "--time",
        "2026-11-24T09:00:00+07:00",
        "--id",
        "once",
        "--source",
        "/bank",
    )
    assert (answer.code, answer.out) == (0, "published top_up.received once\n")
    event = at_once(off_queue(amqp_url, "wallet"))
    assert (event["id"], event["source"], event["subject"]) == ("once", "/bank", "acc-1")
    assert event["time"] == "2026-11-24T09:00:00+07:00"
    assert event["data"]["amount"] == 500_000, "a number where one is expected"
    assert event["data"]["gateway_reference"] == "77", "a text where one is expected"


ORDER = {
    "order_id": "ord-1",
    "account_id": "acc-1",
    "action": "create",
    "items": [
        {
            "item_id": "web",
            "product": "vserver",
            "name": "web",
            "components": [{"sku": "image", "quantity": "1"}],
            "days": 30,
        }
    ],
}


def test_nested_data_are_published_as_json_from_a_file_or_in_a_field(
    with_queues: Cloudtill, amqp_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "order.json"
    file.write_text(json.dumps(ORDER))
    plain = [f"{name}={ORDER[name]}" for name in ("order_id", "account_id", "action")]
    for arguments in (
        ("--data", json.dumps(ORDER)),
        ("--file", str(file)),
        (*plain, f"items={json.dumps(ORDER['items'])}"),
    ):
        assert with_queues("publish", "order.placed", *arguments).code == 0
        event = at_once(off_queue(amqp_url, "billing"))
        assert event["data"] == ORDER
        assert event["correlationid"] == "ord-1"


def test_ticks_are_published_by_hand(with_queues: Cloudtill, amqp_url: str) -> None:
    at = "2026-11-01T00:05:00+07:00"
    assert with_queues("tick", "month", "--period", "2026-10", "--time", at).code == 0
    event = at_once(off_queue(amqp_url, "invoicing"))
    assert (event["type"], event["data"]) == ("tick.month", {"period": "2026-10"})
    assert event["time"] == at
    assert with_queues("tick", "minute", "--time", at).code == 0
    assert at_once(off_queue(amqp_url, "billing"))["type"] == "tick.minute"


def test_a_month_is_run_again_for_one_account(
    with_queues: Cloudtill, amqp_url: str, database_url: str
) -> None:
    again = ("tick", "month", "--period", "2026-10", "--account", "acc-1")
    assert "there is no account acc-1" in with_queues(*again).complaint
    at_once(
        execute(
            database_url,
            "insert into billing.account (account_id, email, name, currency, registered_at)"
            " values ('acc-1', 'an@example.com', 'An', 'VND', now())",
        )
    )
    assert "2026-10 was never run" in with_queues(*again).complaint
    at_once(
        execute(
            database_url,
            """with run as (
                   insert into invoicing.run (period, tick_at) values ('2026-10', now())
                   returning period
               )
               insert into invoicing.run_range (period, range_number, first_account)
               select period, 0, '' from run""",
        )
    )
    assert with_queues(*again).code == 0
    event = at_once(off_queue(amqp_url, "invoicing"))
    assert event["type"] == "invoice_run.account_requested"
    assert event["data"]["account_id"] == "acc-1"
    assert event["data"]["requested_by"] == "operator"


async def put_away(url: str, *reasons: str) -> None:
    """Dead letters of the wallet, numbered from 1."""
    for number, reason in enumerate(reasons, start=1):
        await execute(
            url,
            """insert into wallet.dead_letter (source, message_id, type, reason, detail, body)
               values ('/test', $1, 'top_up.received', $2, 'planted', '{"id": 1}')""",
            f"m-{number}",
            reason,
        )


WAITING = "select number from wallet.dead_letter where concluded_at is null order by number"


def test_dead_letters_are_listed_and_shown(cloudtill: Cloudtill, database_url: str) -> None:
    assert cloudtill("dead", "list", "--json").json == []
    assert "nothing waits for you" in cloudtill("dead", "list").out
    at_once(put_away(database_url, "bad_field", "id_reused"))
    listed = cloudtill("dead", "list", "--service", "wallet", "--json").json
    assert [(one["name"], one["reason"]) for one in listed] == [
        ("wallet:1", "bad_field"),
        ("wallet:2", "id_reused"),
    ]
    assert len(cloudtill("dead", "list", "--reason", "id_reused", "--json").json) == 1
    assert len(cloudtill("dead", "list", "--limit", "1", "--json").json) == 1
    assert cloudtill("dead", "list", "--service", "billing", "--json").json == []
    shown = cloudtill("dead", "show", "wallet:2", "--json").json
    assert (shown["message_id"], shown["body"]) == ("m-2", '{"id": 1}')
    assert "there is no dead letter wallet:9" in cloudtill("dead", "show", "wallet:9").complaint


def test_a_replayed_letter_is_put_on_its_queue_and_a_discarded_one_is_not(
    cloudtill: Cloudtill, database_url: str
) -> None:
    at_once(put_away(database_url, "bad_field", "bad_field", "id_reused", "bad_field"))
    assert cloudtill("dead", "replay", "wallet:1").code == 0
    assert cloudtill("dead", "discard", "wallet:3").code == 0
    assert at_once(fetch(database_url, WAITING)) == [(2,), (4,)]
    on_their_way = """select message_id, routing_key from wallet.outbox
                      where type <> 'dead_letter.concluded'"""
    assert at_once(fetch(database_url, on_their_way)) == [("m-1", "wallet")]
    assert cloudtill("dead", "replay", "--all", "--reason", "bad_field").code == 0
    assert at_once(fetch(database_url, WAITING)) == []
    assert len(at_once(fetch(database_url, on_their_way))) == 3


def test_who_concluded_a_dead_letter_and_why_is_kept_and_told(
    cloudtill: Cloudtill, database_url: str
) -> None:
    at_once(put_away(database_url, "bad_field", "bad_field", "bad_field"))
    why = ("--by", "Chi", "--because", "the price was published meanwhile")
    assert cloudtill("dead", "replay", "wallet:1", *why).code == 0
    assert cloudtill("dead", "discard", "wallet:2").code == 0
    assert "--by takes 1 to 200" in cloudtill("dead", "discard", "wallet:3", "--by", "").complaint
    kept = """select number, concluded_by, concluded_because from wallet.dead_letter
              where concluded_at is not null order by number"""
    assert at_once(fetch(database_url, kept)) == [
        (1, "Chi", "the price was published meanwhile"),
        (2, getpass.getuser(), None),
    ]
    told = """select convert_from(body, 'UTF8')::jsonb -> 'data' ->> 'concluded_by' as by
              from wallet.outbox where type = 'dead_letter.concluded' order by 1"""
    assert sorted(at_once(fetch(database_url, told))) == sorted([("Chi",), (getpass.getuser(),)])


def test_what_was_concluded_is_not_concluded_again(cloudtill: Cloudtill, database_url: str) -> None:
    at_once(put_away(database_url, "bad_field", "bad_field"))
    assert cloudtill("dead", "discard", "wallet:1").code == 0
    answer = cloudtill("dead", "replay", "wallet:1", "wallet:2")
    assert answer.code == 1
    assert "1 of them were not waiting; 1 concluded" in answer.complaint


def test_the_audit_names_what_is_wrong_and_ends_with_1(
    cloudtill: Cloudtill, database_url: str
) -> None:
    at_once(
        execute(
            database_url,
            """begin; set local session_replication_role = replica;
               insert into wallet.wallet (account_id, wallet, currency, balance, transfers)
               values ('acc-1', 'credit', 'VND', 5, 1); commit""",
        )
    )
    answer = cloudtill("audit", "--json")
    assert answer.code == 1
    assert answer.json["ok"] is False
    (wrong,) = [one for one in answer.json["checks"] if one["wrong"]]
    assert (wrong["name"], wrong["wrong"][0]["id"]) == ("wallet_balances", "acc-1/credit")
    assert answer.err.endswith(" checks failed; ids that are wrong: 1\n")
    assert "wallet_balances: acc-1/credit: balance 5" in cloudtill("audit").out
