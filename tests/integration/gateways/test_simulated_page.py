"""The simulated gateway's page: what whoever pays decides is told to the webhook, signed."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from pydantic import SecretStr, ValidationError

from services.gateways import adapters
from services.gateways import settings as own
from services.gateways.adapters.simulated import Asked, SimulatedGateway
from services.gateways.webhook import webhook
from shared import http
from shared.messages.billing import PaymentRequested
from shared.messages.gateways import PaymentLinkReady
from shared.messages.upstream import GatewayPaymentFailed, GatewayPaymentSucceeded
from tests.builders import said
from tests.integration.gateways.conftest import Office
from tests.integration.gateways.scenes import requested
from tests.servers.server import free_port

_KEY = SecretStr("a key for the demo")


@dataclass(frozen=True, slots=True)
class Payer:
    """Whoever pays, at the page of a payment."""

    http: httpx.AsyncClient
    url: str

    async def open(self, **headers: str) -> httpx.Response:
        """Look at the page."""
        return await self.http.get(self.url, headers=headers)

    async def decide(self, decision: str, url: str = "") -> httpx.Response:
        """Click one of its buttons."""
        return await self.http.post(url or self.url, data={"decision": decision})


@pytest.fixture
async def payer(office: Office, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Payer]:
    """Whoever pays, at the page of a payment that was asked for just now."""
    port = free_port()
    monkeypatch.setenv("CLOUDTILL_GATEWAY", "simulated")
    monkeypatch.setenv("CLOUDTILL_SIMULATED_GATEWAY_OUTCOME", "asks")
    monkeypatch.setenv("CLOUDTILL_SIMULATED_GATEWAY_BACK", "http://localhost:8000")
    monkeypatch.setenv("CLOUDTILL_GATEWAYS_URL", f"http://localhost:{port}")
    own.settings.cache_clear()
    adapters.gateways.cache_clear()
    now = datetime.now(UTC).replace(microsecond=0)
    told = requested().model_dump() | {"pay_until": now + timedelta(hours=1)}
    await office.handle(said(PaymentRequested.model_validate(told), at=now))
    await office.work()
    (link,) = await office.said(PaymentLinkReady)
    async with (
        http.serving(webhook(office.connections, adapters.gateways()), port),
        httpx.AsyncClient() as client,
    ):
        yield Payer(client, link.url)


async def test_what_is_paid_is_told_once_however_often_it_is_clicked(
    office: Office, payer: Payer
) -> None:
    shown = await payer.open()
    assert shown.status_code == 200
    assert "250,000 VND" in shown.text
    assert await office.said(GatewayPaymentSucceeded) == []
    answers = [await payer.decide("pay") for _ in range(2)]
    for answer in answers:
        assert 'data-test="pay"' in answer.text
        assert 'href="http://localhost:8000"' in answer.text
    (success,) = await office.said(GatewayPaymentSucceeded)
    assert (success.payment_id, success.amount) == ("pay-1", 250_000)


@pytest.mark.parametrize(("decision", "reason"), [("fail", "declined"), ("cancel", "cancelled")])
async def test_what_is_not_paid_is_told_with_its_reason(
    office: Office, payer: Payer, decision: str, reason: str
) -> None:
    answer = await payer.decide(decision)
    assert answer.status_code == 200
    (failure,) = await office.said(GatewayPaymentFailed)
    assert (failure.payment_id, failure.reason) == ("pay-1", reason)
    assert await office.said(GatewayPaymentSucceeded) == []


async def test_an_address_that_somebody_made_up_is_no_payment(office: Office, payer: Payer) -> None:
    answer = await payer.decide("pay", re.sub(r"pay/.", "pay/X", payer.url))
    assert answer.status_code == 404
    assert (await payer.decide("steal")).status_code == 422
    assert await office.said(GatewayPaymentSucceeded) == []


async def test_once_the_time_is_over_nothing_is_paid(office: Office, payer: Payer) -> None:
    late = Asked(
        order_id="pay-1",
        amount=250_000,
        currency="VND",
        pay_until=datetime.now(UTC) - timedelta(seconds=1),
        callback_url="http://localhost/nowhere",
    )
    root = payer.url.partition("/pay/")[0]
    answer = await payer.decide("pay", f"{root}/pay/{late.signed(_KEY)}")
    assert answer.status_code == 410
    assert await office.said(GatewayPaymentSucceeded) == []


async def test_the_page_speaks_vietnamese_too(payer: Payer) -> None:
    shown = await payer.open(**{"accept-language": "vi-VN"})
    assert '<html lang="vi">' in shown.text
    assert "Cho thất bại" in shown.text


def test_a_gateway_that_asks_has_a_key() -> None:
    with pytest.raises(ValidationError):
        SimulatedGateway(outcome="asks", key=None)


async def test_a_gateway_that_does_not_ask_has_no_page(office: Office) -> None:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(office.app), base_url="http://till"
    ) as client:
        assert (await client.get("/gateways/simulated/pay/x.y")).status_code == 404
