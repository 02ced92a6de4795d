"""Webhooks against a real HTTP server that takes, fails, is slow, sends elsewhere, or is away."""

import asyncio
import base64
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from services.portal.domain.webhooks import PUBLIC
from services.portal.handlers import HANDLERS
from services.portal.settings import PortalSettings
from services.portal.store import webhooks as store
from services.portal.webhooks.errands import Errands
from services.portal.webhooks.sending import sender
from shared import http
from shared.database import transaction
from shared.messages.notifications import NotificationRequested
from shared.wire import parse
from tests.integration.portal.conftest import Office
from tests.integration.portal.lives import invoice_issued, life_of, wallet_credited
from tests.integration.portal.programs import Program, program
from tests.servers.server import free_port

WITHIN_S = 60
QUICK = PortalSettings(
    webhooks_anywhere=True,
    webhook_answer_s=5,
    webhook_lease_s=60,
    webhook_first_pause_s=0.02,
    webhook_longest_pause_s=0.05,
    webhook_give_up_s=30,
    webhook_poll_s=0.02,
    poll_s=0.02,
)


@dataclass
class Receiver:
    """An account's own system. It answers as `answers` has it, the last of them for ever."""

    port: int
    answers: list[int | str] = field(default_factory=lambda: [200])
    came: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def take(self, request: Request) -> Response:
        """Take a webhook, or not."""
        self.came.append((dict(request.headers), await request.body()))
        answer = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
        if answer == "elsewhere":
            return RedirectResponse("/elsewhere", 307)
        if answer == "slow" and request.url.query != "quick":
            await self.over.wait()
        return Response("as I please", answer if isinstance(answer, int) else 200)

    async def elsewhere(self, _request: Request) -> Response:
        """Where nothing may ever come."""
        raise AssertionError("a redirect was followed")


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """An account's own system, which runs."""
    port = free_port()
    one = Receiver(port)
    hook = Route("/hook", one.take, methods=["POST"])
    elsewhere = Route("/elsewhere", one.elsewhere, methods=["POST"])
    async with http.serving(Starlette(routes=[hook, elsewhere]), port):
        yield one
        one.over.set()


async def subscribed(office: Office, receiver: Receiver, **body: Any) -> tuple[Program, str, str]:
    """A program that wants to be told, the path of its endpoint, and its secret."""
    office.settings = QUICK
    mine = await program(office, "an")
    answer = await mine.ask("POST", "/webhook-endpoints", {"url": receiver.url, **body})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    return mine, f"/webhook-endpoints/{made['endpoint_id']}", made["secret"]


@asynccontextmanager
async def working(office: Office, settings: PortalSettings = QUICK) -> AsyncIterator[None]:
    """Errands are done meanwhile."""
    async with sender(
        answer_s=settings.webhook_answer_s, anywhere=settings.webhooks_anywhere
    ) as sending:
        errands = Errands(office.connections, sending, settings)
        task = asyncio.create_task(errands.run())
        try:
            yield
        finally:
            errands.stop()
            await asyncio.wait_for(task, WITHIN_S)


async def until(office: Office, statement: str) -> None:
    """Wait until something holds in the database."""
    async with asyncio.timeout(WITHIN_S):
        while not (await office.rows(f"select ({statement}) as holds"))[0]["holds"]:
            await asyncio.sleep(0.02)


IDLE = "not exists (select from webhook_delivery where state = 'waiting')"


