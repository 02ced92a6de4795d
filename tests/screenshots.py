"""`python -m tests.screenshots --out DIR [WORD...]`: a picture of every page, to be looked at.

Each page is taken with an account that has one of everything: on a desk in English and light, and
on a phone in Vietnamese and dark; with `--all`, in every combination. Words pick the pages whose
names have one of them. What is wider than its screen is named.
"""

import argparse
import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import product
from pathlib import Path
from typing import Final, Literal, TypeAlias

from playwright.async_api import Browser, Page, ViewportSize

from services.portal.settings import PortalSettings
from services.portal.web.app import portal_app
from shared import http
from shared.database import connect, pool
from shared.messages.billing import QuoteGiven
from shared.messages.upstream import QuoteRequested
from shared.migrations import migrate, migrations_of
from tests.integration.portal import scenery
from tests.integration.portal.conftest import Office
from tests.integration.portal.story import ACCOUNT, priced_item
from tests.servers import servers
from tests.servers.server import free_port
from tests.system.browsers import chromium

Language: TypeAlias = Literal["en", "vi"]
Scheme: TypeAlias = Literal["light", "dark"]
_SIZES: Final[dict[str, ViewportSize]] = {
    "desk": {"width": 1280, "height": 800},
    "phone": {"width": 390, "height": 844},
}
_CUSTOMER: Final = {
    "overview": "",
    "month": "/month-so-far",
    "resources": "/resources?deleted=yes",
    "resource": "/resources/vm-1",
    "resource-trial": "/resources/vm-trial",
    "resource-trash": "/resources/vm-old",
    "order-new": "/resources/new",
    "order-match": "/resources/match",
    "order-resize": "/resources/vm-1/resize",
    "order-renew": "/resources/vm-1/renew",
    "order-recover": "/resources/vm-old/recover",
    "order-delete": "/resources/vm-1/delete",
    "orders": "/orders",
    "order-done": "/orders/ord-1",
    "order-failed": "/orders/ord-2",
    "wallet": "/wallet",
    "wallet-trial": "/wallet?wallet=poc",
    "payments": "/payments",
    "invoices": "/invoices",
    "invoice-open": "/invoices/invoice-month",
    "invoice-late": "/invoices/invoice-late",
    "invoice-paid": "/invoices/invoice-ord-1",
    "details": "/details",
    "usage": "/usage?period=2026-11",
    "costs": "/costs",
    "notifications": "/notifications",
    "programs": "/programs",
    "error-404": "/resources/none",
}
_EMPTY: Final = ("", "/resources", "/resources/new", "/orders", "/wallet", "/payments", "/invoices")
_SUPPORT: Final = {
    "find": "?q=acc",
    "find-none": "?q=nobody",
    "account": f"/accounts/{ACCOUNT}",
    "timeline": f"/accounts/{ACCOUNT}/timeline",
    "act-switch": f"/accounts/{ACCOUNT}/switch",
    "act-transfer": f"/accounts/{ACCOUNT}/transfer",
    "act-grant-poc": f"/accounts/{ACCOUNT}/grant-poc",
    "act-record-payment": f"/accounts/{ACCOUNT}/record-payment",
    "act-credit-note": f"/accounts/{ACCOUNT}/credit-note",
    "act-details": f"/accounts/{ACCOUNT}/details",
    "act-run-again": f"/accounts/{ACCOUNT}/run-again?period=2026-10",
    "invoice-open": f"/accounts/{ACCOUNT}/invoices/invoice-month",
    "invoice-paid": f"/accounts/{ACCOUNT}/invoices/invoice-ord-1",
    "runs": "/runs",
    "run": "/runs/2026-10",
    "letters": "/letters",
    "letters-all": "/letters?all=1",
    "letter": "/letters/billing:1",
    "acts": "/acts?whose=all",
}

_SENT: Final[dict[str, tuple[str, str, dict[str, str]]]] = {
    "error-403": ("customer", f"/accounts/{ACCOUNT}/details", {"csrf": "old"}),
    "error-429": (scenery.HASTY, "/register", {"name": "An", "email": "an@example.com"}),
    "error-422": ("customer", f"/accounts/{ACCOUNT}/wallet", {"amount": "much"}),
    "register-wrong": ("customer", "/register", {"name": "An"}),
    "details-wrong": ("customer", f"/accounts/{ACCOUNT}/details", {"tax_code": "?"}),
    "support-act-wrong": (
        "support",
        f"/support/accounts/{ACCOUNT}/transfer",
        {"amount": "much", "reference": "FT-1", "reason": "seen"},
    ),
}
"""Forms that are refused: whose login, a page's path, and what is sent from it."""


def _pages(places: scenery.Places) -> Iterator[tuple[str, str, str]]:
    """Whose login, a page's name, and its path."""
    yield "nobody", "login", "/login"
    yield "nobody", "login-refused", "/login/back?state=none"
    yield "nobody", "recipient", "/recipients/a-token-of-a-mail"
    yield "nobody", "recipient-agreed", "/recipients/a-token-of-a-mail?agreed=1"
    yield "customer", "accounts", "/"
    yield "customer", "register", "/register"
    for name, path in _CUSTOMER.items():
        yield "customer", name, f"/accounts/{ACCOUNT}{path}"
    for path in (*_EMPTY, "/usage", "/costs", "/notifications", "/programs"):
        yield "newcomer", f"empty{path.replace('/', '-')}", f"/accounts/acc-new{path}"
    for name, path in _SUPPORT.items():
        yield "support", f"support-{name}", f"/support{path}"
    yield "customer", "programs-webhook", places.endpoint
    yield "customer", "programs-delivery", places.delivery
    for name, path in places.acts.items():
        yield "support", f"support-{name}", path
    for name, path in places.own_acts.items():
        yield "customer", name, path
    yield "customer", "error-404-support", "/support"
    for name, (whose, path, _) in _SENT.items():
        yield whose, name, path


