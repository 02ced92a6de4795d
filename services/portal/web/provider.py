"""An OpenID Connect provider: who somebody is, by the authorization code flow with PKCE.

The protocol is authlib's, signatures are joserfc's; requests go over our own client, because
authlib's goes by way of a package that it deprecates.
"""

import math
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import httpx
from authlib.oauth2.client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from itsdangerous import BadData, URLSafeTimedSerializer
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from services.portal.settings import PortalSettings

ATTEMPT_S: Final = 600
"""How long a login at the provider may take."""
_LEEWAY_S: Final = 60
_KEYS_AGAIN_S: Final = 30
_ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA")
_SCOPE: Final = "openid profile email"


class LoginRefused(Exception):
    """The provider did not say who it is, or what it said can't be believed."""


class ProviderAway(LoginRefused):
    """The provider does not answer."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a browser keeps while somebody logs in at the provider."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def new(cls) -> Self:
        """One that nobody can guess."""
        return cls(secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(48))


@dataclass(frozen=True, slots=True)
class Person:
    """Who logged in, as the provider's ID token says."""

    subject: str
    name: str
    email: str | None
    roles: tuple[str, ...]
    account_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Access:
    """What an access token is good for, and whose it is."""

    subject: str
    account_ids: tuple[str, ...]
    scopes: tuple[str, ...]


