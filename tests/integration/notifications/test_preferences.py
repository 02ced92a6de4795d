"""Whom notices go to: what accounts mute, and who gets copies (reading 6)."""

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from services.notifications import metrics
from shared.messages import NotYet
from shared.messages.notifications import (
    NotificationRecipientAgreed,
    NotificationRecipientAsked,
)
from tests.integration.notifications.conftest import Desk
from tests.integration.notifications.scenes import (
    DAY,
    agreed,
    notice,
    of_invoice,
    preferences,
    registered,
)


async def _token(desk: Desk, email: str = "boss@example.com") -> str:
    ((token,),) = await desk.fetch(f"select token from recipient where email = '{email}'")
    return str(token)


def _muted(template: str) -> float:
    """How many of these notices were counted as muted."""
    counted = metrics.MAILS.labels(template, "muted")
    return float(next(iter(counted.collect())).samples[0].value)


async def test_what_an_account_muted_is_not_sent_and_what_it_must_know_is(desk: Desk) -> None:
    before = _muted("invoice_paid")
    await desk.handle(registered(), preferences(muted=("renewals_and_bills", "payments")))
    overdue: dict[str, Any] = {
        "invoices": 1,
        "outstanding": 5,
        "due_since": "2026-11-01T00:00:00+00:00",
        "numbers": ["1"],
    }
    await desk.handle(of_invoice(), notice(), notice("invoices_overdue", **overdue))
    await desk.work()
    assert [one.message["Subject"] for one in desk.office.taken] == ["5 VND are overdue"]
    assert await desk.outcomes() == [("muted", None), ("muted", None), ("sent", None)]
    assert _muted("invoice_paid") == before + 1


async def test_who_gets_copies_is_asked_first_and_gets_none_before_they_agree(desk: Desk) -> None:
    await desk.handle(registered(), preferences("boss@example.com"))
    await desk.handle(of_invoice())
    await desk.work()
    by_recipients = {one.recipients: one for one in desk.office.taken}
    assert by_recipients.keys() == {("boss@example.com",), ("acc-1@example.com",)}
    question = by_recipients["boss@example.com",]
    assert f"https://portal.example.com/recipients/{await _token(desk)}" in question.text
    assert "5 November 2026 19:00" in question.text
    assert "Hello" not in question.text
    await desk.handle(agreed(await _token(desk), DAY), of_invoice(amount=1))
    await desk.work()
    copied = desk.office.taken[-1]
    assert copied.recipients == ("acc-1@example.com", "boss@example.com")
    assert copied.message["Cc"] == "boss@example.com"


async def test_copies_are_of_expiry_renewal_and_bills_only(desk: Desk) -> None:
    await desk.handle(registered(), preferences("boss@example.com"))
    await desk.work()
    await desk.handle(agreed(await _token(desk)), notice())
    await desk.work()
    assert desk.office.taken[-1].recipients == ("acc-1@example.com",)


@pytest.mark.parametrize(
    ("after", "agrees"), [(DAY * 3 - timedelta(seconds=1), True), (DAY * 3, False)]
)
async def test_a_link_is_valid_for_three_days(desk: Desk, after: timedelta, agrees: bool) -> None:
    await desk.handle(registered(), preferences("boss@example.com"))
    await desk.handle(agreed(await _token(desk), after))
    assert await desk.fetch("select confirmed_at is not null from recipient") == [(agrees,)]


async def test_a_link_that_nobody_was_sent_does_nothing(desk: Desk) -> None:
    await desk.handle(registered(), preferences("boss@example.com"))
    assert await desk.handle(agreed("guessed")) == []
    assert await desk.fetch("select confirmed_at from recipient") == [(None,)]


