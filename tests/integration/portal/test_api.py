"""What programs read and do through the API, and what they may not."""

import asyncio
import re
from datetime import timedelta
from decimal import Decimal

import pytest

from services.portal.api.operations import OPERATIONS
from services.portal.api.problems import MEDIA_TYPE
from services.portal.settings import PortalSettings
from services.portal.store import api_keys
from shared.database import transaction
from shared.messages.billing import OrderRejected, QuoteGiven
from shared.messages.catalogue import PricePublished
from shared.messages.gateways import PaymentLinkReady
from shared.messages.upstream import (
    InvoicePaymentRequested,
    OrderPlaced,
    QuoteRequested,
    ResourceAutoRenewSet,
    TopUpRequested,
)
from tests.builders import NOON, said
from tests.integration.portal.conftest import Office
from tests.integration.portal.lives import life_of, registered
from tests.integration.portal.programs import program
from tests.system.shop import catalogue

SERVER = {
    "item_id": "web-1",
    "product": "vserver",
    "name": "web",
    "components": [{"sku": "cpu", "quantity": "1.5"}],
    "days": 30,
}
ORDER = {"action": "create", "items": [SERVER], "payment_method": "credit"}


async def test_a_program_reads_all_that_the_account_has(office: Office) -> None:
    await office.hear(*life_of("an"))
    mine = await program(office, "an", "read")
    account = await mine.get("")
    assert account["email"] == "an@example.com"
    assert account["user_type"] == "prepaid"
    (wallet,) = (await mine.get("/wallets"))["items"]
    assert (wallet["balance"], wallet["available"]) == (410_000, 410_000)
    entries = (await mine.get("/wallets/credit/entries"))["items"]
    assert [one["kind"] for one in entries] == ["debited", "credited"]
    (resource,) = (await mine.get("/resources", state="active"))["items"]
    assert resource["components"] == [{"sku": "cpu", "quantity": "1.5"}]
    assert resource["ends_at"] == "2026-12-02T12:00:00Z"
    assert await mine.get("/resources/r-ord-an") == resource
    (order,) = (await mine.get("/orders", state="done"))["items"]
    assert order["order_id"] == "ord-an"
    assert [item["done_at"] for item in order["items"]] == ["2026-11-02T12:00:00Z"]
    payments = (await mine.get("/payments"))["items"]
    assert {one["payment_id"]: one["top_up"] for one in payments} == {
        "pay-ord-an": False,
        "top-an": True,
    }
    (summary,) = (await mine.get("/invoices", status="partially_paid"))["items"]
    invoice = await mine.get(f"/invoices/{summary['invoice_id']}")
    assert invoice["outstanding"] == 60_000
    assert invoice["lines"][0]["unit_price"] == "60000"
    assert [one["amount"] for one in invoice["payments"]] == [30_000]
    printed = await mine.ask("GET", f"/invoices/{summary['invoice_id']}/pdf?language=vi")
    assert (printed.status_code, printed.content[:5]) == (200, b"%PDF-")
    ubl = await mine.ask("GET", f"/invoices/{summary['invoice_id']}/ubl")
    assert ubl.headers["content-type"].startswith("application/xml")
    assert b"2026A-ord-an" in ubl.content
    report = await mine.get("/usage-reports/2026-11")
    assert report["gross"] == 1_100


async def test_a_program_reads_what_is_sold_now_and_what_it_costs(office: Office) -> None:
    dearer = PricePublished(
        product="vserver",
        sku="image",
        unit_price=Decimal(95_000),
        currency="VND",
        per="30d",
        effective_from=NOON + timedelta(days=9),
    )
    await office.hear(registered("an"), *catalogue(), said(dearer))
    mine = await program(office, "an", "read")
    (product,) = (await mine.get("/products"))["items"]
    assert (product["product"], product["expiry_policy"]) == ("vserver", "grace")
    assert "resize" in product["actions"]
    prices = {one["sku"]: one["unit_price"] for one in product["prices"]}
    assert prices == {"broken": "50000", "disk": "35000", "image": "90000"}
    office.later(days=10)
    (product,) = (await mine.get("/products"))["items"]
    prices = {one["sku"]: one["unit_price"] for one in product["prices"]}
    assert prices["image"] == "95000"