class Provider:
    """The provider of this installation. What it tells of itself is asked once."""

    def __init__(self, settings: PortalSettings, http: httpx.AsyncClient) -> None:
        self._settings = settings
        self._http = http
        self._metadata: Mapping[str, Any] | None = None
        self._keys: KeySet | None = None
        self._keys_from = -math.inf

    async def address(self, attempt: Attempt) -> str:
        """Where a browser logs in.

        Raises:
            LoginRefused: if the provider can't be asked.
        """
        metadata = await self._told_of_itself()
        client = OAuth2Client(
            session=None,
            client_id=self._settings.client_id,
            scope=_SCOPE,
            redirect_uri=self._back,
            code_challenge_method="S256",
        )
        url, _ = client.create_authorization_url(
            metadata["authorization_endpoint"],
            state=attempt.state,
            code_verifier=attempt.verifier,
            nonce=attempt.nonce,
        )
        return str(url)

    async def person(self, code: str, attempt: Attempt) -> Person:
        """Who somebody is that came back with a code.

        Raises:
            LoginRefused: if the code or what it stands for is not valid.
        """
        metadata = await self._told_of_itself()
        token = await self._token(metadata["token_endpoint"], code, attempt)
        claims = await self._claims(token, attempt)
        return Person(
            subject=f"{self._settings.issuer} {claims['sub']}"[:300],
            name=str(claims.get("name") or claims.get("preferred_username") or claims["sub"])[:200],
            email=str(claims["email"]) if claims.get("email") else None,
            roles=_texts(claims.get(self._settings.roles_claim)),
            account_ids=_texts(claims.get(self._settings.accounts_claim)),
        )

    async def access(self, token: str) -> Access:
        """What an access token is good for (RFC 9068): one from our provider, for the API.

        Raises:
            LoginRefused: if it is not.
            ProviderAway: if the provider's keys can't be fetched.
        """
        # Anybody may send a token: one that is wrong does not fetch keys each time.
        claims = (await self._decoded(token, keys_for_s=_KEYS_AGAIN_S)).claims
        registry = jwt.JWTClaimsRegistry(
            leeway=_LEEWAY_S,
            iss={"essential": True, "value": self._settings.issuer or ""},
            aud={"essential": True, "value": self._settings.api_audience or ""},
            exp={"essential": True},
            sub={"essential": True},
        )
        try:
            registry.validate(claims)
        except (JoseError, ValueError) as error:
            raise LoginRefused(f"access token: {error}") from None
        prefix = self._settings.api_scope_prefix
        asked = _texts(claims.get("scope"))
        return Access(
            subject=f"{self._settings.issuer} {claims['sub']}"[:300],
            account_ids=_texts(claims.get(self._settings.accounts_claim)),
            scopes=tuple(one for one in ("read", "write") if prefix + one in asked),
        )

    @property
    def _back(self) -> str:
        return f"{self._settings.url.rstrip('/')}/login/back"

    async def _token(self, endpoint: str, code: str, attempt: Attempt) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._back,
            "client_id": self._settings.client_id,
            "code_verifier": attempt.verifier,
        }
        secret = self._settings.client_secret
        login = (self._settings.client_id, secret.get_secret_value()) if secret else None
        answer = await self._asked("POST", endpoint, data=form, auth=login)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise LoginRefused("no ID token")
        return token

    async def _claims(self, token: str, attempt: Attempt) -> Mapping[str, Any]:
        """The claims of an ID token, once its signature and all that it must say are checked."""
        signed = await self._decoded(token, keys_for_s=0)
        claims = CodeIDToken(
            signed.claims,
            signed.header,
            options={
                "iss": {"essential": True, "value": self._settings.issuer},
                "aud": {"essential": True, "value": self._settings.client_id},
                "nonce": {"essential": True, "value": attempt.nonce},
            },
            params={"nonce": attempt.nonce, "client_id": self._settings.client_id},
        )
        try:
            claims.validate(leeway=_LEEWAY_S)
        except (JoseError, ValueError) as error:
            raise LoginRefused(f"ID token: {error}") from None
        return dict(claims)

    async def _decoded(self, token: str, *, keys_for_s: float) -> jwt.Token:
        """A token whose signature is the provider's, which may have changed its keys since.

        Args:
            token: as it came.
            keys_for_s: how old the keys at hand are at least, before others are fetched.
        """
        try:
            return jwt.decode(token, await self._keys_of(), algorithms=_ALGORITHMS)
        except (JoseError, ValueError) as error:
            if time.monotonic() - self._keys_from < keys_for_s:
                raise LoginRefused(f"token: {error}") from None
        self._keys = None
        try:
            return jwt.decode(token, await self._keys_of(), algorithms=_ALGORITHMS)
        except (JoseError, ValueError) as error:
            raise LoginRefused(f"token: {error}") from None

    async def _told_of_itself(self) -> Mapping[str, Any]:
        if self._metadata is None:
            issuer = (self._settings.issuer or "").rstrip("/")
            told = await self._asked("GET", f"{issuer}/.well-known/openid-configuration")
            if str(told.get("issuer", "")).rstrip("/") != issuer:
                raise LoginRefused("the provider calls itself another issuer")
            self._metadata = told
        return self._metadata

    async def _keys_of(self) -> KeySet:
        if self._keys is None:
            metadata = await self._told_of_itself()
            told = await self._asked("GET", metadata["jwks_uri"])
            self._keys = KeySet.import_key_set({"keys": told.get("keys", [])})
            self._keys_from = time.monotonic()
        return self._keys

    async def _asked(self, method: str, url: str, **more: Any) -> dict[str, Any]:
        try:
            answer = await self._http.request(method, url, **more)
            answer.raise_for_status()
            told = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise ProviderAway(f"no answer from the provider: {type(error).__name__}") from None
        if not isinstance(told, dict):
            raise LoginRefused("the provider's answer is no object")
        return told


def _texts(claim: object) -> tuple[str, ...]:
    """A claim that is a list, or words with blanks between."""
    found: Sequence[object] = claim.split() if isinstance(claim, str) else ()
    if isinstance(claim, list | tuple):
        found = claim
    return tuple(str(one)[:64] for one in found if isinstance(one, str | int))


class Attempts:
    """Attempts as browsers keep them: signed, and for a while."""

    def __init__(self, settings: PortalSettings) -> None:
        secret = settings.secret.get_secret_value() if settings.secret else secrets.token_hex()
        self._signer = URLSafeTimedSerializer(secret, salt="login attempt")

    def written(self, attempt: Attempt) -> str:
        """As a cookie's value."""
        return str(self._signer.dumps([attempt.state, attempt.nonce, attempt.verifier]))

    def read(self, value: str) -> Attempt | None:
        """From a cookie's value; None where it is not ours, or too old."""
        try:
            state, nonce, verifier = self._signer.loads(value, max_age=ATTEMPT_S)
        except (BadData, ValueError):
            return None
        return Attempt(state, nonce, verifier)
