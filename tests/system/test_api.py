"""A customer's program with real workers: the walk of `docs/api.md`, and a sender that dies."""

import asyncio
import json
import re
import shlex
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.registry import SERVICES
from shared import http
from shared.messages.catalogue import PricePublished
from shared.messages.upstream import TopUpReceived
from shared.messages.wallet import WalletCredited
from tests.builders import said
from tests.integration.portal.browser import Browser
from tests.servers.server import free_port
from tests.system.house import House
from tests.system.shop import LONG_AGO, assert_audit_is_clean, catalogue, fetch

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "api.md"
_TOKEN: Final = re.compile(r"cloudtill_[0-9a-f]{16}_[A-Za-z0-9_-]{43}")
_WITHIN_S: Final = 60
_SMALL: Final = PricePublished(
    product="vserver",
    sku="small",
    unit_price=Decimal(90_000),
    currency="VND",
    per="30d",
    effective_from=LONG_AGO,
)


class Customer:
    """Somebody with an account, a browser, and a program with a key."""

    def __init__(self, house: House, closing: AsyncExitStack) -> None:
        self.house = house
        self._closing = closing
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.settings = {
            "portal_port": str(self.port),
            "portal_url": self.url,
            "portal_development_login": "true",
            "portal_webhooks_anywhere": "true",
            "portal_webhook_lease_s": "3",
            "portal_webhook_poll_s": "0.1",
        }
        self.account_id = ""
        self.key = ""

    async def arrive(self, credit: int) -> None:
        """Open an account, make a key, and have money come in; the portal runs."""
        client = await self._closing.enter_async_context(
            httpx.AsyncClient(
                base_url=self.url, transport=httpx.AsyncHTTPTransport(retries=8), timeout=30
            )
        )
        browser = Browser(client)
        await browser.open("/login")
        await browser.fill_in("/login/development", {"subject": "an@example.com"})
        await browser.fill_in("/register", {"name": "An", "email": "an@example.com"})
        self.account_id = browser.path.rpartition("/")[2]
        programs = f"/accounts/{self.account_id}/programs"
        await browser.open(programs)
        await browser.fill_in(f"{programs}/keys", {"name": "till", "scope": "write"})
        found = _TOKEN.search(browser.page)
        assert found
        self.key = found[0]
        await self.house.publish(
            *catalogue(),
            said(_SMALL.model_copy(), at=LONG_AGO),
            said(
                TopUpReceived(
                    top_up_id="top-1",
                    account_id=self.account_id,
                    amount=credit,
                    gateway="bank",
                    gateway_reference="t-1",
                )
            ),
        )
        await self.house.wait_for(WalletCredited)

    async def run(self, command: str) -> Any:
        """What a command with curl answers, without curl."""
        variables = {
            "CLOUDTILL": f"{self.url}/api/v1",
            "ACCOUNT": self.account_id,
            "KEY": self.key,
        }
        for name, value in variables.items():
            command = command.replace(f"${name}", value)
        name, option, *words = shlex.split(command)
        assert (name, option) == ("curl", "-sS")
        url, options = words[0], words[1:]
        headers, body = {}, None
        for flag, value in zip(options[::2], options[1::2], strict=True):
            if flag == "-H":
                header, _, content = value.partition(": ")
                headers[header] = content
            else:
                assert flag == "-d"
                body = value
        async with httpx.AsyncClient(timeout=30) as client:
            answer = await client.request(
                "POST" if body else "GET", url, headers=headers, content=body
            )
        assert answer.status_code == 200, f"{command}: {answer.text}"
        return answer.json()


@pytest.fixture
async def customer(house: House) -> AsyncIterator[Customer]:
    """Somebody who has nothing yet."""
    async with AsyncExitStack() as closing:
        yield Customer(house, closing)


async def test_the_walk_ends_as_the_document_says(house: House, customer: Customer) -> None:
    house.start(**customer.settings)
    await customer.arrive(credit=500_000)
    blocks = re.findall(r"```sh\n(curl.*?)```", DOCUMENT.read_text(), re.DOTALL)
    commands = [line for block in blocks for line in block.splitlines()]
    answers = []
    for command in commands:
        if "/resources/" in command:
            await house.wait_until_idle()
        answers.append(await customer.run(command))
    account, wallets, products, quote, order, resource, invoices, costs, preferences = answers
    assert account["account_id"] == customer.account_id
    assert [one["available"] for one in wallets["items"]] == [500_000]
    assert "small" in [price["sku"] for price in products["items"][0]["prices"]]
    assert (quote["to_pay"], quote["reason"]) == (180_000, None)
    assert (order["state"], order["amount"]) == ("done", 180_000)
    assert (resource["state"], resource["name"]) == ("active", "web")
    assert [(one["gross"], one["status"]) for one in invoices["items"]] == [(180_000, "paid")]
    assert len(costs["months"]) == 6
    assert costs["forecast"]["invoiced"] == 180_000
    assert (preferences["muted"], preferences["recipients"]) == ([], [])
    await assert_audit_is_clean(house)


async def test_a_worker_killed_after_the_receivers_answer_sends_again_under_the_same_id(
    house: House, customer: Customer
) -> None:
    came: list[tuple[str, bytes]] = []

    async def take(request: Request) -> Response:
        came.append((request.headers["webhook-id"], await request.body()))
        return Response(status_code=204)

    port = free_port()
    house.start(*(SERVICES.keys() - {"portal"}))
    dying = house.start("portal", die_at="sent", **customer.settings)
    async with http.serving(Starlette(routes=[Route("/", take, methods=["POST"])]), port):
        await customer.arrive(credit=1)
        hook = {"url": f"http://127.0.0.1:{port}/", "event_types": ["wallet.credited"]}
        async with httpx.AsyncClient(base_url=customer.url, timeout=30) as client:
            added = await client.post(
                f"/api/v1/accounts/{customer.account_id}/webhook-endpoints",
                json=hook,
                headers={"authorization": f"Bearer {customer.key}", "idempotency-key": "1"},
            )
        assert added.status_code == 201
        await house.publish(
            said(
                TopUpReceived(
                    top_up_id="top-2",
                    account_id=customer.account_id,
                    amount=7,
                    gateway="bank",
                    gateway_reference="t-2",
                )
            )
        )
        assert await dying.wait_for_end() == -9
        assert len(came) == 1
        house.start("portal", **customer.settings)
        await house.wait_until_idle()
        await _delivered(house)
    first, second = came
    assert first == second
    assert json.loads(first[1])["data"]["amount"] == 7
    await assert_audit_is_clean(house)


async def _delivered(house: House) -> None:
    sent = "select state, attempts from portal.webhook_delivery"
    async with asyncio.timeout(_WITHIN_S):
        while ("delivered", 1) not in await fetch(house, sent):
            await asyncio.sleep(0.05)
