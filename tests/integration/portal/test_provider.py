"""Logins by OpenID Connect, against a provider that signs as a real one does."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import RSAKey

from tests.integration.portal.browser import Browser
from tests.integration.portal.conftest import Office
from tests.integration.portal.stand_in import ISSUER, Provider


async def logged_in(office: Office, provider: Provider, **changed: str) -> Browser:
    """A browser that went to the provider and came back."""
    browser = await office.browser()
    answer = await browser.client.get("/login/provider")
    assert answer.status_code == 303
    asked = {
        name: values[0]
        for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()
    }
    assert asked["redirect_uri"] == "http://portal.example.com/login/back"
    assert asked["code_challenge_method"] == "S256"
    provider.nonce = asked["nonce"]
    back = {"state": asked["state"], "code": "code-1"} | changed
    await browser.open(f"/login/back?state={back['state']}&code={back['code']}")
    return browser


async def test_who_the_provider_says_has_the_accounts_that_it_says(
    office: Office, provider: Provider
) -> None:
    browser = await logged_in(office, provider)
    assert browser.path == "/accounts/acc-1"
    assert provider.asked["code"] == "code-1"
    assert len(provider.asked["code_verifier"]) >= 43
    (session,) = await office.rows("select subject, roles, account_ids from session")
    assert session["subject"] == f"{ISSUER} person-1"
    assert (session["roles"], session["account_ids"]) == (["customer"], ["acc-1"])


async def test_another_state_than_the_browsers_own_is_refused(
    office: Office, provider: Provider
) -> None:
    browser = await logged_in(office, provider, state="another")
    assert browser.status == 403
    assert await office.rows("select * from session") == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"aud": "another"},
        {"iss": "https://evil.example.com"},
        {"exp": 1},
        {"nonce": "another"},
    ],
    ids=str,
)
async def test_a_token_that_is_not_for_this_login_is_refused(
    office: Office, provider: Provider, wrong: dict[str, Any]
) -> None:
    provider.claims = wrong
    browser = await logged_in(office, provider)
    assert browser.status == 502
    assert await office.rows("select * from session") == []


async def test_a_token_of_another_key_is_refused_and_a_changed_key_is_fetched(
    office: Office, provider: Provider
) -> None:
    provider.key = RSAKey.generate_key(2048, {"kid": "2", "use": "sig"})
    assert (await logged_in(office, provider)).status == 502
    provider.published = provider.key
    assert (await logged_in(office, provider)).path == "/accounts/acc-1"


async def test_without_a_provider_there_is_no_such_login(office: Office) -> None:
    browser = await office.browser()
    for path in ("/login/provider", "/login/back?state=x&code=y"):
        await browser.open(path)
        assert browser.status == 404
