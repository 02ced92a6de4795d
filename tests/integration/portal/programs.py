"""A customer's program at the API: its key, and its requests."""

import itertools
import json
from collections.abc import Mapping
from typing import Any

import httpx

from services.portal.api.keys import make_key
from services.portal.store import api_keys
from services.portal.web.app import portal_app
from shared.database import transaction
from tests.integration.portal.conftest import Office

_counted = itertools.count()


class Program:
    """A program of an account."""

    def __init__(self, client: httpx.AsyncClient, account_id: str, token: str) -> None:
        self.client = client
        self.account_id = account_id
        self.token = token

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str | None = None,
        account_id: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Make a request about the account; whatever is not a GET has a new key, unless given."""
        sent = {"authorization": f"Bearer {self.token}"} | dict(headers or {})
        if method != "GET":
            sent.setdefault("idempotency-key", key or f"k-{next(_counted)}")
        content = None
        if body is not None:
            content = json.dumps(body)
            sent.setdefault("content-type", "application/json")
        return await self.client.request(
            method,
            f"/api/v1/accounts/{account_id or self.account_id}{path}",
            content=content,
            headers=sent,
        )

    async def get(self, path: str, **query: Any) -> Any:
        """What is answered, which is good news."""
        address = f"{path}?{httpx.QueryParams(query)}" if query else path
        answer = await self.ask("GET", address)
        assert answer.status_code == 200, answer.text
        return answer.json()


async def program(office: Office, account_id: str, *scopes: str) -> Program:
    """A program with a new key of an account."""
    made = make_key(account_id, "test", scopes or ("read", "write"), "an", office.now)
    async with transaction(office.connections) as db:
        await api_keys.append_key(db, made.key)
    return await with_token(office, account_id, made.token)


async def with_token(office: Office, account_id: str, token: str) -> Program:
    """A program of an account with whatever it thinks lets it in."""
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(portal_app(office.portal()), raise_app_exceptions=True),
        base_url="http://portal.example.com",
    )
    return Program(client, account_id, token)
