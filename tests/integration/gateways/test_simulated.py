"""The gateway within the project: it pays, refuses or waits, as its options say."""

from datetime import timedelta

import pytest
from pydantic import SecretStr

from services.gateways import adapters
from services.gateways import settings as own
from services.gateways.adapters.simulated import SimulatedCallback
from shared.messages.gateways import PaymentLinkReady
from shared.messages.upstream import GatewayPaymentFailed, GatewayPaymentSucceeded
from tests.builders import NOON
from tests.integration.gateways.conftest import Office
from tests.integration.gateways.scenes import requested

KEY = SecretStr("a key for the demo")


@pytest.fixture
def options(office: Office, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Has the office's payments made through the simulated gateway; a test sets its options."""
    assert office.app.routes, "the office is open, and reads settings anew"
    monkeypatch.setenv("CLOUDTILL_GATEWAY", "simulated")
    own.settings.cache_clear()
    adapters.gateways.cache_clear()
    return monkeypatch


def choose(options: pytest.MonkeyPatch, **chosen: str) -> None:
    """Set options of the simulated gateway."""
    for name, value in chosen.items():
        options.setenv(f"CLOUDTILL_SIMULATED_GATEWAY_{name.upper()}", value)


async def test_it_pays_at_once(office: Office, options: pytest.MonkeyPatch) -> None:
    choose(options, outcome="pays")
    await office.handle(requested())
    await office.work()
    assert len(await office.said(PaymentLinkReady)) == 1
    (success,) = await office.said(GatewayPaymentSucceeded)
    assert (success.payment_id, success.amount, success.time) == ("pay-1", 250_000, NOON)


async def test_it_refuses(office: Office, options: pytest.MonkeyPatch) -> None:
    choose(options, outcome="fails")
    await office.handle(requested())
    await office.work()
    assert [one.reason for one in await office.said(GatewayPaymentFailed)] == ["simulated_failure"]
    assert await office.said(GatewayPaymentSucceeded) == []


async def test_it_pays_late_and_twice(office: Office, options: pytest.MonkeyPatch) -> None:
    choose(options, outcome="pays", delay_ms="60000", payments="2")
    await office.handle(requested())
    await office.work()
    first, second = await office.said(GatewayPaymentSucceeded)
    assert first.gateway_reference != second.gateway_reference
    assert {first.time, second.time} == {NOON + timedelta(minutes=1)}
    due = "select count(*) from outbox where due_at > clock_timestamp() + interval '30 seconds'"
    assert await office.fetch(due) == [(2,)]


async def test_it_waits_for_a_signed_callback_and_believes_no_other(
    office: Office, options: pytest.MonkeyPatch
) -> None:
    choose(options, outcome="waits")
    await office.handle(requested())
    await office.work()
    assert await office.said(GatewayPaymentSucceeded) == []
    paid = SimulatedCallback(order_id="pay-1", reference="r-1", at=NOON, amount=250_000)
    forged = await office.post(paid.signed(SecretStr("guessed")), "simulated")
    assert forged.status_code == 403
    assert (await office.post(paid.signed(KEY), "simulated")).json() == {"verdict": "taken"}
    assert (await office.post(paid.signed(KEY), "simulated")).json() == {"verdict": "known"}
    failed = SimulatedCallback(order_id="pay-1", reference="r-1", at=NOON, reason="declined")
    assert (await office.post(failed.signed(KEY), "simulated")).json() == {"verdict": "taken"}
    assert len(await office.said(GatewayPaymentSucceeded)) == 1
    assert len(await office.said(GatewayPaymentFailed)) == 1
