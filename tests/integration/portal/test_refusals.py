"""What is refused says so on a page, in words that tell what to do."""

from datetime import timedelta

import pytest

from services.portal.settings import PortalSettings
from shared.messages.upstream import AccountRegistered
from tests.integration.portal import story
from tests.integration.portal.conftest import Office
from tests.integration.portal.story import ACCOUNT

_FORM = f"/accounts/{ACCOUNT}/details"
_SETTINGS = PortalSettings(development_login=True, acts_a_minute=1)


@pytest.mark.parametrize(
    ("language", "heading", "again"),
    [
        ("en", "This form is no longer valid", "Open the page again"),
        ("vi", "Biểu mẫu không còn hiệu lực", "Mở lại trang"),
    ],
)
async def test_a_form_that_is_no_longer_valid_leads_back_to_its_page(
    office: Office, language: str, heading: str, again: str
) -> None:
    await office.hear(story.registered())
    browser = await office.customer(ACCOUNT, **{"accept-language": language})
    referer = {"referer": f"http://portal.example.com{_FORM}?from=mail"}
    answer = await browser.client.post(_FORM, data={"csrf": "old"}, headers=referer)
    assert answer.status_code == 403
    assert heading in answer.text
    assert f'href="{_FORM}?from=mail">{again}</a>' in answer.text
    assert f'name="back" value="{_FORM}?from=mail"' in answer.text
    assert await office.said() == []


@pytest.mark.parametrize(
    "referer",
    ["https://evil.example.com/x", "http://portal.example.com//evil.example.com", "?", ""],
)
async def test_no_other_site_is_led_to(office: Office, referer: str) -> None:
    browser = await office.customer(ACCOUNT)
    answer = await browser.client.post(_FORM, data={"csrf": "old"}, headers={"referer": referer})
    assert answer.status_code == 403
    assert "evil" not in answer.text
    assert "Open the page again" not in answer.text
    assert 'name="back" value="/"' in answer.text


async def test_who_does_too_much_is_told_when_to_try_again_and_then_can(office: Office) -> None:
    office.settings = _SETTINGS
    await office.hear(story.registered())
    browser = await office.customer(ACCOUNT)
    office.now += timedelta(seconds=23)
    await browser.open(_FORM)
    form = {"legal_name": "An"}
    assert (await browser.send(_FORM, form | {"key": "first"})).status_code == 303
    answer = await browser.send(_FORM, form | {"key": "second"})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "37")
    assert "Please try again in 37 seconds." in answer.text
    assert len(await office.said()) == 1
    office.now += timedelta(seconds=37)
    assert (await browser.send(_FORM, form | {"key": "third"})).status_code == 303


async def test_nobody_owns_an_account_whose_opening_was_refused(office: Office) -> None:
    office.settings = _SETTINGS
    browser = await office.customer()
    await browser.open("/register")
    form = {"name": "An", "email": "an@example.com"}
    codes = [
        (await browser.send("/register", form | {"key": key})).status_code
        for key in ("first", "second")
    ]
    assert codes == [303, 429]
    (opened,) = await office.said()
    assert isinstance(opened, AccountRegistered)
    members = await office.rows("select account_id from member")
    assert members == [{"account_id": opened.account_id}]


async def test_what_a_page_asks_by_itself_leaves_the_page_as_it_is(office: Office) -> None:
    office.settings = _SETTINGS
    await office.hear(story.registered())
    browser = await office.customer(ACCOUNT)
    htmx = {"hx-request": "true"}
    gone = await browser.client.get(f"/accounts/{ACCOUNT}/resources/none", headers=htmx)
    assert (gone.status_code, gone.headers["hx-reswap"], gone.text) == (404, "none", "")
    refused = await browser.client.post(
        f"/accounts/{ACCOUNT}/quotes", data={"csrf": "old"}, headers=htmx
    )
    assert refused.status_code == 403
    assert "This form is no longer valid" in refused.text
    assert "<header" not in refused.text