async def test_filters_leave_out_what_is_not_asked_for(office: Office) -> None:
    await office.hear(*life_of("an"))
    mine = await program(office, "an")
    for path in (
        "/resources?state=deleted",
        "/resources?product=vdb",
        "/orders?state=rejected",
        "/orders?action=renew",
        "/orders?since=2026-11-02T12:00:01Z",
        "/payments?state=open",
        "/payments?order_id=another",
        "/invoices?status=paid",
        "/invoices?until=2026-11-02T12:00:00Z",
        "/wallets/credit/entries?until=2026-11-02T12:00:00Z",
        "/wallets/poc/entries",
    ):
        assert (await mine.get(path)) == {"items": [], "next": None}, path


async def test_an_order_is_placed_once_however_often_it_is_sent(office: Office) -> None:
    mine = await program(office, "an")
    sent = [mine.ask("POST", "/orders", ORDER, key="once") for _ in range(8)]
    answers = await asyncio.gather(*sent)
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.text for answer in answers}) == 1
    (message,) = await office.said()
    assert isinstance(message, OrderPlaced)
    assert message.envelope.source == "/portal"
    assert message.time == NOON
    assert answers[0].json()["id"] == message.order_id
    (act,) = await office.rows("select * from act")
    assert act["role"] == "program"
    order = (await mine.client.get(answers[0].headers["location"], headers=_bearer(mine))).json()
    assert order["state"] == "placed"
    assert [item["item_id"] for item in order["items"]] == ["web-1"]


def _bearer(mine: object) -> dict[str, str]:
    return {"authorization": f"Bearer {getattr(mine, 'token')}"}  # noqa: B009


async def test_a_key_with_another_body_or_address_is_refused(office: Office) -> None:
    mine = await program(office, "an")
    await mine.ask("POST", "/orders", ORDER, key="once")
    for path, body in (
        ("/orders", ORDER | {"coupon": "other"}),
        ("/top-ups", {"amount": 10_000}),
    ):
        answer = await mine.ask("POST", path, body, key="once")
        assert answer.status_code == 422
        assert answer.json()["code"] == "idempotency_key_reused"
    assert len(await office.said()) == 1


async def test_another_account_may_use_the_same_key(office: Office) -> None:
    ids = set()
    for account_id in ("an", "binh"):
        answer = await (await program(office, account_id)).ask("POST", "/orders", ORDER, key="1")
        assert answer.status_code == 202
        ids.add(answer.json()["id"])
    assert len(ids) == 2


async def test_what_was_answered_is_kept_and_never_changed(office: Office) -> None:
    mine = await program(office, "an")
    await mine.ask("POST", "/orders", ORDER)
    with pytest.raises(Exception, match="only ever added to"):
        await office.rows("update api_answer set status = 200")


async def test_an_answer_that_was_forgotten_still_places_no_second_order(office: Office) -> None:
    mine = await program(office, "an")
    first = await mine.ask("POST", "/orders", ORDER, key="once")
    async with transaction(office.connections) as db:
        await api_keys.forget_answers(db, office.later(days=40))
    again = await mine.ask("POST", "/orders", ORDER, key="once")
    assert again.text == first.text
    assert len(await office.said()) == 1


async def test_whoever_prefers_to_wait_is_told_what_an_order_came_to(office: Office) -> None:
    mine = await program(office, "an")
    headers = {"prefer": "respond-async, wait=10"}
    waiting = asyncio.create_task(mine.ask("POST", "/orders", ORDER, key="w", headers=headers))
    async with asyncio.timeout(10):
        while not (placed := await office.said()):
            await asyncio.sleep(0.02)
    (order,) = placed
    assert isinstance(order, OrderPlaced)
    await office.hear(
        OrderRejected(
            order_id=order.order_id, account_id="an", reason="insufficient_credit", message="no"
        ).because(order)
    )
    answer = await waiting
    assert answer.status_code == 200
    assert answer.headers["preference-applied"] == "wait=10"
    assert answer.json()["state"] == "rejected"
    assert answer.json()["reason"] == "insufficient_credit"
    at_once = await mine.ask("POST", "/orders", ORDER, key="w2", headers={"prefer": "wait=0"})
    assert at_once.status_code == 202


