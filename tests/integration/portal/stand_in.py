"""An OpenID Connect provider that signs as a real one does."""

import time
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

ISSUER = "https://login.example.com"
AUDIENCE = "https://portal.example.com/api"


class Provider:
    """A provider. A test changes what its tokens say, or with which key they are signed."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "1", "use": "sig"})
        self.published = self.key
        self.claims: dict[str, Any] = {}
        self.asked: dict[str, str] = {}
        self.nonce = ""
        self.keys_told = 0
        self.is_away = False
        self.app = Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._metadata),
                Route("/keys", self._keys),
                Route("/token", self._token, methods=["POST"]),
            ]
        )

    async def _metadata(self, _: Request) -> Response:
        if self.is_away:
            return JSONResponse({}, 503)
        return JSONResponse(
            {
                "issuer": ISSUER,
                "authorization_endpoint": f"{ISSUER}/authorize",
                "token_endpoint": f"{ISSUER}/token",
                "jwks_uri": f"{ISSUER}/keys",
            }
        )

    async def _keys(self, _: Request) -> Response:
        self.keys_told += 1
        return JSONResponse({"keys": [self.published.as_dict(private=False)]})

    async def _token(self, request: Request) -> Response:
        self.asked = {name: str(value) for name, value in (await request.form()).items()}
        now = int(time.time())
        claims = {
            "iss": ISSUER,
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

    def access_token(self, **claims: Any) -> str:
        """An access token for the API, with these claims instead of good ones; None: without."""
        now = int(time.time())
        said = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "person-1",
            "client_id": "reports",
            "iat": now,
            "exp": now + 300,
            "scope": "openid cloudtill:read cloudtill:write",
            "account_ids": ["an"],
        } | claims
        header = {"alg": "RS256", "kid": self.key.kid, "typ": "at+jwt"}
        kept = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(header, kept, self.key)
