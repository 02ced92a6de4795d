"""Top-ups that a user asks for: a page of the gateway, and credit for all that comes."""

import pytest

from shared.messages import Refused
from shared.messages.gateways import PaymentLinkReady, TopUpFailed
from shared.messages.upstream import GatewayPaymentSucceeded, TopUpReceived, TopUpRequested
from tests.builders import said
from tests.integration.gateways.conftest import Office
from tests.integration.gateways.test_simulated import choose, options

__all__ = ["options"]


def wanted(top_up_id: str = "top-1", amount: int = 500_000) -> TopUpRequested:
    return said(TopUpRequested(top_up_id=top_up_id, account_id="acc-1", amount=amount))


async def test_what_a_gateway_took_becomes_credit(
    office: Office, options: pytest.MonkeyPatch
) -> None:
    choose(options, outcome="pays")
    request = wanted()
    await office.handle(request, wanted())
    await office.work()
    (link,) = await office.said(PaymentLinkReady)
    assert link.payment_id == "top-1"
    (received,) = await office.said(TopUpReceived)
    assert (received.requested_as, received.amount) == ("top-1", 500_000)
    assert received.envelope.correlation_id == request.envelope.id
    assert await office.said(GatewayPaymentSucceeded) == []


async def test_who_pays_twice_has_two_top_ups(office: Office, options: pytest.MonkeyPatch) -> None:
    choose(options, outcome="pays", payments="2")
    await office.handle(wanted())
    await office.work()
    received = await office.said(TopUpReceived)
    assert len({one.top_up_id for one in received}) == 2
    assert {one.requested_as for one in received} == {"top-1"}


async def test_a_top_up_that_fails_is_told(office: Office, options: pytest.MonkeyPatch) -> None:
    choose(options, outcome="fails")
    await office.handle(wanted())
    await office.work()
    (failed,) = await office.said(TopUpFailed)
    assert (failed.top_up_id, failed.reason) == ("top-1", "simulated_failure")


async def test_an_id_stands_for_one_amount(office: Office, options: pytest.MonkeyPatch) -> None:
    (refused,) = await office.handle(wanted(), wanted(amount=1))
    assert isinstance(refused, Refused)
    assert refused.reason == "id_reused"