async def test_writes_without_a_key_are_refused(office: Office) -> None:
    mine = await program(office, "an")
    for operation in OPERATIONS:
        if operation.scope != "write":
            continue
        path = _path(operation.path, {})
        body = _body_of(operation.name)
        answer = await mine.client.request(operation.method, path, json=body, headers=_bearer(mine))
        assert answer.status_code == 400, operation.name
        assert answer.json()["code"] == "idempotency_key_missing"
        blank = _bearer(mine) | {"idempotency-key": "a b"}
        answer = await mine.client.request(operation.method, path, json=body, headers=blank)
        assert answer.json()["code"] == "idempotency_key_malformed"
    assert await office.said() == []


BODIES: dict[str, object] = {
    "set_auto_renewal": {"months": 3},
    "place_order": ORDER,
    "quote": ORDER,
    "top_up": {"amount": 10_000},
    "pay_invoice": {"method": "credit"},
    "add_endpoint": {"url": "https://example.com/hook"},
    "change_endpoint": {"enabled": False},
    "set_billing_details": {"tax_code": "0312345678"},
    "set_notification_preferences": {"muted": ["payments"]},
}


def _body_of(name: str) -> object:
    return BODIES.get(name)


def _path(path: str, ids: dict[str, str]) -> str:
    ids = {"account_id": "an", "wallet": "credit", "period": "2026-11"} | ids
    return "/api/v1" + re.sub(r"{(\w+)}", lambda name: ids.get(name[1], "x"), path)


THINGS = {
    "resource_id": "r-ord-binh",
    "order_id": "ord-binh",
    "payment_id": "pay-ord-binh",
    "invoice_id": "inv-ord-binh",
    "endpoint_id": "we-binh",
    "event_id": "evt_binh",
    "credit_note_id": "note-binh",
}


async def test_another_accounts_things_are_not_there(office: Office) -> None:
    await office.hear(*life_of("an"), *life_of("binh"))
    await office.rows(
        "insert into webhook_endpoint (account_id, endpoint_id, url, description, event_types,"
        " secret, created_by, created_at)"
        " values ('binh', 'we-binh', 'https://example.com', '', '{}', repeat('s', 40), 'b', now())"
    )
    await office.rows(
        "insert into webhook_delivery (account_id, endpoint_id, event_id, type, body, give_up_at)"
        " values ('binh', 'we-binh', 'evt_binh', 'invoice.paid', '{}', now())"
    )
    mine = await program(office, "an")
    for operation in OPERATIONS:
        body = _body_of(operation.name)
        headers = _bearer(mine) | {"idempotency-key": f"k-{operation.name}"}
        theirs = _path(operation.path, THINGS | {"account_id": "binh"})
        answer = await mine.client.request(operation.method, theirs, json=body, headers=headers)
        assert answer.status_code == 404, operation.name
        assert answer.headers["content-type"] == MEDIA_TYPE
        if not set(re.findall(r"{(\w+)}", operation.path)) & set(THINGS):
            continue
        as_mine = _path(operation.path, THINGS)
        answer = await mine.client.request(operation.method, as_mine, json=body, headers=headers)
        assert answer.status_code == 404, operation.name
    assert await office.said() == []


