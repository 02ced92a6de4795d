"""The customer's pages: each in both languages, nobody else's, and what they have done."""

import asyncio
import re

import pytest

from shared.messages.upstream import (
    InvoicePaymentRequested,
    OrderPlaced,
    QuoteRequested,
    ResourceAutoRenewSet,
    TopUpRequested,
    UsageReportRequested,
)
from shared.messages.wallet import WalletCredited
from tests.builders import NOON
from tests.integration.portal import lives, story
from tests.integration.portal.conftest import Office
from tests.integration.portal.story import ACCOUNT

_ROOT = f"/accounts/{ACCOUNT}"
_PAGES = (
    "",
    "/month-so-far",
    "/resources",
    "/resources?deleted=yes",
    "/resources/new",
    "/resources/match",
    "/resources/vm-1",
    "/resources/vm-1/resize",
    "/resources/vm-1/renew",
    "/resources/vm-1/recover",
    "/resources/vm-1/delete",
    "/orders",
    "/orders/ord-1",
    "/orders/ord-2",
    "/wallet",
    "/wallet?wallet=poc",
    "/payments",
    "/invoices",
    "/invoices?status=open&kind=usage&since=2026-10-01&until=2026-12-01&words=2026A",
    "/invoices/invoice-month",
    "/invoices/invoice-ord-1",
    "/usage",
    "/costs",
    "/notifications",
    "/details",
)
_FILES = ("resources", "orders", "wallet", "payments", "invoices", "usage", "costs")


@pytest.mark.parametrize("language", ["en", "vi"])
async def test_every_page_is_shown_in_every_language(office: Office, language: str) -> None:
    await office.hear(*story.whole_life())
    browser = await office.customer(ACCOUNT, **{"accept-language": language})
    for page in _PAGES:
        await browser.open(_ROOT + page)
        assert browser.status == 200, page
        assert "None" not in browser.text, page
        if page != "/month-so-far":
            assert f'<html lang="{language}"' in browser.page, page
            assert browser.page.count("<h1>") == 1, page


async def test_pages_of_an_account_of_which_nothing_was_heard_are_shown(office: Office) -> None:
    browser = await office.customer(ACCOUNT)
    for page in ("", "/resources", "/resources/new", "/orders", "/wallet", "/invoices", "/costs"):
        await browser.open(_ROOT + page)
        assert browser.status == 200, page


@pytest.mark.parametrize("name", _FILES)
async def test_every_table_is_a_file_too(office: Office, name: str) -> None:
    await office.hear(*story.whole_life())
    browser = await office.customer(ACCOUNT)
    await browser.open(f"{_ROOT}/{name}.csv")
    assert browser.headers["content-type"].startswith("text/csv")
    assert len(browser.page.splitlines()) > 1


async def test_what_a_spreadsheet_would_run_is_marked_as_text(office: Office) -> None:
    first, *others = story.bought()
    await office.hear(first, *others)
    async with office.connections.acquire() as db:
        await db.execute("update resource set name = '=HYPERLINK(1)'")
    browser = await office.customer(ACCOUNT)
    await browser.open(f"{_ROOT}/resources.csv")
    assert "'=HYPERLINK(1)" in browser.page


async def test_another_accounts_things_are_not_there(office: Office) -> None:
    await office.hear(*story.whole_life(), story.registered("acc-2"))
    browser = await office.customer("acc-2")
    paths = [
        *(_ROOT + page for page in _PAGES),
        *(f"{_ROOT}/{name}.csv" for name in _FILES),
        f"{_ROOT}/follow",
        f"{_ROOT}/invoices/invoice-month.pdf",
        "/accounts/acc-2/resources/vm-1",
        "/accounts/acc-2/resources/vm-1/delete",
        "/accounts/acc-2/orders/ord-1",
        "/accounts/acc-2/invoices/invoice-month",
        "/accounts/acc-2/invoices/invoice-month.pdf",
        "/accounts/acc-2/invoices/invoice-month.xml",
    ]
    for path in paths:
        await browser.open(path)
        assert browser.status == 404, path
    await browser.open("/accounts/acc-2/wallet")
    for path, fields in (
        (f"{_ROOT}/orders", {"action": "delete", "resource": "vm-1"}),
        ("/accounts/acc-2/orders", {"action": "delete", "resource": "vm-1"}),
        ("/accounts/acc-2/resources/vm-1/auto-renewal", {"months": "3"}),
        (f"{_ROOT}/wallet/top-up", {"amount": "1"}),
    ):
        assert (await browser.send(path, fields)).status_code == 404, path
    await browser.send("/accounts/acc-2/invoices/pay", {"invoice": "invoice-month"})
    assert await office.said() == []


