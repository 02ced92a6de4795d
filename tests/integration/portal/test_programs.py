"""The page of programs: keys that are shown once, webhooks and their log."""

import re

import pytest

from services.portal.settings import PortalSettings
from tests.integration.portal.browser import Browser
from tests.integration.portal.conftest import Office
from tests.integration.portal.lives import invoice_issued, registered
from tests.integration.portal.programs import Program, program

PAGE = "/accounts/an/programs"
_TOKEN = re.compile(r"cloudtill_[0-9a-f]{16}_[A-Za-z0-9_-]{43}")


async def _customer(office: Office, language: str = "en") -> Browser:
    await office.hear(registered("an"))
    browser = await office.customer("an", **{"accept-language": language})
    await browser.open(PAGE)
    assert browser.status == 200
    return browser


async def test_a_key_is_shown_once_and_good_until_it_is_revoked(office: Office) -> None:
    browser = await _customer(office)
    await browser.fill_in(f"{PAGE}/keys", {"name": "nightly report", "scope": "read"})
    found = _TOKEN.search(browser.page)
    assert found
    other = await program(office, "an")
    mine = Program(other.client, "an", found[0])
    assert (await mine.get(""))["account_id"] == "an"
    assert (await mine.ask("POST", "/top-ups", {"amount": 1})).status_code == 403
    await browser.open(PAGE)
    assert found[0] not in browser.page
    assert "nightly report" in browser.text
    key_id = found[0].split("_")[1]
    await browser.fill_in(f"{PAGE}/keys/{key_id}/revoke", {})
    assert "Revoked" in browser.text
    assert (await mine.ask("GET", "")).status_code == 401
    kinds = await office.rows("select kind, actor from act order by kind")
    assert [row["kind"] for row in kinds] == ["key_make", "key_revoke"]
    assert {row["actor"] for row in kinds} == {"an@example.com"}


async def test_a_form_for_a_key_that_is_sent_twice_makes_one(office: Office) -> None:
    browser = await _customer(office)
    form = {"name": "till", "scope": "write"}
    first = await browser.send(f"{PAGE}/keys", form)
    again = await browser.send(f"{PAGE}/keys", form)
    assert (first.status_code, again.status_code) == (200, 303)
    assert len(await office.rows("select * from api_key")) == 1


async def test_a_key_needs_a_name(office: Office) -> None:
    browser = await _customer(office)
    for name in ("", "x" * 101, "a\x00b"):
        answer = await browser.send(f"{PAGE}/keys", {"name": name})
        assert answer.status_code == 422
    assert await office.rows("select * from api_key") == []


async def test_another_accounts_keys_and_webhooks_are_not_there(office: Office) -> None:
    theirs = await program(office, "binh")
    office.settings = PortalSettings(development_login=True, webhooks_anywhere=True)
    theirs = await program(office, "binh")
    hook = await theirs.ask("POST", "/webhook-endpoints", {"url": "http://127.0.0.1:9/"})
    endpoint_id = hook.json()["endpoint_id"]
    browser = await _customer(office)
    key_id = theirs.token.split("_")[1]
    for path in (f"{PAGE}/keys/{key_id}/revoke", f"{PAGE}/webhooks/{endpoint_id}"):
        answer = await browser.send(path, {"do": "remove"})
        assert answer.status_code == 404, path
    await browser.open(f"{PAGE}/webhooks/{endpoint_id}")
    assert browser.status == 404
    await browser.open("/accounts/binh/programs")
    assert browser.status == 404
    assert (await theirs.ask("GET", f"/webhook-endpoints/{endpoint_id}")).status_code == 200


@pytest.mark.parametrize("language", ["en", "vi"])
async def test_a_webhook_is_added_looked_at_and_removed(office: Office, language: str) -> None:
    office.settings = PortalSettings(development_login=True, webhooks_anywhere=True)
    browser = await _customer(office, language)
    form = {"url": "http://127.0.0.1:9/hook", "type": ["invoice.issued"]}
    await browser.fill_in(f"{PAGE}/webhooks", form)
    assert "whsec_" in browser.page
    (endpoint,) = await office.rows("select * from webhook_endpoint")
    assert endpoint["event_types"] == ["invoice.issued"]
    await office.hear(invoice_issued("an", "o-1"))
    path = f"{PAGE}/webhooks/{endpoint['endpoint_id']}"
    await browser.open(path)
    assert "invoice.issued" in browser.text
    assert "whsec_" not in browser.page
    (sent,) = await office.rows("select * from webhook_delivery")
    await browser.open(f"{path}/{sent['event_id']}")
    assert "90000" in browser.text
    await browser.fill_in(path, {"do": "disable"})
    (sent,) = await office.rows("select * from webhook_delivery")
    assert sent["state"] == "failed"
    await browser.fill_in(path, {"do": "enable"})
    await browser.open(f"{path}/{sent['event_id']}")
    await browser.fill_in(f"{path}/{sent['event_id']}", {})
    (sent,) = await office.rows("select * from webhook_delivery")
    assert sent["state"] == "waiting"
    await browser.fill_in(path, {"do": "remove"})
    assert browser.path == PAGE
    assert await office.rows("select * from webhook_endpoint") == []


async def test_a_webhook_to_where_none_may_go_is_refused_with_the_reason(office: Office) -> None:
    browser = await _customer(office)
    await browser.fill_in(f"{PAGE}/webhooks", {"url": "https://169.254.169.254/"})
    assert browser.status == 422
    assert "No webhook may go to that address" in browser.text
    assert await office.rows("select * from act") == []
