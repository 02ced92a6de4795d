"""Paying by hand in a real browser: from the portal to the simulated gateway's page and back."""

import pytest
from playwright.async_api import Page, expect

from services.registry import SERVICES
from tests.servers.server import free_port
from tests.system.browsers import assert_accessible, chromium
from tests.system.house import House
from tests.system.shop import assert_audit_is_clean, catalogue

pytestmark = pytest.mark.timeout(400)
PATIENCE_MS = 60_000


async def test_what_is_decided_at_the_gateways_page_is_seen_in_the_portal(house: House) -> None:
    port, gateway_port = free_port(), free_port()
    address = f"http://localhost:{port}"
    others = [name for name in SERVICES if name not in ("portal", "gateways")]
    house.start(*others)
    house.start(
        "gateways",
        gateways_port=str(gateway_port),
        gateways_url=f"http://localhost:{gateway_port}",
        simulated_gateway_outcome="asks",
        simulated_gateway_key="a key for the browser",
        simulated_gateway_back=address,
    )
    house.start(
        "portal", portal_port=str(port), portal_url=address, portal_development_login="true"
    )
    await house.publish(*catalogue())
    await house.wait_until_idle()
    async with chromium() as browser:
        page = await browser.new_page(base_url=address, locale="en-GB")
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        root = await _open_an_account(page)
        await _top_up(page, root, "Pay")
        await expect(page.get_by_test_id("concluded")).to_be_visible()
        await page.goto(root)
        await expect(page.get_by_test_id("available")).to_have_text("₫250,000")
        for decision in ("Let it fail", "Cancel"):
            await _top_up(page, root, decision)
            await expect(page.get_by_test_id("failed")).to_be_visible()
        await page.goto(root)
        await expect(page.get_by_test_id("available")).to_have_text("₫250,000")
    await house.wait_until_idle()
    await assert_audit_is_clean(house)


async def _open_an_account(page: Page) -> str:
    await page.goto("/login")
    await page.fill("#f-subject", "an@example.com")
    await page.click("form[action='/login/development'] button")
    await page.fill("#f-name", "An")
    await page.fill("#f-email", "an@example.com")
    await page.click("main button")
    await expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    return page.url


async def _top_up(page: Page, root: str, decision: str) -> None:
    """Ask for a top-up, decide it at the gateway, and come back to where it is followed."""
    await page.goto(f"{root}/wallet")
    await page.fill("#f-amount", "250,000")
    await page.get_by_role("button", name="Go on to the gateway").click()
    await page.get_by_test_id("pay").wait_for()
    followed = page.url
    await page.get_by_test_id("pay").click()
    await expect(page.get_by_test_id("amount")).to_have_text("250,000 VND")
    await assert_accessible(page)
    await page.get_by_role("button", name=decision, exact=True).click()
    await expect(page.get_by_role("status")).to_be_visible()
    await page.goto(followed)
