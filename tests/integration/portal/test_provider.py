"""Logins by OpenID Connect, against a provider that signs as a real one does."""

import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.portal.settings import PortalSettings
from tests.integration.portal.browser import Browser
from tests.integration.portal.conftest import Office

_ISSUER = "https://login.example.com"


class StandIn:
    """A provider. A test changes what its tokens say, or with which key they are signed."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "1", "use": "sig"})
        self.published = self.key
        self.claims: dict[str, Any] = {}
        self.asked: dict[str, str] = {}
        self.nonce = ""
        self.app = Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._metadata),
                Route("/keys", self._keys),
                Route("/token", self._token, methods=["POST"]),
            ]
        )

    async def _metadata(self, _: Request) -> Response:
        return JSONResponse(
            {
                "issuer": _ISSUER,
                "authorization_endpoint": f"{_ISSUER}/authorize",
                "token_endpoint": f"{_ISSUER}/token",
                "jwks_uri": f"{_ISSUER}/keys",
            }
        )

    async def _keys(self, _: Request) -> Response:
        return JSONResponse({"keys": [self.published.as_dict(private=False)]})

    async def _token(self, request: Request) -> Response:
        self.asked = {name: str(value) for name, value in (await request.form()).items()}
        now = int(time.time())
        claims = {
            "iss": _ISSUER,
            "aud": "cloudtill",
            "sub": "person-1",
            "name": "An Nguyen",
            "email": "an@example.com",
            "iat": now,
            "exp": now + 300,
            "nonce": self.nonce,
            "roles": ["customer", "unheard-of"],
            "account_ids": ["acc-1"],
        } | self.claims
        token = jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)
        return JSONResponse({"access_token": "a", "token_type": "Bearer", "id_token": token})


@pytest.fixture
async def provider(office: Office) -> AsyncIterator[StandIn]:
    """The provider of the office."""
    stand_in = StandIn()
    office.settings = PortalSettings(issuer=_ISSUER, url="http://portal.example.com")
    transport = httpx.ASGITransport(stand_in.app)
    async with httpx.AsyncClient(transport=transport) as http:
        office.http = http
        yield stand_in


async def logged_in(office: Office, provider: StandIn, **changed: str) -> Browser:
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
    office: Office, provider: StandIn
) -> None:
    browser = await logged_in(office, provider)
    assert browser.path == "/accounts/acc-1"
    assert provider.asked["code"] == "code-1"
    assert len(provider.asked["code_verifier"]) >= 43
    (session,) = await office.rows("select subject, roles, account_ids from session")
    assert session["subject"] == f"{_ISSUER} person-1"
    assert (session["roles"], session["account_ids"]) == (["customer"], ["acc-1"])


async def test_another_state_than_the_browsers_own_is_refused(
    office: Office, provider: StandIn
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
    office: Office, provider: StandIn, wrong: dict[str, Any]
) -> None:
    provider.claims = wrong
    browser = await logged_in(office, provider)
    assert browser.status == 502
    assert await office.rows("select * from session") == []


async def test_a_token_of_another_key_is_refused_and_a_changed_key_is_fetched(
    office: Office, provider: StandIn
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
