"""What a customer is told: chosen on one page, saved once, shown as it is by now."""

import random

import pytest

from shared.messages import Message
from shared.messages.notifications import NotificationFailed, NotificationRequested
from shared.messages.upstream import NotificationPreferencesSet
from tests.builders import NOON, said
from tests.integration.portal import story
from tests.integration.portal.conftest import Office
from tests.integration.portal.story import ACCOUNT, DAY, HOUR, asked

_PAGE = f"/accounts/{ACCOUNT}/notifications"
_ALL = ("resources", "renewals_and_bills", "payments")


def field(page: str, name: str, value: str) -> str:
    """The tag of a field of the form, with all that is said of it."""
    (tag,) = [one for one in page.split("<") if f'name="{name}" value="{value}"' in one]
    return tag


async def test_the_form_shows_what_is_muted_who_gets_copies_and_the_language(
    office: Office,
) -> None:
    await office.hear(*story.whole_life())
    browser = await office.customer(ACCOUNT)
    page = await browser.open(_PAGE)
    assert "checked" in field(page, "wanted", "resources")
    assert "checked" not in field(page, "wanted", "payments")
    assert 'name="wanted" value="account"' not in page
    assert '<option value="vi" lang="vi" selected>' in page
    assert "books@example.com Waiting for confirmation" in browser.text
    assert "boss@example.com Confirmed" in browser.text
    assert "old@example.com" not in browser.text


async def test_what_must_be_told_is_said_to_be_always_sent(office: Office) -> None:
    await office.hear(story.registered())
    english = await office.customer(ACCOUNT)
    await english.open(_PAGE)
    assert "Always sent: User type switched" in english.text
    assert "Always sent: Resource suspended" in english.text
    vietnamese = await office.customer(ACCOUNT, **{"accept-language": "vi"})
    await vietnamese.open(_PAGE)
    assert "Luôn được gửi: Đã đổi loại tài khoản" in vietnamese.text


async def test_another_accounts_page_is_not_there(office: Office) -> None:
    await office.hear(*story.whole_life())
    browser = await office.customer("acc-other")
    await browser.open(_PAGE)
    assert browser.status == 404
    await browser.open("/accounts/acc-other/notifications")
    assert (await browser.send(_PAGE, {"wanted": _ALL})).status_code == 404
    assert await office.said() == []


async def test_a_form_that_is_sent_twice_is_saved_once_and_says_all_of_it(office: Office) -> None:
    await office.hear(*story.whole_life())
    browser = await office.customer(ACCOUNT)
    await browser.open(_PAGE)
    fields = {
        "wanted": ["resources", "payments"],
        "language": "en",
        "recipient": ["boss@example.com"],
        "add": " new@example.com ",
    }
    first, second = await browser.send(_PAGE, fields), await browser.send(_PAGE, fields)
    assert first.headers["location"] == second.headers["location"]
    (message,) = await office.said()
    assert isinstance(message, NotificationPreferencesSet)
    assert (message.account_id, message.language, message.time) == (ACCOUNT, "en", office.now)
    assert message.muted == ("renewals_and_bills",)
    assert message.recipients == ("boss@example.com", "new@example.com")


async def test_saving_is_followed_until_it_is_shown(office: Office) -> None:
    await office.hear(story.registered())
    browser = await office.customer(ACCOUNT)
    await browser.open(_PAGE)
    office.later(minutes=1)
    await browser.fill_in(_PAGE, {"wanted": [], "add": "boss@example.com"})
    act = browser.path
    assert "Under way" in browser.text
    await office.hear(*await office.said())
    await browser.open(act)
    assert 'data-test="concluded"' in browser.page
    assert f'href="{_PAGE}"' in browser.page
    page = await browser.open(_PAGE)
    assert all("checked" not in field(page, "wanted", group) for group in _ALL)
    assert "boss@example.com Waiting for confirmation" in browser.text


@pytest.mark.parametrize(
    ("fields", "said_to_be_wrong"),
    [
        ({"add": "no address"}, "valid e-mail address"),
        ({"recipient": [f"{one}@example.com" for one in range(11)]}, "too many addresses"),
    ],
)
async def test_a_wrong_address_is_said_and_nothing_is_saved(
    office: Office, fields: dict[str, object], said_to_be_wrong: str
) -> None:
    await office.hear(story.registered())
    browser = await office.customer(ACCOUNT)
    await browser.open(_PAGE)
    page = await browser.fill_in(_PAGE, {"wanted": ["payments"]} | fields)
    assert browser.status == 422
    assert said_to_be_wrong in browser.text
    assert "checked" in field(page, "wanted", "payments")
    assert "checked" not in field(page, "wanted", "resources")
    assert await office.said() == []


async def test_a_group_or_a_language_that_is_none_is_refused(office: Office) -> None:
    await office.hear(story.registered())
    browser = await office.customer(ACCOUNT)
    await browser.open(_PAGE)
    assert (await browser.send(_PAGE, {"language": "xx"})).status_code == 422
    await browser.fill_in(_PAGE, {"wanted": ["everything", *_ALL]})
    (message,) = await office.said()
    assert isinstance(message, NotificationPreferencesSet)
    assert message.muted == ()


async def test_who_did_not_agree_in_time_is_shown_so(office: Office) -> None:
    wish = story.wished("boss@example.com")
    await office.hear(story.registered(), wish, asked(wish, "boss@example.com"))
    office.now = NOON + 3 * DAY - HOUR
    browser = await office.customer(ACCOUNT)
    await browser.open(_PAGE)
    assert "boss@example.com Waiting for confirmation until" in browser.text
    office.now = NOON + 3 * DAY
    browser = await office.customer(ACCOUNT)
    await browser.open(_PAGE)
    assert "boss@example.com Did not confirm in time" in browser.text


@pytest.mark.parametrize("seed", range(3))
async def test_who_was_removed_and_added_again_agrees_again_whatever_comes_first(
    office: Office, seed: int
) -> None:
    boss = "boss@example.com"
    first, again = story.wished(boss, at=NOON - 2 * DAY), story.wished(boss, at=NOON)
    messages: list[Message] = [
        story.registered(),
        first,
        asked(first, boss),
        story.agreed(first, boss),
        story.wished(at=NOON - DAY),
        again,
        asked(again, boss),
    ]
    random.Random(seed).shuffle(messages)
    for message in messages:
        await office.hear(message)
    browser = await office.customer(ACCOUNT)
    await browser.open(_PAGE)
    assert f"{boss} Waiting for confirmation" in browser.text


async def test_the_latest_notices_are_listed_with_how_they_ended(office: Office) -> None:
    told = [
        said(
            NotificationRequested(account_id=ACCOUNT, template="resource_created", facts={}),
            at=NOON + number * HOUR,
            id=f"told {number}",
        )
        for number in range(21)
    ]
    failed = NotificationFailed(
        notice_id="notice-20", account_id=ACCOUNT, template="resource_created", reason="550 no"
    ).because(told[20])
    await office.hear(failed)
    await office.hear(story.registered(), *told)
    browser = await office.customer(ACCOUNT)
    page = await browser.open(_PAGE)
    assert page.count('<th scope="row">') == 20
    assert browser.text.count("Could not be delivered") == 1
    assert "550" not in browser.text