async def test_whoever_has_no_key_or_one_that_was_revoked_is_told_nothing(office: Office) -> None:
    mine = await program(office, "an")
    other = await program(office, "an")
    for token in ("", "nonsense", f"cloudtill_{'0' * 16}_{'A' * 43}"):
        headers = {"authorization": f"Bearer {token}"} if token else {}
        answer = await mine.client.get("/api/v1/accounts/an", headers=headers)
        assert answer.status_code == 401
        assert answer.json()["code"] == "unknown_key"
        assert answer.headers["www-authenticate"].startswith("Bearer")
    key_id = mine.token.split("_")[1]
    async with transaction(office.connections) as db:
        assert await api_keys.revoke_key(db, "an", key_id, office.now)
        assert not await api_keys.revoke_key(db, "an", key_id, office.now)
    assert (await mine.ask("GET", "")).status_code == 401
    assert (await other.ask("GET", "")).status_code == 200
    with pytest.raises(Exception, match="only ever used or revoked"):
        await office.rows("update api_key set revoked_at = null where key_id = $1", key_id)
    with pytest.raises(Exception, match="only ever used or revoked"):
        await office.rows("update api_key set scopes = '{read}'")


async def test_of_a_key_only_the_hash_is_kept_and_when_it_was_used(office: Office) -> None:
    mine = await program(office, "an")
    await mine.get("")
    (key,) = await office.rows("select * from api_key")
    assert mine.token not in str(key)
    assert mine.token.rpartition("_")[2] not in str(key)
    assert key["last_used_at"] == NOON


async def test_a_key_for_reading_does_nothing(office: Office) -> None:
    mine = await program(office, "an", "read")
    for operation in OPERATIONS:
        if operation.scope == "write":
            answer = await mine.client.request(
                operation.method,
                _path(operation.path, {}),
                json=_body_of(operation.name),
                headers=_bearer(mine) | {"idempotency-key": "k"},
            )
            assert answer.status_code == 403, operation.name
            assert answer.json()["code"] == "scope_missing"


async def test_requests_of_a_key_are_limited_and_it_is_told_how_far(office: Office) -> None:
    office.settings = PortalSettings(api_requests_a_minute=2)
    mine = await program(office, "an")
    answers = [await mine.ask("GET", "") for _ in range(3)]
    assert [one.status_code for one in answers] == [200, 200, 429]
    assert [one.headers["ratelimit-remaining"] for one in answers] == ["1", "0", "0"]
    assert answers[2].headers["retry-after"] == "60"
    assert answers[2].json()["code"] == "too_many_requests"
    other = await program(office, "an")
    assert (await other.ask("GET", "")).status_code == 200
    office.later(minutes=1)
    assert (await mine.ask("GET", "")).status_code == 200


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"action": "create", "items": []}, "/items"),
        ({"action": "paint", "items": [SERVER]}, "/action"),
        ({"action": "create", "items": [SERVER | {"days": "x"}]}, "/items/0/days"),
        (ORDER | {"cupon": "typo"}, "/cupon"),
        ({"action": "resize", "items": [SERVER]}, ""),
        (ORDER | {"items": [SERVER | {"ends_at": "2027-01-01T00:00:00Z"}]}, ""),
    ],
)
async def test_a_body_that_is_not_as_the_document_says_is_refused_with_its_place(
    office: Office, body: object, pointer: str
) -> None:
    mine = await program(office, "an")
    answer = await mine.ask("POST", "/orders", body)
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["code"] == "invalid_body"
    assert problem["type"] == "urn:cloudtill:problem:invalid_body"
    assert pointer in [one["pointer"] for one in problem["errors"]]
    assert await office.said() == []


async def test_what_makes_no_sense_at_all_is_said_so(office: Office) -> None:
    mine = await program(office, "an")
    headers = _bearer(mine) | {"idempotency-key": "k"}
    orders = "/api/v1/accounts/an/orders"
    json_type = {"content-type": "application/json"}

    async def code(*arguments: object, **more: object) -> tuple[int, str]:
        answer = await mine.client.request(*arguments, **more)  # type: ignore[arg-type]
        assert answer.headers["content-type"] == MEDIA_TYPE
        return answer.status_code, answer.json()["code"]

    sent = headers | json_type
    assert await code("POST", orders, content=b"{", headers=sent) == (400, "not_json")
    assert await code("POST", orders, content=b"{}", headers=headers) == (415, "not_json")
    large = b" " * 300_000
    assert await code("POST", orders, content=large, headers=sent) == (413, "too_large")
    assert await code("GET", f"{orders}?limit=0", headers=headers) == (400, "invalid_parameter")
    assert await code("GET", f"{orders}?colour=red", headers=headers) == (400, "invalid_parameter")
    assert await code("GET", f"{orders}/a%00b", headers=headers) == (404, "not_found")
    assert await code("GET", "/api/v1/nothing", headers=headers) == (404, "not_found")
    assert await code("DELETE", orders, headers=headers) == (405, "method_not_allowed")
    for cursor in ("x", "bm8", "WzEsMl0", "%00"):
        answer = await code("GET", f"{orders}?cursor={cursor}", headers=headers)
        assert answer == (400, "invalid_cursor"), cursor