async def test_a_form_that_is_sent_twice_places_one_order(office: Office) -> None:
    await office.hear(*story.whole_life())
    browser = await office.customer(ACCOUNT)
    await browser.open(f"{_ROOT}/resources/new")
    form = {
        "action": "create",
        "product": "vserver",
        "name": "shop",
        "quantity.image": "2",
        "quantity.disk": "0",
        "days": "60",
        "payment_method": "credit",
    }
    first, again = await asyncio.gather(
        browser.send(f"{_ROOT}/orders", form), browser.send(f"{_ROOT}/orders", form)
    )
    assert first.headers["location"] == again.headers["location"]
    (order,) = await office.said()
    assert isinstance(order, OrderPlaced)
    assert order.time == office.now
    assert order.envelope.correlation_id == order.order_id
    (item,) = order.items
    assert [str(part.quantity) for part in item.components or ()] == ["2"]
    assert item.days == 60
    (act,) = await office.rows("select * from act")
    assert (act["kind"], act["account_id"], act["role"]) == ("order_create", ACCOUNT, "customer")
    await browser.open(first.headers["location"])
    assert "Under way" in browser.text
    await browser.open(f"{_ROOT}/resources/new")
    await browser.send(f"{_ROOT}/orders", form)
    assert len(await office.said()) == 2


async def test_a_form_shows_the_price_that_billing_gives(office: Office) -> None:
    await office.hear(*story.whole_life())
    office.settings = office.settings.model_copy(update={"quote_wait_s": 5})
    browser = await office.customer(ACCOUNT)
    await browser.open(f"{_ROOT}/resources/new")
    form = {
        "action": "create",
        "product": "vserver",
        "name": "shop",
        "quantity.image": "1",
        "days": "30",
    }
    asking = asyncio.create_task(browser.send(f"{_ROOT}/quotes", form))
    async with asyncio.timeout(10):
        while not await office.said():
            await asyncio.sleep(0.02)
    (question,) = await office.said()
    assert isinstance(question, QuoteRequested)
    await office.hear(story.quoted(question.quote_id))
    answer = await asking
    assert "₫90,000" in answer.text
    assert 'id="confirm"' in answer.text
    assert await office.rows("select * from act") == []


async def test_a_form_without_an_answer_says_so_and_can_not_be_confirmed(office: Office) -> None:
    await office.hear(*story.on_sale())
    browser = await office.customer(ACCOUNT)
    await browser.open(f"{_ROOT}/resources/new")
    form = {"action": "create", "product": "vserver", "quantity.image": "1", "days": "30"}
    answer = await browser.send(f"{_ROOT}/quotes", form)
    assert "has not answered" in answer.text
    assert 'id="confirm"' not in answer.text
    nothing = await browser.send(f"{_ROOT}/quotes", {"action": "create", "product": "vserver"})
    assert 'id="confirm"' not in nothing.text


async def test_several_resources_are_renewed_to_one_end(office: Office) -> None:
    await office.hear(*story.whole_life(), *story.bought("ord-3", "vm-3"))
    browser = await office.customer(ACCOUNT)
    await browser.open(f"{_ROOT}/resources/match")
    await browser.send(
        f"{_ROOT}/orders",
        {"action": "renew", "resource": ["vm-1", "vm-3"], "ends_on": "2026-12-31"},
    )
    (order,) = await office.said()
    assert isinstance(order, OrderPlaced)
    assert [item.resource_id for item in order.items] == ["vm-1", "vm-3"]
    assert {str(item.ends_at) for item in order.items} == {"2026-12-31 17:00:00+00:00"}


async def test_a_top_up_is_asked_of_the_gateways(office: Office) -> None:
    await office.hear(story.registered())
    browser = await office.customer(ACCOUNT)
    await browser.open(f"{_ROOT}/wallet")
    await browser.fill_in(f"{_ROOT}/wallet/top-up", {"amount": "500.000"})
    assert "Top-up" in browser.text
    (request,) = await office.said()
    assert isinstance(request, TopUpRequested)
    assert request.amount == 500_000
    await browser.open(f"{_ROOT}/wallet")
    for wrong in ("", "abc", "-5", "0", "9" * 20):
        assert (await browser.send(f"{_ROOT}/wallet/top-up", {"amount": wrong})).status_code == 422


