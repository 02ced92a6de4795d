"""Access tokens of the OpenID Connect provider at the API (RFC 9068): whose, what for, how long."""

from collections.abc import Mapping
from typing import Any

import pytest
from joserfc.jwk import RSAKey
from pydantic import ValidationError

from services.portal.settings import PortalSettings
from tests.integration.portal.conftest import Office
from tests.integration.portal.lives import life_of
from tests.integration.portal.programs import Program, with_token
from tests.integration.portal.stand_in import AUDIENCE, ISSUER, Provider


async def with_access(office: Office, provider: Provider, **claims: Any) -> Program:
    """A program with an access token, at an API that takes them."""
    office.settings = PortalSettings(issuer=ISSUER, api_audience=AUDIENCE)
    return await with_token(office, "an", provider.access_token(**claims))


async def test_whom_the_provider_vouches_for_reads_and_does_what_the_token_is_good_for(
    office: Office, provider: Provider
) -> None:
    await office.hear(*life_of("an"), *life_of("binh"))
    mine = await with_access(office, provider)
    assert (await mine.get(""))["account_id"] == "an"
    answer = await mine.ask("POST", "/top-ups", {"amount": 1_000})
    assert answer.status_code == 202
    (act,) = await office.rows("select actor, role from act")
    assert act == {"actor": f"{ISSUER} person-1", "role": "program"}
    assert (await mine.ask("GET", "", account_id="binh")).status_code == 404
    reader = await with_access(office, provider, scope="cloudtill:read")
    assert (await reader.ask("GET", "/orders")).status_code == 200
    assert (await reader.ask("POST", "/top-ups", {"amount": 1_000})).status_code == 403


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://evil.example.com"},
        {"iss": None},
        {"aud": "cloudtill"},
        {"aud": None},
        {"exp": 1},
        {"exp": None},
        {"sub": None},
        {"nbf": 99_999_999_999},
    ],
    ids=str,
)
async def test_a_token_that_is_not_for_the_api_or_not_in_force_is_refused(
    office: Office, provider: Provider, wrong: Mapping[str, Any]
) -> None:
    await office.hear(*life_of("an"))
    mine = await with_access(office, provider, **wrong)
    answer = await mine.ask("GET", "")
    assert (answer.status_code, answer.json()["code"]) == (401, "unknown_key")


async def test_a_token_without_scopes_or_accounts_is_good_for_nothing(
    office: Office, provider: Provider
) -> None:
    await office.hear(*life_of("an"))
    mine = await with_access(office, provider, scope="openid read write")
    assert (await mine.ask("GET", "")).status_code == 403
    mine = await with_access(office, provider, account_ids=None)
    assert (await mine.ask("GET", "")).status_code == 404


async def test_a_token_of_another_key_is_refused_and_fetches_no_keys_each_time(
    office: Office, provider: Provider
) -> None:
    await office.hear(*life_of("an"))
    provider.key = RSAKey.generate_key(2048, {"kid": "2", "use": "sig"})
    mine = await with_access(office, provider)
    for _ in range(3):
        assert (await mine.ask("GET", "")).status_code == 401
    assert provider.keys_told == 1


async def test_while_the_provider_is_away_programs_are_told_to_come_again(
    office: Office, provider: Provider
) -> None:
    await office.hear(*life_of("an"))
    mine = await with_access(office, provider)
    provider.is_away = True
    answer = await mine.ask("GET", "")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    provider.is_away = False
    assert (await mine.ask("GET", "")).status_code == 200


async def test_where_no_audience_is_set_no_token_is_taken(
    office: Office, provider: Provider
) -> None:
    await office.hear(*life_of("an"))
    mine = await with_token(office, "an", provider.access_token())
    assert (await mine.ask("GET", "")).status_code == 401
    assert provider.keys_told == 0


def test_an_id_token_is_no_access_token() -> None:
    with pytest.raises(ValidationError):
        PortalSettings(issuer=ISSUER, client_id="cloudtill", api_audience="cloudtill")
    with pytest.raises(ValidationError):
        PortalSettings(api_audience=AUDIENCE)