@asynccontextmanager
async def _office(url: str) -> AsyncIterator[tuple[Office, scenery.Places]]:
    """The portal over a database of its own, which heard of everything."""
    admin = await connect(url)
    name = f"screenshots_{free_port()}"
    await admin.execute(f"create database {name}")
    try:
        own = re.sub(r"/[^/]*$", f"/{name}", url)
        db = await connect(own)
        await migrate(db, "portal", migrations_of("services.portal"))
        await db.close()
        async with AsyncExitStack() as closing:
            office = Office(await closing.enter_async_context(pool(own, "portal")), closing)
            office.settings = PortalSettings(
                development_login=True, issuer="https://id.example.com", logins_a_minute=1_000
            )
            yield office, await scenery.build(office)
    finally:
        await admin.execute(f"drop database {name} with (force)")
        await admin.close()


async def _answer_quotes(office: Office) -> None:
    """Be billing: name a price to whoever asks for one."""
    answered: set[str] = set()
    while True:
        for said in await office.said():
            if isinstance(said, QuoteRequested) and said.quote_id not in answered:
                answered.add(said.quote_id)
                given = {
                    "quote_id": said.quote_id,
                    "account_id": said.account_id,
                    "currency": "VND",
                    "user_type": "prepaid",
                    "items": [priced_item().model_dump()],
                    "given_back" if said.action == "delete" else "to_pay": 90_000,
                }
                await office.hear(QuoteGiven.model_validate(given).because(said))
        await asyncio.sleep(0.1)


async def _log_in(page: Page, whose: str) -> None:
    """Log in as a customer with a full account, one who just came, or staff."""
    if whose == "nobody":
        return
    await page.goto("/login")
    await page.fill("#f-subject", f"{whose}@example.com")
    accounts = {"customer": f"{ACCOUNT}, acc-2", "newcomer": "acc-new"}.get(whose, "")
    await page.fill("#f-accounts", accounts)
    if whose == "support":
        for role in ("support", "operator"):
            await page.check(f"[value={role}]")
        await page.uncheck("[value=customer]")
    await page.click("form[action='/login/development'] button")


async def _send(page: Page, fields: dict[str, str]) -> None:
    """Send the form in the middle of a page, whatever the browser thinks of what is in it."""
    async with page.expect_navigation():
        await page.evaluate(
            """fields => {
                const form = document.querySelector("main form")
                for (const name in fields) form.elements[name].value = fields[name]
                form.submit()
            }""",
            fields,
        )


async def _take(
    browser: Browser,
    address: str,
    out: Path,
    pages: Sequence[tuple[str, str, str]],
    view: tuple[str, Language, Scheme],
) -> None:
    """Pages in one view."""
    size, language, scheme = view
    for whose in ("nobody", "customer", "newcomer", scenery.HASTY, "support"):
        chosen = [(name, path) for who, name, path in pages if who == whose]
        if not chosen:
            continue
        async with await browser.new_context(
            base_url=address,
            viewport=_SIZES[size],
            locale="vi-VN" if language == "vi" else "en-GB",
            color_scheme=scheme,
        ) as context:
            page = await context.new_page()
            await _log_in(page, whose)
            for name, path in chosen:
                await page.goto(path)
                if await page.locator("#price").count():
                    if name == "order-new":
                        await page.locator("[type=number]").first.fill("1")
                        await page.locator("#confirm").wait_for()
                    await page.locator("#price h2").wait_for()
                if await page.locator("#month").count():
                    await page.locator("#month p:not(.dim)").first.wait_for()
                if name in _SENT:
                    await _send(page, _SENT[name][2])
                await page.screenshot(
                    path=out / f"{name}.{size}.{language}.{scheme}.png", full_page=True
                )
                wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
                if wide > 0:
                    print(f"{name}: {wide} px wider than a {size}")


async def _main(database_url: str, out: Path, words: Sequence[str], all_of_them: bool) -> None:
    views: Sequence[tuple[str, Language, Scheme]] = (
        ("desk", "en", "light"),
        ("phone", "vi", "dark"),
    )
    if all_of_them:
        languages: tuple[Language, ...] = ("en", "vi")
        schemes: tuple[Scheme, ...] = ("light", "dark")
        views = list(product(_SIZES, languages, schemes))
    port = free_port()
    async with (
        _office(database_url) as (office, places),
        http.serving(portal_app(office.portal()), port),
        chromium() as browser,
        asyncio.TaskGroup() as group,
    ):
        answering = group.create_task(_answer_quotes(office))
        pages = [
            one for one in _pages(places) if not words or any(word in one[1] for word in words)
        ]
        for view in views:
            await _take(browser, f"http://localhost:{port}", out, pages, view)
        answering.cancel()


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(prog="python -m tests.screenshots", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the folder they go to")
    parser.add_argument("--all", action="store_true", help="each page in every combination")
    parser.add_argument("words", nargs="*", help="pages whose names have one of these")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with servers() as running:
        asyncio.run(_main(running.database_url, given.out, given.words, given.all))


if __name__ == "__main__":
    main()
