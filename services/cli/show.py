"""`cloudtill show`: accounts, orders, resources, payments, wallets, invoices, use and runs."""

import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import typer

from services.billing import store as billing
from services.cli.console import (
    Failure,
    Json,
    console,
    database,
    finish,
    print_json,
    readable,
    schema,
    settings,
    table,
)
from services.cli.lookups import EXPLANATIONS, FINDERS, explained
from services.cli.pages import Finder, Page, Shown
from services.cli.papers import language_named, write_invoice
from shared.periods import BillingMonth

_OF_ACCOUNTS: Final = ("resources", "orders", "payments", "invoices", "usage")
"""Lists, which are shown also where nothing is in them."""
_PAGED: Final = ("resources", "orders", "payments", "invoices", "wallet")


def show(
    what: Annotated[str, typer.Argument(help=f"Of {', '.join(FINDERS)}.")],
    id_: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="Its id; an invoice's may be its number; the account's for wallet, usage and lists"
            " (plural); for run the month, such as 2026-11.",
        ),
    ],
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="Rows of a list, at most.")] = 20,
    page: Annotated[
        str | None, typer.Option(help="The next page's token, as the page before showed it.")
    ] = None,
    period: Annotated[
        str | None, typer.Option(help="For usage: the billing month; else the present one.")
    ] = None,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            help="For an invoice: derive each line again; exit 1 if one can't be.",
        ),
    ] = False,
    pdf: Annotated[
        Path | None, typer.Option(help="For an invoice: write it to this file as PDF.")
    ] = None,
    ubl: Annotated[
        Path | None, typer.Option(help="For an invoice: write it to this file as UBL 2.1.")
    ] = None,
    language: Annotated[str, typer.Option(help="Of a PDF: en or vi.")] = "en",
    as_json: Json = False,
) -> None:
    """Show one thing with all that belongs to it, or a list page by page.

    \b
    Examples:
      cloudtill show order ord-1
      cloudtill show invoice 2026A-0000001 --json
      cloudtill show invoice 2026A-0000001 --explain
      cloudtill show invoice 2026A-0000001 --pdf invoice.pdf --language vi
      cloudtill show payments acc-1 --limit 50
      cloudtill show usage acc-1 --period 2026-10
      cloudtill show run 2026-10
    """
    finder = FINDERS.get(what)
    if finder is None:
        raise Failure(f"nothing is called {what}; there are {', '.join(FINDERS)}", code=2)
    if page is not None and what not in _PAGED:
        raise Failure(f"--page: {what} has no pages; {', '.join(_PAGED)} have", code=2)
    if period is not None and what != "usage":
        raise Failure("--period is for usage", code=2)
    if pdf or ubl:
        if what != "invoice":
            raise Failure("--pdf and --ubl are for an invoice", code=2)
        finish(write_invoice(id_, pdf, ubl, language_named(language)))
        return
    if explain:
        if what != "invoice":
            raise Failure("--explain is for an invoice", code=2)
        finder = explained
    shown = finish(_find(what, finder, id_, Page(limit, page, _month(period))))
    if shown is None:
        raise Failure(f"there is no {what} {id_}")
    _print(what, id_, shown, limit, as_json=as_json)
    wrong = [one["position"] for one in shown.lists.get(EXPLANATIONS, ()) if one["fault"]]
    if wrong:
        raise Failure(f"lines that can't be derived: {', '.join(map(str, wrong))}")


def _print(what: str, id_: str, shown: Shown, limit: int, *, as_json: bool) -> None:
    if as_json:
        lists = {name.replace(" ", "_"): rows for name, rows in shown.lists.items()}
        print_json({**shown.fields, **lists, "next_page": shown.next_page})
        return
    for name, value in shown.fields.items():
        console.print(f"[dim]{name.replace('_', ' '):>16}[/]  ", end="")
        console.print(readable(value), markup=False)
    for title, rows in shown.lists.items():
        if rows or what in _OF_ACCOUNTS:
            table(title.capitalize(), [dict(row.items()) for row in rows])
    if shown.next_page:
        following = shlex.join(
            ("cloudtill", "show", what, id_, "--limit", str(limit), "--page", shown.next_page)
        )
        console.print(f"more: {following}", style="dim", markup=False, soft_wrap=True)


def _month(period: str | None) -> BillingMonth:
    if period is None:
        zone = ZoneInfo(settings().billing_time_zone)
        return BillingMonth.containing(datetime.now(UTC), zone)
    try:
        return BillingMonth.parse(period)
    except ValueError as error:
        raise Failure(f"--period: {error}", code=2) from None


async def _find(what: str, finder: Finder, id_: str, page: Page) -> Shown | None:
    async with database() as db:
        if what in _OF_ACCOUNTS:
            async with schema(db, "billing"):
                if await billing.accounts.show_account(db, id_) is None:
                    raise Failure(f"there is no account {id_}")
        return await finder(db, id_, page)
