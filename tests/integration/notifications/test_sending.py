"""Notices are mailed once, whatever the mail server does (domain 7)."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from services.notifications import store
from services.notifications.rendering import Text, render
from services.notifications.store import Outcome
from shared.database import Connection, PassingTrouble
from shared.messages import NotYet, Refused
from shared.messages.notifications import NotificationFailed, NotificationSent
from tests.integration.notifications.conftest import Desk
from tests.integration.notifications.post_office import PostOffice
from tests.integration.notifications.scenes import notice, of_invoice, registered
from tests.servers.server import free_port


async def test_a_notice_is_mailed_in_the_readers_language_and_told(desk: Desk) -> None:
    asked = notice()
    assert await desk.handle(registered(language="vi"), asked) == []
    await desk.work()
    (letter,) = desk.office.taken
    assert letter.recipients == ("acc-1@example.com",)
    assert letter.message["Subject"] == "Thanh toán 250.000 VND đã thành công"
    assert letter.message["From"] == "Cloudtill <billing@cloud.example>"
    assert letter.message["Date"].datetime == asked.time
    assert letter.text.startswith("Xin chào Ánh,")
    (told,) = await desk.said(NotificationSent)
    assert (told.template, told.subject) == ("payment_confirmed", letter.message["Subject"])
    assert (told.time, told.envelope.causation_id) == (asked.time, asked.envelope.id)
    assert told.notice_id.replace(":", ".") in letter.message["Message-ID"]
    assert await desk.outcomes() == [("sent", None)]


async def test_times_are_those_of_the_accounts_own_zone(desk: Desk) -> None:
    facts = {"url": "https://pay.example.com/1", "pay_until": "2026-11-05T12:00:00+00:00"}
    await desk.handle(registered(time_zone="America/New_York"), notice("payment_link", **facts))
    await desk.work()
    assert "5 November 2026 07:00" in desk.office.taken[0].text


async def test_a_time_zone_that_is_none_does_not_keep_a_notice_back(desk: Desk) -> None:
    await desk.handle(registered(time_zone="../nowhere"), notice())
    await desk.work()
    assert len(desk.office.taken) == 1


async def test_the_same_notice_twice_is_one_mail(desk: Desk) -> None:
    await desk.handle(registered(), notice(id="one"), notice(id="one"))
    await desk.handle(notice(id="one"))
    await desk.work()
    await desk.handle(notice(id="one"))
    await desk.work()
    assert len(desk.office.taken) == 1


async def test_a_notice_for_an_account_that_is_on_its_way_waits_for_it(desk: Desk) -> None:
    asked = notice()
    (answer,) = await desk.handle(asked)
    assert isinstance(answer, NotYet)
    assert await desk.fetch("select from notice") == []
    assert await desk.handle(registered(), asked) == []


async def test_a_notice_without_a_text_is_a_persons_to_judge(desk: Desk) -> None:
    (answer,) = await desk.handle(registered(), notice("birthday"))
    assert isinstance(answer, Refused)
    assert answer.reason == "unknown_template"


async def test_a_notice_that_lacks_a_fact_is_a_persons_to_judge(desk: Desk) -> None:
    (answer,) = await desk.handle(registered(), of_invoice("invoice_credited"))
    assert isinstance(answer, Refused)
    assert (answer.reason, answer.detail) == ("bad_facts", "the fact credit_note is missing")


@pytest.mark.parametrize("answer", ["451 try later", "452 mailbox full", None])
@pytest.mark.parametrize("step", ["on_recipient", "on_data"])
async def test_what_is_not_taken_now_is_taken_later_and_once(
    desk: Desk, answer: str | None, step: str
) -> None:
    getattr(desk.office, step).extend([answer, answer])
    await desk.handle(registered(), notice())
    await desk.work()
    assert len(desk.office.taken) == 1
    assert desk.office.tries == 3
    assert await desk.outcomes() == [("sent", None)]


@pytest.mark.parametrize("step", ["on_recipient", "on_data"])
async def test_what_is_refused_for_good_is_told_with_its_reason_and_not_tried_again(
    desk: Desk, step: str
) -> None:
    getattr(desk.office, step).append("550 5.1.1 nobody of that name")
    await desk.handle(registered(), notice())
    await desk.work()
    assert desk.office.taken == []
    assert desk.office.tries == 1
    assert await desk.outcomes() == [("failed", "550 5.1.1 nobody of that name")]
    (told,) = await desk.said(NotificationFailed)
    assert told.reason == "550 5.1.1 nobody of that name"
    assert await desk.said(NotificationSent) == []


async def test_an_address_that_is_none_ends_the_notice_and_no_other(desk: Desk) -> None:
    await desk.handle(registered(email="a,b@example.com"), notice())
    await desk.work()
    ((outcome, reason),) = await desk.outcomes()
    assert outcome == "failed"
    assert "is no address" in str(reason)


async def test_a_server_that_is_away_is_tried_until_it_is_there(
    desk: Desk, office: PostOffice
) -> None:
    await desk.handle(registered(), notice())
    async with desk.working(smtp_url=f"smtp://127.0.0.1:{free_port()}"):
        await desk.until(
            lambda db: db.fetchval("select coalesce((select failures > 2 from errand), false)")
        )
    assert await desk.outcomes() == []
    await desk.work()
    assert len(office.taken) == 1


async def test_what_is_not_taken_for_too_long_is_given_up_and_told(desk: Desk) -> None:
    desk.office.refuses["acc-1@example.com"] = "451 try later"
    await desk.handle(registered(), notice())
    await desk.work(mail_give_up_s=0.2)
    assert await desk.outcomes() == [("failed", "given up: 451 try later")]
    assert len(await desk.said(NotificationFailed)) == 1


async def test_a_bug_in_one_notice_keeps_no_other_back_and_is_given_up_too(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(template: str, *others: Any, **more: Any) -> Text:
        if template == "invoice_paid":
            raise ZeroDivisionError("a bug")
        return render(template, *others, **more)

    monkeypatch.setattr("services.notifications.errands.render", broken)
    await desk.handle(registered(), of_invoice(), notice())
    await desk.work(mail_give_up_s=0.2)
    assert await desk.outcomes() == [
        ("failed", "given up: ZeroDivisionError('a bug')"),
        ("sent", None),
    ]


async def test_without_a_mail_server_notices_wait(desk: Desk) -> None:
    await desk.handle(registered(), notice())
    async with desk.working(smtp_url=None):
        pass
    assert await desk.outcomes() == []
    await desk.work()
    assert await desk.outcomes() == [("sent", None)]


async def test_many_workers_send_each_notice_once(desk: Desk) -> None:
    await desk.handle(registered(), *(notice(id=f"n-{place}") for place in range(60)))
    async with desk.working(), desk.working(), desk.working():
        await desk.until(desk._idle)
    ids = Counter(letter.message["Message-ID"] for letter in desk.office.taken)
    assert (len(ids), set(ids.values())) == (60, {1})


async def test_a_server_that_dies_before_it_says_taken_gets_the_same_mail_again(
    desk: Desk,
) -> None:
    desk.office.loses_answers = 1
    await desk.handle(registered(), notice())
    await desk.work()
    first, second = desk.office.taken
    assert first.content == second.content
    assert await desk.outcomes() == [("sent", None)]


async def test_a_commit_that_fails_after_the_mail_leaves_the_errand_to_the_next(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    end_errand, broken = store.end_errand, asyncio.Event()

    async def breaks_once(db: Connection, notice_id: str, outcome: Outcome) -> bool:
        if not broken.is_set():
            broken.set()
            raise PassingTrouble("the database went away")
        return await end_errand(db, notice_id, outcome)

    monkeypatch.setattr(store, "end_errand", breaks_once)
    await desk.handle(registered(), notice())
    await desk.work(mail_lease_s=1)
    first, second = desk.office.taken
    assert first.message["Message-ID"] == second.message["Message-ID"]
    assert first.content == second.content
    assert len(await desk.said(NotificationSent)) == 1


async def test_a_server_that_says_nothing_does_not_keep_the_worker(desk: Desk) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        await desk.handle(registered(), notice())
        async with desk.working(smtp_url=f"smtp://127.0.0.1:{port}", mail_answer_s=0.1):
            await desk.until(
                lambda db: db.fetchval("select coalesce((select failures > 0 from errand), false)")
            )
