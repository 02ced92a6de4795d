"""The portal in a real browser, against real workers: what a customer does, and sees happen."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, ViewportSize, expect

from services.registry import SERVICES
from shared.messages.billing import AccountSwitched
from shared.messages.invoicing import InvoiceRunCompleted, InvoicesIssued
from shared.messages.provisioning import ResourceProvisioned
from shared.messages.scheduler import TickMonth
from shared.messages.upstream import AccountSwitchRequested, InvoicePaymentRecorded
from shared.periods import BillingMonth
from tests.builders import said
from tests.servers.server import free_port
from tests.system.browsers import chromium
from tests.system.house import House
from tests.system.shop import assert_audit_is_clean, catalogue, customer, order, server

pytestmark = pytest.mark.timeout(400)
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
_PATIENCE_MS = 60_000
_DESK: ViewportSize = {"width": 1200, "height": 850}
_PHONE: ViewportSize = {"width": 390, "height": 844}
_PAGES = (
    "",
    "/resources",
    "/resources/new",
    "/resources/match",
    "/orders",
    "/wallet",
    "/payments",
    "/invoices",
    "/usage",
    "/costs",
    "/notifications",
)


@pytest.fixture
async def site(house: House) -> str:
    """The address of a portal whose house is at work."""
    port = free_port()
    address = f"http://localhost:{port}"
    others = [name for name in SERVICES if name != "portal"]
    house.start(*others, simulated_gateway_outcome="pays")
    house.start(
        "portal",
        portal_port=str(port),
        portal_url=address,
        portal_development_login="true",
        portal_quote_wait_s="20",
    )
    await house.publish(*catalogue())
    await house.wait_until_idle()
    return address


@pytest.fixture
async def page(site: str) -> AsyncIterator[Page]:
    """A page of a browser that tells of every error in it."""
    wrong: list[str] = []
    async with chromium() as browser:
        opened = await browser.new_page(locale="en-GB", base_url=site)
        opened.set_default_timeout(_PATIENCE_MS)
        expect.set_options(timeout=_PATIENCE_MS)
        opened.on("pageerror", lambda error: wrong.append(str(error)))
        opened.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        yield opened
    assert wrong == []


async def log_in(page: Page, who: str, accounts: str = "") -> None:
    """Log in as somebody."""
    await page.goto("/login")
    await page.fill("#f-subject", who)
    await page.fill("#f-accounts", accounts)
    await page.click("form[action='/login/development'] button")


async def configure(page: Page, root: str, name: str, *skus: str) -> None:
    """Fill in the form for a server of these parts, until its price is there."""
    await page.goto(f"{root}/resources/new")
    await page.fill("#f-name", name)
    for sku in skus:
        await page.get_by_label(sku, exact=True).fill("1")
    await expect(page.locator("#confirm")).to_be_enabled()


async def test_a_customer_opens_an_account_tops_up_orders_and_sees_it_happen(
    page: Page, house: House
) -> None:
    await log_in(page, "an@example.com")
    await page.fill("#f-name", "An")
    await page.fill("#f-email", "an@example.com")
    await page.click("main button")
    root = page.url
    await page.goto(f"{root}/wallet")
    await page.fill("#f-amount", "500,000")
    await page.get_by_role("button", name="Go on to the gateway").click()
    await expect(page.locator("[data-test=concluded]")).to_be_visible()

    await configure(page, root, "web", "image", "disk")
    await expect(page.locator("[data-test=to-pay]")).to_have_text("₫125,000")
    await page.click("#confirm")
    await expect(page.locator("[data-test=concluded]")).to_be_visible()
    await page.get_by_role("link", name="Look at it").click()
    await expect(page.get_by_role("heading", name="web")).to_contain_text("Active")

    await configure(page, root, "worse", "image", "broken")
    await page.click("#confirm")
    await expect(page.locator("[data-test=failed]")).to_be_visible()
    await expect(page.locator("[data-test=given-back]")).to_contain_text("₫140,000")
    await page.goto(root)
    await expect(page.locator("[data-test=available]")).to_have_text("₫375,000")
    await house.wait_until_idle()
    await assert_audit_is_clean(house)


async def test_a_customer_chooses_what_to_be_told_and_who_gets_copies(
    page: Page, house: House
) -> None:
    await house.publish(*customer())
    await log_in(page, "an@example.com", "acc-1")
    await expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    await page.goto(f"{page.url}/notifications")
    await page.get_by_label("Payments", exact=True).uncheck()
    await page.get_by_label("Language of the e-mails").select_option("vi")
    await page.get_by_label("Add an address").fill("boss@example.com")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("[data-test=concluded]")).to_be_visible()
    await page.get_by_role("link", name="Look at it").click()
    await expect(page.get_by_label("Payments", exact=True)).not_to_be_checked()
    await expect(page.get_by_label("Resources", exact=True)).to_be_checked()
    await expect(page.get_by_label("Language of the e-mails")).to_have_value("vi")
    await expect(page.locator("[data-test=agreement]")).to_contain_text("Waiting for confirmation")
    await page.locator("[name=recipient]").uncheck()
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("[data-test=concluded]")).to_be_visible()
    await page.get_by_role("link", name="Look at it").click()
    await expect(page.locator("[data-test=agreement]")).to_have_count(0)


async def test_what_a_customer_chose_stays_chosen_when_it_is_fetched_anew(
    page: Page, house: House
) -> None:
    await _month_of_use(house)
    (issued,) = (one for told in house.heard(InvoicesIssued) for one in told.invoices)
    await log_in(page, "chi@example.com", "acc-1")
    await expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    await page.goto(f"{page.url}/invoices?status=open")
    chosen = page.get_by_label("Choose ")
    await chosen.check()
    await house.publish(_recorded(issued.invoice_id, "transfer-1"))
    await expect(page.get_by_role("row").nth(1)).to_contain_text("₫80,000")
    await expect(chosen).to_be_checked()
    await page.get_by_role("link", name=issued.number).click()
    gateway = page.get_by_label("Payment gateway")
    await gateway.check()
    await house.publish(_recorded(issued.invoice_id, "transfer-2"))
    await expect(page.locator("[data-test=outstanding]")).to_have_text("₫70,000")
    await expect(gateway).to_be_checked()


def _recorded(invoice_id: str, reference: str) -> InvoicePaymentRecorded:
    return said(
        InvoicePaymentRecorded(
            invoice_id=invoice_id,
            account_id="acc-1",
            amount=10_000,
            reference=reference,
            recorded_by="sales",
        )
    )


async def test_a_customer_pays_the_months_invoice_on_pages_that_everybody_can_use(
    page: Page, house: House
) -> None:
    invoice = await _month_of_use(house)
    await log_in(page, "chi@example.com", "acc-1")
    await expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    root = page.url
    await page.goto(f"{root}/invoices?status=open")
    await page.get_by_label("Choose ").check()
    await page.get_by_role("button", name="Pay", exact=True).click()
    await expect(page.locator("[data-test=concluded]")).to_be_visible()
    await page.get_by_role("link", name="Look at it").click()
    await expect(page.get_by_role("heading", name="Invoice")).to_contain_text("Paid")
    found: dict[str, object] = {}
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        for path in (*_PAGES, f"/resources/{invoice}", f"/resources/{invoice}/resize"):
            await page.set_viewport_size(_DESK if scheme == "light" else _PHONE)
            await page.goto(root + path)
            if path.endswith(("/new", "/resize")):
                await expect(page.locator("#price")).not_to_contain_text("Asking")
            results = await Axe().run(page)
            if results.violations_count:
                found[f"{scheme} {path}"] = json.dumps(
                    [
                        (one["id"], [node["html"][:200] for node in one["nodes"][:3]])
                        for one in results.response["violations"]
                    ]
                )
            wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, f"{path} is wider than its screen"
    assert found == {}


async def _month_of_use(house: House) -> str:
    """A postpaid customer with credit, and the unpaid invoice of last month; its resource's id."""
    now = datetime.now(UTC).replace(microsecond=0)
    month = BillingMonth.containing(now, ZONE).previous()
    begin, end = month.start(ZONE), month.end(ZONE)
    registered, topped_up = customer(credit=900_000)
    await house.publish(
        said(type(registered).model_validate(registered.model_dump()), at=begin - timedelta(days=9))
    )
    await house.publish(topped_up)
    request = AccountSwitchRequested(
        account_id="acc-1", user_type="postpaid", requested_by="sales", reason="contract"
    )
    await house.publish(said(request, at=begin - timedelta(days=1)))
    await house.wait_for(AccountSwitched)
    await house.publish(order("ord-1", [server("shop", "image", days=None)], at=begin))
    await house.wait_for(ResourceProvisioned)
    await house.wait_until_idle()
    await house.publish(said(TickMonth(period=str(month)), at=end + timedelta(minutes=5)))
    await house.wait_for(InvoiceRunCompleted)
    await house.wait_until_idle()
    return "shop"
