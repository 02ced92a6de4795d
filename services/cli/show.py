"""`cloudtill show`: accounts, orders, resources, payments, wallets, invoices, use and runs."""

import shlex
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final
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
from services.cli.papers import language_named, write_invoice
from services.invoicing import store as invoicing
from services.notifications import store as notifications
from services.provisioning import store as provisioning
from services.wallet import store as wallet
from shared.database import Connection, Row
from shared.periods import BillingMonth

Rows = Sequence[Row] | Sequence[Mapping[str, Any]]
_POSITION_DIGITS: Final = 18


@dataclass(frozen=True, slots=True)
class Page:
    """What is asked for of a list: at most `limit` rows of a history after the token `after`, and
    of use the stretch that is a billing month."""

    limit: int
    after: str | None
    month: BillingMonth

    @property
    def one_more(self) -> int:
        """Rows to be read, so that it is known whether a page follows."""
        return self.limit + 1

    def before(self) -> tuple[datetime, str] | None:
        """Where a history goes on that is ordered by time and id."""
        if self.after is None:
            return None
        at, _, name = self.after.partition("~")
        try:
            since = datetime.fromisoformat(at)
        except ValueError:
            raise self.wrong_token() from None
        if since.tzinfo is None:
            raise self.wrong_token()
        return since, name

    def position(self) -> int | None:
        """Where a ledger goes on, which is ordered by position."""
        if self.after is None:
            return None
        if not self.after.isdecimal() or len(self.after) > _POSITION_DIGITS:
            raise self.wrong_token()
        return int(self.after)

    def wrong_token(self) -> Failure:
        return Failure(f"--page: {self.after!r} is no token of this history", code=2)

    def cut(self, rows: Rows, token: Callable[[Mapping[str, Any]], str]) -> tuple[Rows, str | None]:
        """The rows of this page, and the token of the next one where one follows."""
        if len(rows) <= self.limit:
            return rows, None
        rows = rows[: self.limit]
        return rows, token(dict(rows[-1].items()))


@dataclass(frozen=True, slots=True)
class Shown:
    """What is to be shown: one thing's fields, lists that belong to it, and the next page."""

    row: Row | Mapping[str, Any] | None
    lists: Mapping[str, Rows] = field(default_factory=dict)
    next_page: str | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """The thing's own fields; none where only lists are shown."""
        return dict(self.row.items()) if self.row else {}


Finder = Callable[[Connection, str, Page], Awaitable[Shown | None]]


async def _account(db: Connection, account_id: str, page: Page) -> Shown | None:
    async with schema(db, "billing"):
        account = await billing.accounts.show_account(db, account_id)
        if account is None:
            return None
        switches = await billing.accounts.show_switches(db, account_id)
        resources = await billing.resources.show_resources(db, account_id, limit=page.limit)
        orders = await billing.orders.show_orders(db, account_id, limit=page.limit)
        payments = await billing.payments.show_payments(db, account_id, limit=page.limit)
    async with schema(db, "wallet"):
        wallets = await wallet.show_wallets(db, account_id)
    async with schema(db, "invoicing"):
        invoices = await invoicing.show_invoices(db, account_id=account_id, limit=page.limit)
    async with schema(db, "notifications"):
        notices = await notifications.show_notices(db, account_id, limit=page.limit)
    return Shown(
        account,
        {
            "wallets": wallets,
            "resources": resources,
            "orders": orders,
            "payments": payments,
            "invoices": invoices,
            "switches": switches,
            "notices": notices,
        },
    )


async def _order(db: Connection, order_id: str, page: Page) -> Shown | None:
    async with schema(db, "billing"):
        order = await billing.orders.show_order(db, order_id)
        if order is None:
            return None
        items = await billing.orders.show_items(db, order_id)
        refunds = await billing.payments.show_refunds(db, order_id)
    async with schema(db, "invoicing"):
        invoices = await invoicing.show_invoices(db, order_id=order_id, limit=page.limit)
    return Shown(order, {"items": items, "refunds": refunds, "invoices": invoices})


