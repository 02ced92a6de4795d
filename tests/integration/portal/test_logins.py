"""Who may see and do what: logins, tokens of forms, limits, and other people's accounts."""

from services.portal.settings import PortalSettings
from shared.messages.upstream import AccountRegistered
from tests.builders import said
from tests.integration.portal.conftest import Office


def registered(account_id: str, name: str = "An") -> AccountRegistered:
    return said(
        AccountRegistered(account_id=account_id, email=f"{account_id}@example.com", name=name)
    )


async def test_whoever_has_not_logged_in_is_asked_to(office: Office) -> None:
    browser = await office.browser()
    await browser.open("/accounts/acc-1")
    assert browser.path == "/login"


async def test_a_customer_sees_their_account_and_no_other(office: Office) -> None:
    await office.hear(registered("acc-1", "An"), registered("acc-2", "Binh"))
    browser = await office.customer("acc-1")
    assert browser.path == "/accounts/acc-1"
    assert "An" in browser.text
    await browser.open("/accounts/acc-2")
    assert browser.status == 404
    assert "Binh" not in browser.text


async def test_a_form_without_its_token_is_refused(office: Office) -> None:
    browser = await office.customer("acc-1")
    await browser.open("/register")
    answer = await browser.client.post("/register", data={"name": "An", "email": "an@example.com"})
    assert answer.status_code == 403
    answer = await browser.client.post("/register", data={"csrf": "x" * 43, "name": "An"})
    assert answer.status_code == 403
    assert await office.said() == []


async def test_an_account_is_opened_once_however_often_the_form_is_sent(office: Office) -> None:
    browser = await office.customer()
    assert browser.path == "/register"
    form = {"name": "Chi", "email": "chi@example.com", "currency": "VND"}
    first = await browser.send("/register", form)
    again = await browser.send("/register", form)
    assert first.headers["location"] == again.headers["location"]
    (message,) = await office.said()
    assert isinstance(message, AccountRegistered)
    assert message.envelope.source == "/portal"
    assert message.time == office.now
    (act,) = await office.rows("select * from act")
    assert act["message_id"] == message.envelope.id
    assert act["account_id"] == message.account_id
    await browser.open(first.headers["location"])
    assert browser.status == 200
    await office.hear(message)
    await browser.open("/")
    assert "Chi" in browser.text


async def test_an_account_that_was_opened_here_is_there_at_the_next_login(office: Office) -> None:
    browser = await office.customer()
    await browser.fill_in("/register", {"name": "Chi", "email": "chi@example.com"})
    opened = browser.path
    again = await office.customer()
    assert again.path == opened


async def test_a_login_ends_unused_and_when_it_is_logged_out(office: Office) -> None:
    browser = await office.customer("acc-1")
    office.later(minutes=59)
    await browser.open("/accounts/acc-1")
    assert browser.status == 200
    office.later(minutes=59)
    await browser.open("/accounts/acc-1")
    assert browser.path == "/accounts/acc-1"
    kept = dict(browser.client.cookies)
    await browser.fill_in("/logout", {})
    browser.client.cookies.update(kept)
    await browser.open("/accounts/acc-1")
    assert browser.path == "/login"
    other = await office.customer("acc-1")
    office.later(minutes=61)
    await other.open("/accounts/acc-1")
    assert other.path == "/login"


async def test_only_a_hash_of_what_the_browser_has_is_kept(office: Office) -> None:
    browser = await office.customer("acc-1")
    (session,) = await office.rows("select * from session")
    assert browser.client.cookies["login"] not in str(session)


async def test_there_is_no_development_login_unless_it_was_asked_for(office: Office) -> None:
    office.settings = PortalSettings()
    browser = await office.browser()
    await browser.open("/login")
    assert "Development" not in browser.text
    answer = await browser.send("/login/development", {"subject": "an@example.com"})
    assert answer.status_code == 404


async def test_tries_to_log_in_are_limited(office: Office) -> None:
    office.settings = PortalSettings(development_login=True, logins_a_minute=3)
    form = {"subject": "an@example.com"}
    browsers = [await office.browser() for _ in range(5)]
    for browser in browsers:
        await browser.open("/login")
    codes = [(await one.send("/login/development", form)).status_code for one in browsers[:4]]
    assert codes == [303, 303, 303, 429]
    office.later(minutes=1)
    assert (await browsers[4].send("/login/development", form)).status_code == 303


async def test_pages_run_no_script_of_others_and_stand_in_no_frame(office: Office) -> None:
    browser = await office.customer("acc-1")
    policy = browser.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "strict-transport-security" not in browser.headers
    office.settings = PortalSettings(url="https://portal.example.com")
    secure = await office.browser()
    await secure.open("/login")
    assert "max-age" in secure.headers["strict-transport-security"]


async def test_pages_speak_the_language_that_was_chosen_or_else_the_browsers(
    office: Office,
) -> None:
    browser = await office.customer("acc-1", **{"accept-language": "vi,en;q=0.5"})
    assert 'lang="vi"' in browser.page
    await browser.fill_in("/preferences", {"language": "en", "back": "/accounts/acc-1"})
    assert browser.path == "/accounts/acc-1"
    assert '<html lang="en"' in browser.page
    await browser.fill_in("/preferences", {"theme": "dark", "back": "//evil.example.com"})
    assert 'data-theme="dark"' in browser.page
