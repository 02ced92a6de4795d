"""An order's trace across all services, as real workers tell it."""

import json
from typing import Any

import pytest

from shared.messages.invoicing import InvoiceIssued
from shared.messages.wallet import WalletCredited
from tests.system.house import House
from tests.system.shop import catalogue, customer, order, server


async def test_an_order_is_one_trace_across_all_services(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console")
    workers = [house.start(name) for name in ("billing", "wallet", "provisioning", "invoicing")]
    await house.publish(*catalogue(), *customer(credit=1_000_000))
    await house.wait_for(WalletCredited)
    placed = order("ord-1", [server("web", "image", "disk")])
    await house.publish(placed)
    await house.wait_for(InvoiceIssued)
    await house.wait_until_idle()
    for worker in workers:
        assert worker.terminate() == 0
    told = [span for worker in workers for span in spans_in(worker.log.read_text())]

    of_order = [
        span
        for span in told
        if span["attributes"].get("messaging.message.conversation_id") == placed.envelope.id
    ]
    assert {span["context"]["trace_id"] for span in of_order} == {
        of_order[0]["context"]["trace_id"]
    }
    names = {span["name"] for span in of_order}
    assert {
        "billing order.placed",
        "wallet wallet.charge",
        "billing wallet.debited",
        "provisioning payment.confirmed",
        "invoicing resource.provisioned",
    } <= names
    ids = {span["context"]["span_id"] for span in of_order}
    roots = [span for span in of_order if span["parent_id"] not in ids]
    assert {span["name"].partition(" ")[2] for span in roots} == {"order.placed"}
    groups = {span["context"]["span_id"] for span in told if span["name"].endswith(" group")}
    assert all(span["links"][0]["context"]["span_id"] in groups for span in of_order)


def spans_in(log: str) -> list[dict[str, Any]]:
    """The spans among a worker's log lines."""
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    return [line for line in lines if "context" in line and "parent_id" in line]