async def test_an_event_arrives_signed_as_the_contract_has_it(
    office: Office, receiver: Receiver
) -> None:
    mine, path, secret = await subscribed(office, receiver)
    event = invoice_issued("an", "o-1")
    await office.hear(event)
    await office.hear(event)
    async with working(office):
        await until(office, IDLE)
    ((headers, body),) = receiver.came
    assert headers["content-type"].startswith("application/cloudevents+json")
    told = json.loads(body)
    assert (told["id"], told["type"], told["subject"]) == (
        event.envelope.id,
        "invoice.issued",
        "an",
    )
    assert told["data"]["gross"] == 90_000
    assert parse(body, "invoice.issued").model_dump() == event.model_dump()
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = base64.b64encode(hmac.digest(key, content, sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{signature}"
    (delivery,) = (await mine.get(f"{path}/deliveries"))["items"]
    assert delivery["event_id"] == headers["webhook-id"]
    assert (delivery["state"], delivery["status"], delivery["attempts"]) == ("delivered", 200, 1)


async def test_only_what_was_chosen_is_told_and_nothing_of_others(
    office: Office, receiver: Receiver
) -> None:
    await subscribed(office, receiver, event_types=["invoice.issued", "payment.confirmed"])
    await office.hear(*life_of("an"), *life_of("binh"))
    async with working(office):
        await until(office, IDLE)
    told = [json.loads(body) for _, body in receiver.came]
    assert {one["type"] for one in told} == {"invoice.issued", "payment.confirmed"}
    assert {one["subject"] for one in told} == {"an"}


async def test_what_does_not_arrive_is_sent_again_under_the_same_id_until_it_does(
    office: Office, receiver: Receiver
) -> None:
    receiver.answers = [500, "elsewhere", "slow", 503, 204]
    mine, path, _ = await subscribed(office, receiver)
    await office.hear(invoice_issued("an", "o-1"))
    async with working(office):
        await until(office, IDLE)
    assert len({headers["webhook-id"] for headers, _ in receiver.came}) == 1
    assert len({body for _, body in receiver.came}) == 1
    (delivery,) = (await mine.get(f"{path}/deliveries", state="delivered"))["items"]
    shown = await mine.get(f"{path}/deliveries/{delivery['event_id']}")
    assert [one["status"] for one in shown["tries"]] == [500, 307, None, 503, 204]
    assert shown["tries"][0]["answer"] == "as I please"
    assert shown["tries"][2]["error"] == "no answer within 5 s"
    assert shown["body"].encode() == receiver.came[0][1]
    assert (await mine.get(path))["failing_since"] is None


async def test_a_slow_endpoint_holds_up_no_other(office: Office, receiver: Receiver) -> None:
    await subscribed(office, receiver)
    receiver.answers = ["slow"]
    other = await program(office, "binh")
    await other.ask("POST", "/webhook-endpoints", {"url": f"{receiver.url}?quick"})
    await office.hear(*(wallet_credited("an", 1, place) for place in range(1, 80)))
    await office.hear(invoice_issued("binh", "o-1"))
    async with working(office):
        await until(office, "exists (select from webhook_attempt where account_id = 'binh')")
        (begun,) = await office.rows("select count(*) from webhook_attempt where account_id = 'an'")
    assert begun["count"] <= 10


async def test_what_never_arrives_is_given_up_and_can_be_sent_again_by_hand(
    office: Office, receiver: Receiver
) -> None:
    receiver.answers = [500]
    mine, path, _ = await subscribed(office, receiver)
    await office.hear(invoice_issued("an", "o-1"))
    await office.rows("update webhook_delivery set give_up_at = clock_timestamp()")
    async with working(office):
        await until(office, IDLE)
        (delivery,) = (await mine.get(f"{path}/deliveries"))["items"]
        assert (delivery["state"], delivery["status"]) == ("failed", 500)
        assert (await mine.get(path))["failing_since"] is not None
        receiver.answers = [200]
        again = f"{path}/deliveries/{delivery['event_id']}/redeliveries"
        first = await mine.ask("POST", again, key="again")
        assert first.status_code == 202
        await until(office, IDLE)
        assert (await mine.ask("POST", again, key="again")).text == first.text
        await until(office, IDLE)
    assert len(receiver.came) == 2
    assert (await mine.get(first.json()["url"].split("/an", 1)[1]))["state"] == "delivered"


async def test_an_endpoint_that_fails_for_long_is_disabled_and_the_account_is_told(
    office: Office, receiver: Receiver
) -> None:
    receiver.answers = [500]
    mine, path, _ = await subscribed(office, receiver)
    await office.hear(invoice_issued("an", "o-1"), invoice_issued("an", "o-2"))
    settings = QUICK.model_copy(update={"webhook_disable_after_s": 0.2})
    async with working(office, settings):
        await until(office, "exists (select from webhook_endpoint where disabled_at is not null)")
        await until(office, IDLE)
    assert (await mine.get(path))["disabled_because"] == "failing"
    (told,) = await office.said()
    assert isinstance(told, NotificationRequested)
    assert (told.account_id, told.template) == ("an", "webhook_disabled")
    assert told.facts["address"] == receiver.url
    await office.hear(invoice_issued("an", "o-3"))
    assert len((await mine.get(f"{path}/deliveries"))["items"]) == 2
    (one, _) = (await mine.get(f"{path}/deliveries"))["items"]
    again = await mine.ask("POST", f"{path}/deliveries/{one['event_id']}/redeliveries")
    assert (again.status_code, again.json()["code"]) == (409, "endpoint_disabled")
    receiver.answers = [200]
    enabled = (await mine.ask("PATCH", path, {"enabled": True})).json()
    assert (enabled["disabled_at"], enabled["failing_since"]) == (None, None)
    await office.hear(invoice_issued("an", "o-4"))
    async with working(office):
        await until(office, IDLE)
    assert len((await mine.get(f"{path}/deliveries", state="delivered"))["items"]) == 1


async def test_an_endpoint_that_is_gone_is_disabled_at_once(
    office: Office, receiver: Receiver
) -> None:
    receiver.answers = [410]
    mine, path, _ = await subscribed(office, receiver)
    await office.hear(invoice_issued("an", "o-1"))
    async with working(office):
        await until(office, IDLE)
    assert (await mine.get(path))["disabled_because"] == "gone"
    assert len(receiver.came) == 1


async def test_a_receiver_that_is_away_is_tried_again(office: Office) -> None:
    away = Receiver(free_port())
    mine, path, _ = await subscribed(office, away)
    await office.hear(invoice_issued("an", "o-1"))
    async with working(office):
        await until(office, "exists (select from webhook_attempt where attempt = 2)")
    (delivery,) = (await mine.get(f"{path}/deliveries"))["items"]
    assert delivery["state"] == "waiting"
    assert delivery["error"].startswith("ConnectError")


async def test_two_workers_send_each_event_once(office: Office, receiver: Receiver) -> None:
    await subscribed(office, receiver)
    await office.hear(*(wallet_credited("an", 1, place) for place in range(1, 61)))
    async with working(office), working(office):
        await until(office, IDLE)
    ids = [headers["webhook-id"] for headers, _ in receiver.came]
    assert len(ids) == len(set(ids)) == 60


async def test_what_a_worker_sent_and_did_not_note_is_sent_again_under_the_same_id(
    office: Office, receiver: Receiver
) -> None:
    mine, path, _ = await subscribed(office, receiver)
    await office.hear(invoice_issued("an", "o-1"))
    async with transaction(office.connections) as db:
        (errand,) = await store.claim_deliveries(db, lease_s=0.5, of_one=5, at_most=5)
    async with sender(answer_s=5, anywhere=True) as sending:
        assert (await sending.send(errand)).arrived
    async with working(office):
        await until(office, IDLE)
    first, again = [headers["webhook-id"] for headers, _ in receiver.came]
    assert first == again
    (delivery,) = (await mine.get(f"{path}/deliveries"))["items"]
    assert (delivery["state"], delivery["attempts"]) == ("delivered", 1)


async def test_nothing_goes_inside_even_where_a_name_has_come_to_lead_there(
    office: Office, receiver: Receiver
) -> None:
    mine, path, _ = await subscribed(office, receiver)
    await office.hear(invoice_issued("an", "o-1"))
    careful = QUICK.model_copy(update={"webhooks_anywhere": False})
    async with working(office, careful):
        await until(office, "exists (select from webhook_attempt)")
    assert receiver.came == []
    (delivery,) = (await mine.get(f"{path}/deliveries"))["items"]
    assert delivery["error"].startswith("refused: ")


async def test_a_new_secret_signs_with_the_old_one_for_a_while(
    office: Office, receiver: Receiver
) -> None:
    mine, path, old = await subscribed(office, receiver)
    changed = await mine.ask("POST", f"{path}/secrets", key="s")
    new = changed.json()["secret"]
    assert new != old
    assert (await mine.ask("POST", f"{path}/secrets", key="s")).json()["secret"] == new
    await office.hear(invoice_issued("an", "o-1"))
    async with working(office):
        await until(office, IDLE)
    ((headers, body),) = receiver.came
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = [
        "v1,"
        + base64.b64encode(
            hmac.digest(base64.b64decode(secret.removeprefix("whsec_")), content, sha256)
        ).decode()
        for secret in (new, old)
    ]
    assert headers["webhook-signature"].split(" ") == expected
    assert new not in json.dumps(await mine.get(path))


async def test_an_endpoint_is_changed_and_removed_with_its_log(
    office: Office, receiver: Receiver
) -> None:
    mine, path, _ = await subscribed(office, receiver)
    await office.hear(invoice_issued("an", "o-1"))
    changed = await mine.ask("PATCH", path, {"event_types": ["invoice.paid"], "description": "x"})
    assert changed.json()["event_types"] == ["invoice.paid"]
    assert changed.json()["url"] == receiver.url
    await office.hear(invoice_issued("an", "o-2"))
    assert len((await mine.get(f"{path}/deliveries"))["items"]) == 1
    assert (await mine.ask("DELETE", path)).status_code == 200
    assert (await mine.ask("GET", path)).status_code == 404
    assert await office.rows("select * from webhook_delivery") == []
    kinds = [row["kind"] for row in await office.rows("select kind from act order by at, act_id")]
    assert sorted(kinds) == ["webhook_add", "webhook_change", "webhook_remove"]


async def test_an_account_has_so_many_endpoints_and_no_more(
    office: Office, receiver: Receiver
) -> None:
    mine, _, _ = await subscribed(office, receiver)
    asked = [mine.ask("POST", "/webhook-endpoints", {"url": receiver.url}) for _ in range(12)]
    answers = await asyncio.gather(*asked)
    assert sorted(answer.status_code for answer in answers) == [201] * 9 + [422] * 3
    assert len((await mine.get("/webhook-endpoints"))["items"]) == 10


async def test_a_url_where_no_webhook_may_go_is_refused(office: Office) -> None:
    mine = await program(office, "an")
    for url in ("http://example.com/x", "https://10.0.0.1/", "https://localhost/", "nonsense"):
        answer = await mine.ask("POST", "/webhook-endpoints", {"url": url})
        assert (answer.status_code, answer.json()["code"]) == (422, "url_refused"), url
    body = {"url": "https://example.com/x", "event_types": ["wallet.charge"]}
    answer = await mine.ask("POST", "/webhook-endpoints", body)
    assert answer.json()["code"] == "unknown_event_type"


async def test_what_came_of_a_try_is_never_changed(office: Office, receiver: Receiver) -> None:
    await subscribed(office, receiver)
    await office.hear(invoice_issued("an", "o-1"))
    async with working(office):
        await until(office, IDLE)
    with pytest.raises(Exception, match="only ever added to"):
        await office.rows("update webhook_attempt set status = 500")
    with pytest.raises(Exception, match="violates check constraint"):
        await office.rows("update webhook_delivery set attempts = 0")


def test_what_is_told_outside_is_heard_here() -> None:
    assert set(PUBLIC) <= set(HANDLERS)