async def _resource(db: Connection, resource_id: str, page: Page) -> Shown | None:
    async with schema(db, "billing"):
        resource = await billing.resources.show_resource(db, resource_id)
        if resource is None:
            return None
        pieces = await billing.resources.show_pieces(db, resource_id)
        renewals = await billing.renewals.show_attempts(db, resource_id)
    async with schema(db, "provisioning"):
        requests = await provisioning.show_requests(db, resource_id)
    async with schema(db, "wallet"):
        changes = await wallet.show_hold_changes(db, resource_id, limit=page.limit)
    async with schema(db, "invoicing"):
        hold = await invoicing.show_hold(db, resource_id)
        usage = await invoicing.show_segments(db, resource_id)
        invoices = await invoicing.show_invoices(db, resource_id=resource_id, limit=page.limit)
    lists: dict[str, Rows] = {
        "requests": requests,
        "term": pieces,
        "renewals": renewals,
        "usage": _with_components(usage),
        "hold": [hold] if hold else [],
        "hold changes": changes,
        "invoices": invoices,
    }
    return Shown(resource, lists)


def _with_components(rows: Rows) -> Rows:
    """Use with its configuration in one column, as a resource has it."""
    return [
        {
            **{name: value for name, value in row.items() if name not in ("skus", "quantities")},
            "components": [
                {"sku": sku, "quantity": quantity}
                for sku, quantity in zip(row["skus"], row["quantities"], strict=True)
            ],
        }
        for row in rows
    ]


async def _payment(db: Connection, payment_id: str, _page: Page) -> Shown | None:
    async with schema(db, "billing"):
        payment = await billing.payments.show_payment(db, payment_id)
    return None if payment is None else Shown(payment)


async def _payments(db: Connection, account_id: str, page: Page) -> Shown | None:
    async with schema(db, "billing"):
        payments = await billing.payments.show_payments(
            db, account_id, before=page.before(), limit=page.one_more
        )
    rows, following = page.cut(payments, _by("paid_at", "payment_id"))
    return Shown(None, {"payments": rows}, following)


async def _orders(db: Connection, account_id: str, page: Page) -> Shown | None:
    async with schema(db, "billing"):
        orders = await billing.orders.show_orders(
            db, account_id, before=page.before(), limit=page.one_more
        )
    rows, following = page.cut(orders, _by("placed_at", "order_id"))
    return Shown(None, {"orders": rows}, following)


async def _resources(db: Connection, account_id: str, page: Page) -> Shown | None:
    """Resources stand in the order of their ids."""
    async with schema(db, "billing"):
        resources = await billing.resources.show_resources(
            db, account_id, after=page.after, limit=page.one_more
        )
    rows, following = page.cut(resources, lambda row: str(row["resource_id"]))
    return Shown(None, {"resources": rows}, following)


async def _wallet(db: Connection, account_id: str, page: Page) -> Shown | None:
    """The credit history has its own order: the position in the wallet's ledger. Of a POC wallet
    the latest is shown beside it."""
    before = page.position()
    async with schema(db, "wallet"):
        wallets = await wallet.show_wallets(db, account_id)
        if not wallets:
            return None
        held = await wallet.show_holds(db, account_id)
        history = await wallet.show_credit_history(
            db, account_id, "credit", before=before, limit=page.one_more
        )
        poc_history = await wallet.show_credit_history(db, account_id, "poc", limit=page.limit)
    rows, following = page.cut(history, lambda row: str(row["position"]))
    lists: dict[str, Rows] = {"wallets": wallets, "holds": held, "credit history": rows}
    if poc_history:
        lists["poc history"] = poc_history
    return Shown(None, lists, following)


async def _invoice(db: Connection, invoice_id: str, _page: Page) -> Shown | None:
    async with schema(db, "invoicing"):
        invoice = await invoicing.show_invoice(db, invoice_id)
        if invoice is None:
            return None
        lines = await invoicing.show_lines(db, invoice["invoice_id"])
        payments = await invoicing.show_invoice_payments(db, invoice["invoice_id"])
    return Shown(invoice, {"lines": lines, "payments": payments})


