"""The Support console in a real browser, on real workers: what is done is seen without a reload."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from playwright.async_api import Page, expect

from shared.messages.dead_letters import DeadLetterRecorded
from shared.messages.provisioning import ResourceProvisioned
from shared.messages.scheduler import TickMonth
from shared.messages.upstream import TopUpReceived
from shared.messages.wallet import WalletCredited
from shared.periods import BillingMonth
from tests.builders import said
from tests.servers.server import free_port
from tests.system.browsers import assert_accessible, chromium
from tests.system.conftest import OpenHouse
from tests.system.house import House
from tests.system.shop import catalogue, customer, order, server

SERVICES = ("billing", "wallet", "provisioning", "invoicing")
PATIENCE_MS = 60_000
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")


async def test_support_switches_an_account_runs_a_month_and_replays_a_dead_letter(
    house_of: OpenHouse,
) -> None:
    house = await house_of(*SERVICES, "portal")
    port = free_port()
    address = f"http://localhost:{port}"
    house.start(*SERVICES)
    house.start(
        "portal", portal_port=str(port), portal_url=address, portal_development_login="true"
    )
    await house.publish(*catalogue(), *customer("acc-1", credit=500_000))
    await house.wait_for(WalletCredited)
    await house.wait_until_idle()  # the portal hears once it answers
    async with chromium() as browser:
        page = await browser.new_page(base_url=address, locale="en-GB")
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        await _log_in(page)
        await _switch(page)
        await _run_a_month(page, house)
        await _replay(page, house)
        await _look_back(page)


async def _log_in(page: Page) -> None:
    await page.goto("/login")
    await page.get_by_label("E-mail address").fill("mai@example.com")
    await page.get_by_label("Customer").uncheck()
    await page.get_by_label("Support").check()
    await page.get_by_role("button", name="Log in", exact=True).click()
    await expect(page.get_by_role("heading", name="Support console")).to_be_visible()
    await assert_accessible(page)


async def _switch(page: Page) -> None:
    """Find an account and switch it; the page follows until billing has."""
    await page.get_by_label("Find an account").fill("acc-1@example.com")
    await page.get_by_role("button", name="Find").click()
    await expect(page.get_by_test_id("user-type")).to_have_text("prepaid")
    await assert_accessible(page)
    await page.get_by_role("link", name="Switch the user type").click()
    await assert_accessible(page)
    await page.get_by_label("Why").fill("contract 2026-117")
    await page.get_by_role("button", name="Switch the user type").click()
    await expect(page.get_by_test_id("outcome-done")).to_be_visible()
    await assert_accessible(page)
    await page.get_by_role("link", name="acc-1").click()
    await expect(page.get_by_test_id("user-type")).to_have_text("postpaid")


async def _run_a_month(page: Page, house: House) -> None:
    """A resource of the account is invoiced by a run that the open page sees complete."""
    await page.goto("/support/runs")
    await expect(page.get_by_text("No month was run yet.")).to_be_visible()
    now = datetime.now(UTC)
    web = server("web", "disk", days=None)
    await house.publish(order("ord-1", [web], at=now))
    await house.wait_for(ResourceProvisioned)
    await house.wait_until_idle()
    month = BillingMonth.containing(now, ZONE)
    await house.publish(
        said(TickMonth(period=str(month)), at=month.end(ZONE) + timedelta(minutes=5))
    )
    await expect(page.get_by_test_id("progress")).to_have_text("1 of 1 ranges of accounts")
    await page.get_by_role("link", name=str(now.astimezone(ZONE).year)).click()
    await expect(page.get_by_test_id("completed")).to_be_visible()
    await assert_accessible(page)
    await page.goto("/support/accounts/acc-1/timeline?order=ord-1")
    await expect(page.locator(".line").first).to_be_visible()
    await page.locator("summary").first.click()
    await expect(page.locator(".message pre")).to_be_visible()
    await assert_accessible(page)


async def _replay(page: Page, house: House) -> None:
    """Money for an account that nobody knows yet is a dead letter, until it is known."""
    early = TopUpReceived(
        top_up_id="early",
        account_id="acc-late",
        amount=50_000,
        gateway="bank",
        gateway_reference="FT-1",
    )
    await page.goto("/support/letters")
    await house.publish(said(early, at=datetime.now(UTC) - timedelta(days=1), id="early"))
    await house.wait_for(DeadLetterRecorded)
    await expect(page.get_by_role("link", name="wallet · out_of_attempts · 1")).to_be_visible()
    await house.publish(*customer("acc-late"))
    await house.wait_until_idle()
    await page.get_by_role("link", name="wallet · out_of_attempts · 1").click()
    await assert_accessible(page)
    await page.get_by_role("link", name="top_up.received").click()
    await assert_accessible(page)
    await page.get_by_label("Why").fill("the account is there now")
    await page.get_by_role("button", name="Replay").click()
    await expect(page.get_by_test_id("outcome-done")).to_be_visible()
    await page.goto("/support/accounts/acc-late")
    await expect(page.get_by_test_id("available-credit")).to_have_text("₫50,000")


async def _look_back(page: Page) -> None:
    """Who did what and why is in the audit trail."""
    await page.goto("/support/acts")
    await expect(page.get_by_text("contract 2026-117")).to_be_visible()
    await expect(page.get_by_text("the account is there now")).to_be_visible()
    await expect(page.get_by_test_id("outcome-done")).to_have_count(2)
    await assert_accessible(page)
