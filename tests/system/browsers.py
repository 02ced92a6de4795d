"""A real browser without a screen: Debian's Chromium, driven by Playwright, with axe in hand."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright

from tests.servers.binaries import install

_ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def _chromium() -> str:
    """Where Chromium is; on Debian, as root, it is installed where it is missing."""
    if found := shutil.which("chromium"):
        return found
    if os.geteuid() == 0 and Path("/etc/debian_version").exists():
        install(["chromium"])
    found = shutil.which("chromium")
    assert found, "install chromium: apt-get install chromium"
    return found


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser that nobody has used."""
    async with async_playwright() as playwright:
        playwright.selectors.set_test_id_attribute("data-test")
        browser = await playwright.chromium.launch(
            executable_path=_chromium(), args=list(_ARGUMENTS)
        )
        try:
            yield browser
        finally:
            await browser.close()


async def assert_accessible(page: Page) -> None:
    """What axe finds on a page is none of anybody's business but ours: nothing may be left.

    Raises:
        AssertionError: says what was found.
    """
    found = await Axe().run(page)
    assert found.violations_count == 0, f"{page.url}: {found.generate_report()}"
