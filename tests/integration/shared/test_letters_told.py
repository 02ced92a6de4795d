"""Services tell of their dead letters and obey what is decided about them, each thing once."""

import json
from collections.abc import AsyncIterator, Sequence

import asyncpg
import pytest

from shared import dead_letters
from shared.database import Connection, Pool, pool
from shared.dead_letters import DeadLetter
from shared.messages import Message, Refused, Said
from shared.messages.dead_letters import (
    DeadLetterConcluded,
    DeadLetterDiscardRequested,
    DeadLetterNotWaiting,
    DeadLetterRecorded,
    DeadLetterReplayRequested,
)
from shared.messages.upstream import AccountRegistered, TopUpReceived
from shared.wire import parse
from tests.builders import said
from tests.integration.shared.rooms import Room, delivered, room, top_up


@pytest.fixture
async def connections(database_url: str) -> AsyncIterator[Pool]:
    async with pool(database_url, "wallet", size=4) as opened:
        yield opened


async def refusing(top_ups: Sequence[TopUpReceived], _db: Connection) -> list[Said]:
    """Nothing here is right."""
    return [Refused(one, "id_reused", f"asked by {'an@example.com'}") for one in top_ups]


async def told(at: Room) -> list[Message]:
    """What the service says, in its order, besides what it puts back on its own queue."""
    async with at.connections.acquire() as db:
        rows = await db.fetch(
            "select body, type from outbox where exchange = 'cloudtill' order by row_id"
        )
    return [parse(row["body"], row["type"]) for row in rows]


def decision(
    kind: type[DeadLetterReplayRequested] | type[DeadLetterDiscardRequested],
    *numbers: int,
    service: str = "wallet",
    id: str | None = None,
) -> DeadLetterReplayRequested | DeadLetterDiscardRequested:
    return said(kind(service=service, numbers=numbers, requested_by="mai", reason="mended"), id=id)


async def test_a_service_tells_of_what_it_puts_away(database_url: str) -> None:
    async with room(database_url, refusing) as at:
        await at.conclude(delivered(top_up("a")))
        await at.conclude(delivered(top_up("a"), redelivered=True))
        (letter,) = await told(at)
    assert isinstance(letter, DeadLetterRecorded)
    assert (letter.service, letter.reason, letter.letter_id) == ("wallet", "id_reused", "a")
    assert (letter.account_id, letter.envelope.causation_id) == ("acc-1", "a")
    assert json.loads(letter.body)["data"]["top_up_id"] == "a"
    assert "@" not in letter.detail


async def test_what_is_told_has_no_personal_data(database_url: str) -> None:
    message = said(AccountRegistered(account_id="acc-1", email="an@example.com", name="An"))
    broken = message.encode().replace(b'"acc-1"', b'"acc-1" oops', 1)
    async with room(database_url) as at:
        await at.conclude(delivered(message), delivered(broken))
        letters = await told(at)
    assert len(letters) == 2
    for letter in letters:
        assert isinstance(letter, DeadLetterRecorded)
        assert "an@example.com" not in letter.body
        assert '"An"' not in letter.body
        assert "account.registered" in letter.body


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00\xff",
        b"[" * 100_000,
        b'{"id": "\\ud800", "subject": 7, "data": []}',
        b'{"id": "' + b"x" * 300_000 + b'"}',
        b'{"type": "a\\u0000b", "correlationid": "\\u0000", "data": {"account_id": "\\n"}}',
    ],
)
async def test_whatever_lies_there_can_be_told_of(database_url: str, body: bytes) -> None:
    async with room(database_url) as at:
        await at.conclude(delivered(body, type="top_up.received"))
        (letter,) = await told(at)
    assert isinstance(letter, DeadLetterRecorded)
    assert letter.envelope.subject is None
    assert len(letter.encode()) < DeadLetterRecorded.max_bytes


async def test_a_dead_letter_that_tells_of_a_dead_letter_tells_nothing(connections: Pool) -> None:
    about = DeadLetterRecorded(service="billing", number=1, reason="r", detail="", body="")
    async with connections.acquire() as db, db.transaction():
        letter = DeadLetter("out_of_attempts", "", b"{}", "/cloudtill", "x", about.type)
        assert await dead_letters.append_dead_letters(db, "wallet", [letter]) == []
        (row,) = await dead_letters.list_dead_letters(db)
        assert await dead_letters.discard(db, "wallet", [row["number"]]) == [row["number"]]
        assert await db.fetchval("select count(*) from outbox") == 0


async def test_a_letter_is_replayed_once_by_whoever_asks_first_and_it_is_known_who_and_why(
    database_url: str,
) -> None:
    async with room(database_url, refusing) as at:
        await at.conclude(delivered(top_up("a")))
        (number,) = await at.fetch("select number from dead_letter")
        request = decision(DeadLetterReplayRequested, number, id="first")
        await at.conclude(delivered(request))
        await at.conclude(delivered(request))
        await at.conclude(delivered(decision(DeadLetterDiscardRequested, number, 999)))
        assert await at.fetch("select message_id from outbox where exchange <> 'cloudtill'") == [
            "a"
        ]
        (row,) = [
            tuple(one)
            for one in await at.fetch(
                "select row(conclusion, concluded_by, concluded_because) from dead_letter"
            )
        ]
        assert row == ("replayed", "mai", "mended")
        _recorded, concluded, *refused = await told(at)
    assert isinstance(concluded, DeadLetterConcluded)
    assert (concluded.number, concluded.conclusion) == (number, "replayed")
    assert (concluded.concluded_by, concluded.reason) == ("mai", "mended")
    assert concluded.envelope.causation_id == "first"
    assert [one.number for one in refused if isinstance(one, DeadLetterNotWaiting)] == [number, 999]


async def test_what_another_service_is_asked_is_not_done_here(database_url: str) -> None:
    async with room(database_url, refusing) as at:
        await at.conclude(delivered(top_up("a")))
        (number,) = await at.fetch("select number from dead_letter")
        request = decision(DeadLetterDiscardRequested, number, service="billing", id="astray")
        await at.conclude(delivered(request))
        assert await at.letters() == {"a": "id_reused", "astray": "other_service"}
        assert await at.fetch("select conclusion from dead_letter order by number") == [None, None]


async def test_a_replay_that_fails_leaves_the_letter_waiting(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with room(database_url, refusing) as at:
        await at.conclude(delivered(top_up("a")))
        (number,) = await at.fetch("select number from dead_letter")

        async def breaks(*_: object) -> list[int]:
            raise RuntimeError("the worker ends here")

        monkeypatch.setattr("shared.dead_letters._conclude", breaks)
        await at.conclude(delivered(decision(DeadLetterReplayRequested, number, id="once")))
        assert await at.fetch("select conclusion from dead_letter") == [None]
        assert await at.put_off() == [("once", 1)]


async def test_nobody_concludes_a_letter_that_waits_by_the_schema(connections: Pool) -> None:
    async with connections.acquire() as db, db.transaction():
        await dead_letters.append_dead_letters(db, "wallet", [DeadLetter("r", "", b"{}")])
    async with connections.acquire() as db:
        with pytest.raises(asyncpg.CheckViolationError):
            await db.execute("update dead_letter set concluded_by = 'mai'")
