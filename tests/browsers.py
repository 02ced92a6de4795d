"""A browser without a screen: Debian's chromium, installed where it is missing, and said aloud."""

import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from playwright.async_api import Browser, async_playwright

from tests.servers import ServersMissing

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_or_install() -> Path:
    """Where the browser is.

    Raises:
        ServersMissing: says in one line what to install.
    """
    if found := _find():
        return found
    if Path("/etc/debian_version").exists() and os.geteuid() == 0 and shutil.which("apt-get"):
        print("installing chromium with apt-get, once ...", file=sys.stderr)
        apt = ["apt-get", "-q", "-o", "Dpkg::Use-Pty=0"]
        for command in (
            [*apt, "update"],
            [*apt, "install", "-y", "--no-install-recommends", "chromium"],
        ):
            subprocess.run(
                command,
                env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
            )
    if found := _find():
        return found
    raise ServersMissing("a browser is needed: install chromium")


def _find() -> Path | None:
    return next((Path(found) for name in _NAMES if (found := shutil.which(name))), None)


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """A browser while the body runs."""
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(
            executable_path=find_or_install(), args=[*_OPTIONS]
        )
        try:
            yield launched
        finally:
            await launched.close()