async def _explained(db: Connection, invoice_id: str, page: Page) -> Shown | None:
    """An invoice with each line derived again."""
    shown = await _invoice(db, invoice_id, page)
    if shown is None or shown.row is None:
        return shown
    async with schema(db, "invoicing"):
        derived = await invoicing.explain_invoice(db, dict(shown.row.items()))
    explanations = [
        {
            "position": one.position,
            "derived": one.fault is None,
            "how": one.words,
            "fault": one.fault,
        }
        for one in derived
    ]
    return Shown(shown.row, {**shown.lists, _EXPLANATIONS: explanations})


async def _invoices(db: Connection, account_id: str, page: Page) -> Shown | None:
    async with schema(db, "invoicing"):
        invoices = await invoicing.show_invoices(
            db, account_id=account_id, before=page.before(), limit=page.one_more
        )
    rows, following = page.cut(invoices, _by("issued_at", "invoice_id"))
    return Shown(None, {"invoices": rows}, following)


async def _usage(db: Connection, account_id: str, page: Page) -> Shown | None:
    """What an account used in a billing month, whether it is invoiced already or not."""
    zone = ZoneInfo(settings().billing_time_zone)
    async with schema(db, "invoicing"):
        use = await invoicing.show_use(db, account_id, page.month.start(zone), page.month.end(zone))
    head = {"account_id": account_id, "period": str(page.month)}
    return Shown(head, {"usage": _with_components(use)})


async def _run(db: Connection, period: str, _page: Page) -> Shown | None:
    async with schema(db, "invoicing"):
        run = await invoicing.show_run(db, period)
        if run is None:
            return None
        left_out = await invoicing.show_quarantine(db, period)
        in_hand = await invoicing.show_ranges_in_hand(db, period)
        report = await invoicing.show_report(db, period)
    fields = {name: value for name, value in run.items() if name != "totals"}
    lists = {"totals": _by_currency(run), "in hand": in_hand, "in quarantine": left_out}
    if report is not None:
        closed = {name: value for name, value in report.items() if name != "totals"}
        lists |= {"close report": [closed], "closed totals": _by_currency(report)}
    return Shown(fields, lists)


def _by_currency(run: Mapping[str, Any]) -> Rows:
    return [{"currency": currency, **total} for currency, total in run["totals"].items()]


def _by(at: str, name: str) -> Callable[[Mapping[str, Any]], str]:
    """The token of a history that is ordered by time and id."""
    return lambda row: f"{row[at].isoformat()}~{row[name]}"


_FINDERS: Mapping[str, Finder] = {
    "account": _account,
    "order": _order,
    "resource": _resource,
    "payment": _payment,
    "wallet": _wallet,
    "invoice": _invoice,
    "usage": _usage,
    "run": _run,
    "resources": _resources,
    "orders": _orders,
    "payments": _payments,
    "invoices": _invoices,
}
_EXPLANATIONS: Final = "explanations"
_OF_ACCOUNTS: Final = ("resources", "orders", "payments", "invoices", "usage")
"""Lists, which are shown also where nothing is in them."""
_PAGED: Final = ("resources", "orders", "payments", "invoices", "wallet")


def show(
    what: Annotated[str, typer.Argument(help=f"Of {', '.join(_FINDERS)}.")],
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
    finder = _FINDERS.get(what)
    if finder is None:
        raise Failure(f"nothing is called {what}; there are {', '.join(_FINDERS)}", code=2)
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
        finder = _explained
    shown = finish(_find(what, finder, id_, Page(limit, page, _month(period))))
    if shown is None:
        raise Failure(f"there is no {what} {id_}")
    _print(what, id_, shown, limit, as_json=as_json)
    wrong = [one["position"] for one in shown.lists.get(_EXPLANATIONS, ()) if one["fault"]]
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
