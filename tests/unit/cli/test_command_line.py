"""Command lines that need no servers: what makes no sense, what can't be reached, and help."""

import pytest

from shared.messages import MESSAGE_TYPES
from tests.program import Cloudtill, program

NOBODY_LISTENS = "127.0.0.1:1"
TOP_UP = ("top_up_id=t-1", "account_id=acc-1", "amount=500000", "gateway=bank")


@pytest.fixture
def cloudtill(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cloudtill:
    """The program where no server answers."""
    return program(
        monkeypatch,
        capsys,
        database_url=f"postgresql://someone:secret@{NOBODY_LISTENS}/cloudtill",
        amqp_url=f"amqp://someone:secret@{NOBODY_LISTENS}/",
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("show",),
        ("show", "order"),
        ("show", "gold", "x"),
        ("show", "orders", "an", "--limit", "0"),
        ("show", "order", "ord-web", "--page", "1"),
        ("show", "order", "ord-web", "--period", "2026-10"),
        ("show", "usage", "chi", "--period", "2026-13"),
        ("nonsense",),
        ("message", "nonsense"),
        ("audit", "--settle", "soon"),
        ("dead", "show", "billing"),
        ("dead", "show", "nobody:1"),
        ("dead", "replay"),
        ("dead", "replay", "--all", "billing:1"),
        ("dead", "list", "--service", "nobody"),
        ("run", "nobody"),
        ("tick", "hour"),
        ("tick", "month"),
        ("tick", "month", "--period", "2026-13"),
        ("tick", "month", "--period", "2099-12"),
        ("tick", "day", "--period", "2026-10"),
        ("tick", "day", "--time", "2026-10-01"),
    ],
    ids=" ".join,
)
def test_a_command_line_that_makes_no_sense_ends_with_2_and_one_line(
    cloudtill: Cloudtill, arguments: tuple[str, ...]
) -> None:
    answer = cloudtill(*arguments)
    assert answer.code == 2
    assert answer.complaint


@pytest.mark.parametrize(
    ("arguments", "what_is_wrong"),
    [
        (("gold.found",), "no message is called gold.found; there are account.changed, "),
        (("ordr.placed",), "no message is called ordr.placed; did you mean order.placed"),
        (("top_up.received", *TOP_UP), "gateway_reference"),
        (("top_up.received", *TOP_UP, "gateway_reference=r", "amount=much"), "amount"),
        (("top_up.received", *TOP_UP, "gateway_reference=r", "amount=-1"), "amount"),
        (("top_up.received", *TOP_UP, "gateway_reference=r", "amount=1.5"), "amount"),
        (("top_up.received", "amount"), "FIELD=VALUE"),
        (("top_up.received", "gold=1"), "there is no field gold"),
        (("tick.day", "--id", "x" * 65), "id"),
        (("tick.day", "--id", ""), "id"),
        (("tick.day", "--source", ""), "source"),
        (("tick.day", "--time", "1999-01-01T00:00:00Z"), "time"),
        (("tick.day", "--time", "noon"), "--time"),
        (("tick.day", "--data", "{"), "not JSON"),
        (("tick.day", "--data", "[]"), "not a JSON object"),
        (("tick.day", "--data", "{}", "--file", "x"), "once"),
        (("tick.day", "--file", "/no/such/file"), "--file"),
        (("order.placed", "items=[{}]", "order_id=o", "account_id=a", "action=create"), "item_id"),
    ],
)
def test_what_is_no_message_is_not_published(
    cloudtill: Cloudtill, arguments: tuple[str, ...], what_is_wrong: str
) -> None:
    answer = cloudtill("publish", *arguments)
    assert answer.code == 2
    assert what_is_wrong in answer.complaint


def test_a_message_is_shown_with_who_says_it_who_handles_it_and_its_fields(
    cloudtill: Cloudtill,
) -> None:
    shown = cloudtill("message", "wallet.held", "--json").json
    assert shown["said_by"] == "wallet"
    assert shown["model"] == "shared.messages.wallet:WalletHeld"
    assert {one["service"] for one in shown["handled_by"]} == {"billing", "invoicing", "portal"}
    assert {
        "service": "billing",
        "function": "services.billing.handlers.holds:answered",
    } in shown["handled_by"]
    placed = {
        one["field"]: one for one in cloudtill("message", "order.placed", "--json").json["fields"]
    }
    assert placed["items"]["needed"]
    assert placed["items"]["what"].startswith("list of {item_id, product?, ")
    assert not placed["payment_method"]["needed"]
    assert "services.billing.handlers.holds:answered" in cloudtill("message", "wallet.held").out


@pytest.mark.parametrize("type_", sorted(MESSAGE_TYPES))
def test_every_message_can_be_shown(cloudtill: Cloudtill, type_: str) -> None:
    fields = cloudtill("message", type_, "--json").json["fields"]
    assert {one["field"] for one in fields} == {
        field.alias or name for name, field in MESSAGE_TYPES[type_].model_fields.items()
    }
    assert not [one for one in fields if "anything" in one["what"]]


@pytest.mark.parametrize(
    "command",
    [("show", "order", "ord-1"), ("audit",), ("dead", "list"), ("migrate",)],
    ids=" ".join,
)
def test_without_postgres_one_line_says_what_to_look_at(
    cloudtill: Cloudtill, command: tuple[str, ...]
) -> None:
    answer = cloudtill(*command)
    assert answer.code == 1
    assert "is CLOUDTILL_DATABASE_URL right?" in answer.complaint
    assert "secret" not in answer.complaint


@pytest.mark.parametrize(
    "command", [("topology", "check"), ("topology", "apply"), ("tick", "minute")], ids=" ".join
)
def test_without_rabbitmq_one_line_says_what_to_look_at(
    cloudtill: Cloudtill, command: tuple[str, ...]
) -> None:
    answer = cloudtill(*command)
    assert answer.code == 1
    assert "is CLOUDTILL_AMQP_URL right?" in answer.complaint
    assert "secret" not in answer.complaint


def test_a_setting_that_makes_no_sense_is_named(
    cloudtill: Cloudtill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDTILL_GROUP_SIZE", "many")
    answer = cloudtill("audit")
    assert answer.code == 2
    assert "CLOUDTILL_GROUP_SIZE" in answer.complaint


def test_every_command_helps(cloudtill: Cloudtill) -> None:
    commands = [
        (),
        ("demo",),
        ("run",),
        ("migrate",),
        ("topology",),
        ("topology", "apply"),
        ("topology", "check"),
        ("publish",),
        ("tick",),
        ("show",),
        ("message",),
        ("dead",),
        ("dead", "list"),
        ("dead", "show"),
        ("dead", "replay"),
        ("dead", "discard"),
        ("audit",),
        ("asyncapi",),
    ]
    for command in commands:
        answer = cloudtill(*command, "--help")
        assert answer.code == 0
        assert answer.out.startswith(f"Usage: {' '.join(('cloudtill', *command))}")
    assert cloudtill().code == 2, "without a command there is all of the help"
