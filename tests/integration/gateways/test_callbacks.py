"""What ZaloPay tells by itself, signed by a stand-in: believed, noted and said once."""

import asyncio
import json
from typing import Any

from services.gateways.metrics import CALLBACKS
from shared.database import connect
from shared.messages.upstream import GatewayPaymentSucceeded
from tests.builders import NOON
from tests.integration.gateways.conftest import Office
from tests.integration.gateways.scenes import MINUTE, UNTIL, open_order, requested
from tests.integration.gateways.stand_in import KEY1, StandIn


async def test_a_callback_is_said_once_with_the_time_of_the_payment(
    office: Office, stand_in: StandIn
) -> None:
    order_id = await open_order(office, stand_in, requested())
    order = stand_in.pay(order_id, NOON + 7 * MINUTE)
    answer = await office.post(stand_in.callback(order_id))
    assert (answer.status_code, answer.json()["return_code"]) == (200, 1)
    (success,) = await office.said(GatewayPaymentSucceeded)
    assert (success.payment_id, success.amount) == ("pay-1", 250_000)
    assert (success.gateway, success.gateway_reference) == ("zalopay", str(order.zp_trans_id))
    assert success.time == NOON + 7 * MINUTE
    assert success.envelope.source == "/gateway/zalopay"
    assert success.envelope.correlation_id == requested().envelope.id


async def test_a_callback_that_comes_ten_times_is_said_once(
    office: Office, stand_in: StandIn
) -> None:
    order_id = await open_order(office, stand_in, requested())
    stand_in.pay(order_id, NOON + MINUTE)
    codes = [
        (await office.post(stand_in.callback(order_id))).json()["return_code"] for _ in range(10)
    ]
    assert codes == [1, *[2] * 9]
    assert len(await office.said(GatewayPaymentSucceeded)) == 1


async def test_callbacks_that_come_at_the_same_instant_are_said_once(
    office: Office, stand_in: StandIn
) -> None:
    order_id = await open_order(office, stand_in, requested())
    stand_in.pay(order_id, NOON + MINUTE)
    body = stand_in.callback(order_id)
    answers = await asyncio.gather(*(office.post(body) for _ in range(20)))
    codes = sorted(answer.json()["return_code"] for answer in answers)
    assert codes == [1, *[2] * 19]
    assert len(await office.said(GatewayPaymentSucceeded)) == 1


async def test_a_callback_with_a_wrong_signature_says_nothing(
    office: Office, stand_in: StandIn
) -> None:
    order_id = await open_order(office, stand_in, requested())
    stand_in.pay(order_id, NOON + MINUTE)
    forged = stand_in.callback(order_id, key=KEY1)
    before = metric("forged")
    answer = await office.post(forged)
    assert (answer.status_code, answer.json()["return_code"]) == (200, -1)
    tampered = json.loads(stand_in.callback(order_id))
    tampered["data"] = tampered["data"].replace("250000", "25")
    assert (await office.post(json.dumps(tampered).encode())).json()["return_code"] == -1
    assert metric("forged") == before + 2
    assert await office.said(GatewayPaymentSucceeded) == []
    assert await office.fetch("select * from gateway_answer") == []


def metric(verdict: str) -> float:
    """How many callbacks of ZaloPay ended so."""
    return sum(
        sample.value
        for family in CALLBACKS.collect()
        for sample in family.samples
        if sample.name.endswith("_total")
        and sample.labels == {"gateway": "zalopay", "verdict": verdict}
    )


async def test_what_was_paid_is_told_though_it_is_another_amount_or_too_late(
    office: Office, stand_in: StandIn
) -> None:
    """Billing decides what becomes of it; money that came is never kept from it."""
    order_id = await open_order(office, stand_in, requested())
    stand_in.pay(order_id, UNTIL + MINUTE, amount=200_000)
    assert (await office.post(stand_in.callback(order_id))).json()["return_code"] == 1
    (success,) = await office.said(GatewayPaymentSucceeded)
    assert (success.amount, success.time) == (200_000, UNTIL + MINUTE)


async def test_a_reference_that_comes_again_with_another_amount_is_not_believed(
    office: Office, stand_in: StandIn
) -> None:
    order_id = await open_order(office, stand_in, requested())
    stand_in.pay(order_id, NOON + MINUTE)
    await office.post(stand_in.callback(order_id))
    answer = await office.post(stand_in.callback(order_id, amount=1))
    assert answer.json()["return_code"] == -1
    assert [one.amount for one in await office.said(GatewayPaymentSucceeded)] == [250_000]


async def test_a_callback_of_an_order_that_is_not_ours_is_refused(
    office: Office, stand_in: StandIn
) -> None:
    order_id = await open_order(office, stand_in, requested())
    stand_in.pay(order_id, NOON + MINUTE)
    answer = await office.post(stand_in.callback(order_id, app_trans_id="261102_nobody"))
    assert answer.json()["return_code"] == -1
    assert await office.said(GatewayPaymentSucceeded) == []


async def test_a_callback_that_can_not_be_read_is_an_error_of_whoever_sent_it(
    office: Office,
) -> None:
    bodies = [b"", b"{", b"[]", b'{"data": 1, "mac": "x", "type": 1}', b"\xff\xfe"]
    assert {(await office.post(body)).status_code for body in bodies} == {400}
    assert (await office.post(b" " * 70_000)).status_code == 413


async def test_a_signed_callback_that_makes_no_sense_is_an_error_too(
    office: Office, stand_in: StandIn
) -> None:
    order_id = await open_order(office, stand_in, requested())
    stand_in.pay(order_id, NOON + MINUTE)
    changes: list[dict[str, Any]] = [
        {"amount": 0},
        {"amount": "much"},
        {"server_time": 5},
        {"zp_trans_id": None},
        {"app_id": 7},
    ]
    bodies = [stand_in.callback(order_id, **changed) for changed in changes]
    assert [(await office.post(body)).status_code for body in bodies] == [400] * len(changes)
    assert await office.said(GatewayPaymentSucceeded) == []


async def test_a_callback_for_a_gateway_that_is_not_installed_is_not_found(
    office: Office,
) -> None:
    assert (await office.post(b"{}", gateway="nowhere")).status_code == 404


async def test_a_callback_that_can_not_be_stored_is_to_come_again(
    office: Office, stand_in: StandIn, database_url: str
) -> None:
    order_id = await open_order(office, stand_in, requested())
    stand_in.pay(order_id, NOON + MINUTE)
    db = await connect(database_url)
    try:
        await db.execute("alter table gateways.outbox rename to elsewhere")
        try:
            answer = await office.post(stand_in.callback(order_id))
        finally:
            await db.execute("alter table gateways.elsewhere rename to outbox")
    finally:
        await db.close()
    assert answer.json()["return_code"] == 0
    assert await office.fetch("select * from gateway_answer") == []
    assert (await office.post(stand_in.callback(order_id))).json()["return_code"] == 1
    assert len(await office.said(GatewayPaymentSucceeded)) == 1