async def test_who_agreed_stays_when_others_come_and_goes_when_removed(desk: Desk) -> None:
    await desk.handle(registered(), preferences("boss@example.com"))
    await desk.handle(agreed(await _token(desk)))
    await desk.handle(preferences("boss@example.com", "books@example.com", after=DAY))
    assert await desk.fetch(
        "select email, confirmed_at is not null from recipient order by email"
    ) == [("books@example.com", False), ("boss@example.com", True)]
    await desk.handle(preferences("books@example.com", after=DAY * 2))
    assert await desk.fetch("select email from recipient") == [("books@example.com",)]


async def test_the_latest_wish_counts_in_whatever_order_wishes_come(desk: Desk) -> None:
    late, early = preferences(muted=("payments",), after=DAY), preferences("boss@example.com")
    await desk.handle(registered(), late)
    await desk.handle(early)
    assert await desk.fetch("select muted from account") == [(["payments"],)]
    assert await desk.fetch("select from recipient") == []


async def test_a_wish_that_comes_twice_asks_once(desk: Desk) -> None:
    wish = preferences("boss@example.com")
    await desk.handle(registered(), wish)
    await desk.handle(wish)
    await desk.work()
    assert len(desk.office.taken) == 1


async def test_a_wish_of_an_account_that_is_on_its_way_waits_for_it(desk: Desk) -> None:
    (answer,) = await desk.handle(preferences("boss@example.com"))
    assert isinstance(answer, NotYet)


async def test_a_copy_that_is_refused_does_not_keep_the_mail_back(desk: Desk) -> None:
    await desk.handle(registered(), preferences("boss@example.com"))
    await desk.handle(agreed(await _token(desk)))
    desk.office.refuses["boss@example.com"] = "550 no such user"
    await desk.handle(of_invoice())
    await desk.work()
    assert desk.office.taken[-1].recipients == ("acc-1@example.com",)
    rows = await desk.fetch(
        "select outcome, reason from notice_outcome join notice using (notice_id)"
        " where template = 'invoice_paid'"
    )
    assert rows == [("sent", "boss@example.com: 550 no such user")]


async def test_without_the_owner_nobody_gets_it(desk: Desk) -> None:
    await desk.handle(registered(), preferences("boss@example.com"))
    await desk.handle(agreed(await _token(desk)))
    await desk.work()
    desk.office.taken.clear()
    desk.office.on_recipient.append("451 later")
    await desk.handle(of_invoice())
    await desk.work()
    assert [one.recipients for one in desk.office.taken] == [
        ("acc-1@example.com", "boss@example.com")
    ]


async def test_who_is_asked_and_who_agrees_is_told_each_once(desk: Desk) -> None:
    wish = preferences("boss@example.com")
    await desk.handle(registered())
    (asked,) = await desk.handle(wish)
    assert isinstance(asked, NotificationRecipientAsked)
    assert (asked.account_id, asked.email) == ("acc-1", "boss@example.com")
    assert (asked.asked_at, asked.valid_until) == (wish.time, wish.time + DAY * 3)
    assert await desk.handle(wish) == []
    token = await _token(desk)
    (yes,) = await desk.handle(agreed(token, DAY), agreed(token, DAY * 2))
    assert isinstance(yes, NotificationRecipientAgreed)
    assert (yes.email, yes.asked_at, yes.time) == ("boss@example.com", wish.time, wish.time + DAY)
    assert await desk.handle(agreed(token, DAY * 2)) == []


async def test_who_agrees_too_late_is_not_told_of(desk: Desk) -> None:
    await desk.handle(registered(), preferences("boss@example.com"))
    assert await desk.handle(agreed(await _token(desk), DAY * 3)) == []


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_the_language_is_that_of_the_latest_wish_that_says_one(
    desk: Desk, order: tuple[int, ...]
) -> None:
    wishes = [
        preferences(language="en"),
        preferences(language="vi", after=DAY),
        preferences(after=DAY * 2),
    ]
    await desk.handle(registered(language="en"))
    for number in order:
        await desk.handle(wishes[number])
    assert await desk.fetch("select language from account") == [("vi",)]
