"""Customers' programs: they order through the HTTP API of whichever portal answers, under keys by
which the same wish again is the same act, and are told by webhooks what came of it."""

import asyncio
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import httpx

from services.portal.api.keys import make_key
from services.portal.domain.webhooks import PUBLIC
from services.portal.store import api_keys
from shared.database import pool, transaction
from tests.faults.load import Load
from tests.faults.outside import webhook_id
from tests.faults.portal import ASKED_VND
from tests.faults.site import Site
from tests.system.shop import server

_AGAIN_S: Final = 0.2
_ANSWER_S: Final = 10
_ORDERS_OF_A_PROGRAM: Final = 6
_GOES_WRONG: Final = 3
"""Every so manieth order has a part that can't be provisioned."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program of an account, with its key."""

    site: Site
    account_id: str
    token: str

    async def ask(self, path: str, body: dict[str, Any], key: str) -> dict[str, Any]:
        """Do something, again and again until a portal answers that it is done.

        Raises:
            AssertionError: if it is refused.
        """
        headers = {"authorization": f"Bearer {self.token}", "idempotency-key": key}
        async with httpx.AsyncClient(timeout=_ANSWER_S, headers=headers) as client:
            while True:
                for address in self.site.outside.addresses("portal"):
                    url = f"{address}/api/v1/accounts/{self.account_id}{path}"
                    try:
                        answer = await client.post(url, json=body)
                    except httpx.TransportError:
                        continue
                    if answer.is_success:
                        done: dict[str, Any] = json.loads(answer.text)
                        return done
                    assert answer.status_code >= 500 or answer.status_code == 404, answer.text
                await asyncio.sleep(_AGAIN_S)


async def employed(site: Site, load: Load) -> list[Program]:
    """A program for each account that has one, with a key, and told of all that happens from now
    on; while workers run."""
    programs: list[Program] = []
    async with pool(site.house.database_url, "portal", size=1) as connections:
        for account_id in load.programs:
            made = make_key(account_id, "load", ("read", "write"), "load", datetime.now(UTC))
            async with transaction(connections) as db:
                await api_keys.append_key(db, made.key)
            programs.append(Program(site, account_id, made.token))
    for program in programs:
        hook = {"url": site.outside.hook_url}
        await program.ask("/webhook-endpoints", hook, f"{program.account_id}-hook")
    return programs


async def at_work(programs: list[Program], load: Load) -> None:
    """Let programs order and top up, each thing twice at the same time."""
    orders: list[list[dict[str, Any]]] = await asyncio.gather(
        *(_twice(program, number) for program in programs for number in range(_ORDERS_OF_A_PROGRAM))
    )
    for first, second in orders:
        assert first == second, "an act that was done twice was two"
        load.placed.add(first["id"])
    for program in programs:
        await program.ask("/top-ups", {"amount": ASKED_VND}, f"{program.account_id}-top-up")


async def _twice(program: Program, number: int) -> list[dict[str, Any]]:
    """Place an order, and the same at the same time once more."""
    name = f"{program.account_id}-{number}"
    parts = ("image", "broken") if number % _GOES_WRONG == 0 else ("image", "disk")
    item = server(name, *parts, days=30).model_dump(mode="json", exclude_none=True)
    body = {"action": "create", "items": [item]}
    return await asyncio.gather(*(program.ask("/orders", body, name) for _ in range(2)))


async def assert_all_were_told(site: Site, load: Load) -> None:
    """What happened to the programs' accounts came to their system; and was heard by them once."""
    public = {kind.type for kind in PUBLIC}
    told = {
        webhook_id(message)
        for message in site.house.ear.heard
        if message.type in public and message.envelope.subject in load.programs
    }
    async with site.database() as db:
        rows = await db.fetch(
            "select event_id, state from portal.webhook_delivery where account_id = any($1)",
            load.programs,
        )
    undelivered = [row["event_id"] for row in rows if row["state"] != "delivered"]
    assert not undelivered, f"{len(undelivered)} webhooks were not delivered"
    sent = {row["event_id"] for row in rows}
    assert sent <= told, f"{len(sent - told)} webhooks of what nobody said"
    assert sent <= site.outside.came.keys(), "a webhook that was delivered never came"
    before = len(told - sent)  # the first money, which came before anybody listened
    assert before <= len(load.programs), f"{before} events were not sent on"