async def test_chosen_invoices_are_paid_and_others_are_not(office: Office) -> None:
    await office.hear(*story.whole_life())
    browser = await office.customer(ACCOUNT)
    await browser.open(f"{_ROOT}/invoices")
    await browser.fill_in(
        f"{_ROOT}/invoices/pay",
        {"invoice": ["invoice-month", "invoice-ord-1", "nobodys"], "method": "gateway"},
    )
    (request,) = await office.said()
    assert isinstance(request, InvoicePaymentRequested)
    assert (request.invoice_id, request.method) == ("invoice-month", "gateway")
    assert "https://pay.example.com/1" in browser.page


async def test_automatic_renewal_is_set_and_switched_off(office: Office) -> None:
    await office.hear(*story.whole_life())
    browser = await office.customer(ACCOUNT)
    for months in ("6", ""):
        await browser.open(f"{_ROOT}/resources/vm-1")
        await browser.fill_in(f"{_ROOT}/resources/vm-1/auto-renewal", {"months": months})
    wishes = await office.said()
    assert [wish.months for wish in wishes if isinstance(wish, ResourceAutoRenewSet)] == [6, None]


async def test_what_was_used_is_asked_of_invoicing_once_in_a_while(office: Office) -> None:
    await office.hear(story.registered(), story.used(until=office.now))
    browser = await office.customer(ACCOUNT)
    await browser.open(f"{_ROOT}/usage?period=2026-11")
    assert "₫90,000" in browser.text
    assert await office.said() == []
    office.later(minutes=5)
    await browser.open(f"{_ROOT}/usage?period=2026-11")
    (question,) = await office.said()
    assert isinstance(question, UsageReportRequested)
    assert question.period == "2026-11"
    assert "₫90,000" in browser.text, "the last answer is shown where there is no newer one"


async def test_an_order_that_fails_says_what_was_given_back(office: Office) -> None:
    await office.hear(*story.whole_life())
    browser = await office.customer(ACCOUNT)
    await browser.open(f"{_ROOT}/resources/new")
    form = {"action": "create", "product": "vserver", "quantity.image": "1", "days": "30"}
    sent = await browser.send(f"{_ROOT}/orders", form)
    (order,) = await office.said()
    assert isinstance(order, OrderPlaced)
    confirmed, broken, refund = story.failed()
    await office.hear(order)
    for message in (confirmed, broken, refund):
        again = type(message).model_validate(message.model_dump() | {"order_id": order.order_id})
        await office.hear(again.because(order, key="again"))
    await browser.open(sent.headers["location"])
    assert "That did not work. It was made to fail" in browser.text
    assert "Given back as credit: ₫90,000" in browser.text


async def test_a_long_history_is_shown_a_page_at_a_time(office: Office) -> None:
    await office.hear(
        story.registered(),
        *(
            story.wallet(WalletCredited, 1, number, number, at=NOON + number * story.HOUR)
            for number in range(1, 121)
        ),
    )
    browser = await office.customer(ACCOUNT)
    seen = 0
    path: str | None = f"{_ROOT}/wallet"
    while path:
        await browser.open(path)
        seen += browser.page.count('scope="row"')
        following = re.search(r'href="([^"]*before=[^"]*)"', browser.page)
        path = following[1].replace("&amp;", "&") if following else None
    assert seen == 120


async def test_many_resources_are_shown_a_page_at_a_time_and_found_by_name(office: Office) -> None:
    names = [f"{('Web', 'web', 'db')[number % 3]} {number % 7}" for number in range(120)]
    await office.hear(
        story.registered(),
        *(lives.provisioned(ACCOUNT, f"o{n:03}", name=name) for n, name in enumerate(names)),
    )
    browser = await office.customer(ACCOUNT)
    shown: list[str] = []
    path: str | None = f"{_ROOT}/resources"
    while path:
        await browser.open(path)
        shown += re.findall(r'scope="row"><a [^>]*>([^<]*)<', browser.page)
        following = re.search(r'href="([^"]*behind=[^"]*)"', browser.page)
        path = following[1].replace("&amp;", "&") if following else None
    assert [name.lower() for name in shown] == sorted(name.lower() for name in names)
    await browser.open(f"{_ROOT}/resources?words=WEB+6")
    assert re.findall(r'scope="row"><a [^>]*>([^<]*)<', browser.page) == [
        name for name in shown if name.lower() == "web 6"
    ]
    await browser.open(f"{_ROOT}/resources?words=nothing")
    assert "There are no such resources." in browser.text