async def test_a_price_is_asked_of_billing_and_nothing_is_ordered(office: Office) -> None:
    office.settings = PortalSettings(poll_s=0.02, quote_wait_s=10)
    mine = await program(office, "an", "read")
    asking = asyncio.create_task(mine.ask("POST", "/quotes", ORDER))
    async with asyncio.timeout(10):
        while not (asked := await office.said()):
            await asyncio.sleep(0.02)
    (question,) = asked
    assert isinstance(question, QuoteRequested)
    await office.hear(
        QuoteGiven(
            quote_id=question.quote_id,
            account_id="an",
            currency="VND",
            user_type="prepaid",
            to_pay=90_000,
        ).because(question)
    )
    answer = await asking
    assert answer.status_code == 200
    assert answer.json()["to_pay"] == 90_000
    assert await office.rows("select * from act") == []


async def test_a_price_that_nobody_tells_in_time_is_a_problem(office: Office) -> None:
    mine = await program(office, "an")
    answer = await mine.ask("POST", "/quotes", ORDER)
    assert answer.status_code == 504
    assert answer.json()["code"] == "no_answer_yet"


async def test_an_invoice_is_paid_and_a_resource_renewed_by_itself(office: Office) -> None:
    await office.hear(*life_of("an"))
    mine = await program(office, "an")
    body = {"method": "credit", "amount": 10_000}
    paid = await mine.ask("POST", "/invoices/inv-ord-an/payments", body)
    assert paid.status_code == 202
    assert paid.json()["url"] == "/api/v1/accounts/an/invoices/inv-ord-an"
    office.later(minutes=1)
    path = "/resources/r-ord-an/auto-renewal"
    renewed = await mine.ask("PUT", path, {"months": 3})
    assert renewed.status_code == 202
    first, second = await office.said()
    assert isinstance(first, InvoicePaymentRequested)
    assert (first.invoice_id, first.amount) == ("inv-ord-an", 10_000)
    assert isinstance(second, ResourceAutoRenewSet)
    assert (await mine.get("/resources/r-ord-an"))["auto_renew_months"] == 3
    assert (await mine.ask("PUT", path, {"months": 2})).status_code == 422


async def test_a_top_up_is_followed_to_the_page_where_it_is_paid(office: Office) -> None:
    await office.hear(registered("an"))
    mine = await program(office, "an")
    accepted = await mine.ask("POST", "/top-ups", {"amount": 200_000}, key="t")
    top_up_id = accepted.json()["id"]
    (message,) = await office.said()
    assert isinstance(message, TopUpRequested)
    payment = await mine.get(f"/payments/{top_up_id}")
    assert (payment["state"], payment["url"], payment["amount"]) == ("open", None, 200_000)
    await office.hear(
        said(
            PaymentLinkReady(
                payment_id=top_up_id,
                account_id="an",
                gateway="zalopay",
                url="https://pay.example.com/1",
                pay_until=office.later(hours=1),
            )
        )
    )
    waited = await mine.ask(
        "POST", "/top-ups", {"amount": 200_000}, key="t", headers={"prefer": "wait=1"}
    )
    assert waited.status_code == 200
    assert waited.json()["url"] == "https://pay.example.com/1"


async def test_the_document_is_served_to_everybody(office: Office) -> None:
    mine = await program(office, "an")
    answer = await mine.client.get("/api/v1/openapi.json")
    assert answer.status_code == 200
    assert answer.json()["openapi"] == "3.1.0"
