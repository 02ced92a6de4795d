"""A short run of what `make fuzz` does at length, and what becomes of dead letters after a fix."""

from pathlib import Path

import pytest

from shared import broker, dead_letters
from shared.database import pool
from shared.messages.catalogue import ProductPublished
from shared.messages.invoicing import InvoiceIssued
from shared.messages.provisioning import ResourceProvisioned
from shared.outbox import Parcel
from shared.publishing import confirming_channel
from tests.faults.fuzz import at_work, fuzz
from tests.faults.site import Site, open_site
from tests.servers import Servers
from tests.system.shop import assert_audit_is_clean, catalogue, customer, order, server

MESSAGES = 1_500
SLOWED_BY_AT_MOST = 10
"""Broken messages come a hundred times as often as good ones, over the same two cores."""


@pytest.mark.timeout(900)
async def test_every_broken_message_ends_somewhere_and_no_order_beside_it_is_held_up(
    own_servers: Servers, tmp_path: Path
) -> None:
    figures = await fuzz(own_servers, tmp_path, seed=3, messages=MESSAGES, orders=20)
    assert sum(figures["ends"].values()) == figures["copies"] >= MESSAGES
    assert {"not_json", "not_cloudevent", "unknown_type", "bad_field"} <= figures["ends"].keys()
    assert not figures["in_flight"]
    assert figures["slowed_by"] < SLOWED_BY_AT_MOST
    assert 0 <= figures["dead_again"] < figures["replayed"]


async def put_into_billing_only(site: Site, product: ProductPublished) -> None:
    """As if provisioning's copy had been discarded by mistake."""
    parcel = Parcel.of(product)
    async with broker.connected(site.house.amqp_url, "operator") as connection:
        channel = await confirming_channel(connection, lambda: None)
        opened = await connection.channel()
        queue = await opened.get_underlay_channel()
        await queue.basic_publish(parcel.body, exchange="", routing_key="billing")
        assert not channel.is_closed


async def replay_all(site: Site, service: str) -> int:
    async with (
        pool(site.house.database_url, service, size=1) as connections,
        connections.acquire() as db,
        db.transaction(),
    ):
        numbers = [row["number"] for row in await dead_letters.list_dead_letters(db)]
        return len(await dead_letters.replay(db, service, numbers))


@pytest.mark.timeout(900)
async def test_dead_letters_that_are_replayed_after_a_fix_conclude_their_orders(
    own_servers: Servers, tmp_path: Path
) -> None:
    async with open_site(own_servers, tmp_path, seed=1) as site:
        async with at_work(site, retry_delays_s="[0.1,0.2]"):
            product, *prices = catalogue()
            assert isinstance(product, ProductPublished)
            await put_into_billing_only(site, product)
            await site.publish([*prices, *customer("an", credit=10**9)])
            await site.conclude(60)
            placed = [order(f"o-{n}", [server(f"s-{n}", "image")], account_id="an") for n in "123"]
            await site.publish(placed)
            await site.conclude(60)
            assert not site.house.heard(ResourceProvisioned)

            await site.publish([product])
            await site.conclude(60)
            assert await replay_all(site, "provisioning") == 3
            await site.house.wait_for(InvoiceIssued)
            await site.conclude(60)
            assert len(site.house.heard(InvoiceIssued)) == 3
            await site.assert_all_is_well({one.order_id for one in placed})
            await assert_audit_is_clean(site.house)
        assert not site.failures
