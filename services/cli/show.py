"""`cloudtill show`: accounts, orders, resources, payments, wallets, invoices and runs."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

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
    table,
)
from services.invoicing import store as invoicing
from services.provisioning import store as provisioning
from services.wallet import store as wallet
from shared.database import Connection, Row

Rows = Sequence[Row] | Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Page:
    """Which page of a history, newest first: at most `limit` rows, after the token `after`."""

    limit: int
    after: str | None

    def before(self) -> tuple[datetime, str] | None:
        """The token of a history that is ordered by time and id."""
        if self.after is None:
            return None
        at, _, name = self.after.partition("~")
        try:
            return datetime.fromisoformat(at), name
        except ValueError:
            raise Failure(f"--page: {self.after!r} is no token of this history", code=2) from None


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
    return Shown(
        account,
        {
            "wallets": wallets,
            "resources": resources,
            "orders": orders,
            "payments": payments,
            "invoices": invoices,
            "switches": switches,
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
    async with schema(db, "provisioning"):
        requests = await provisioning.show_requests(db, resource_id)
    async with schema(db, "invoicing"):
        usage = await invoicing.show_segments(db, resource_id)
        invoices = await invoicing.show_invoices(db, resource_id=resource_id, limit=page.limit)
    lists: dict[str, Rows] = {
        "requests": requests,
        "term": pieces,
        "usage": usage,
        "invoices": invoices,
    }
    return Shown(resource, lists)


async def _payment(db: Connection, payment_id: str, _page: Page) -> Shown | None:
    async with schema(db, "billing"):
        payment = await billing.payments.show_payment(db, payment_id)
    return None if payment is None else Shown(payment)


async def _payments(db: Connection, account_id: str, page: Page) -> Shown | None:
    async with schema(db, "billing"):
        payments = await billing.payments.show_payments(
            db, account_id, before=page.before(), limit=page.limit
        )
    return Shown(None, {"payments": payments}, _next(payments, page, "paid_at", "payment_id"))


async def _orders(db: Connection, account_id: str, page: Page) -> Shown | None:
    async with schema(db, "billing"):
        orders = await billing.orders.show_orders(
            db, account_id, before=page.before(), limit=page.limit
        )
    return Shown(None, {"orders": orders}, _next(orders, page, "placed_at", "order_id"))


async def _wallet(db: Connection, account_id: str, page: Page) -> Shown | None:
    """The credit history has its own order: the position in the wallet's ledger."""
    if page.after is not None and not page.after.isdecimal():
        raise Failure(f"--page: {page.after!r} is no token of this history", code=2)
    before = None if page.after is None else int(page.after)
    async with schema(db, "wallet"):
        wallets = await wallet.show_wallets(db, account_id)
        if not wallets:
            return None
        history = await wallet.show_credit_history(
            db, account_id, "credit", before=before, limit=page.limit
        )
    following = str(history[-1]["position"]) if len(history) == page.limit else None
    return Shown(None, {"wallets": wallets, "credit history": history}, following)


async def _invoice(db: Connection, invoice_id: str, _page: Page) -> Shown | None:
    async with schema(db, "invoicing"):
        invoice = await invoicing.show_invoice(db, invoice_id)
        if invoice is None:
            return None
        lines = await invoicing.show_lines(db, invoice["invoice_id"])
        payments = await invoicing.show_invoice_payments(db, invoice["invoice_id"])
    return Shown(invoice, {"lines": lines, "payments": payments})


async def _invoices(db: Connection, account_id: str, page: Page) -> Shown | None:
    async with schema(db, "invoicing"):
        invoices = await invoicing.show_invoices(
            db, account_id=account_id, before=page.before(), limit=page.limit
        )
    return Shown(None, {"invoices": invoices}, _next(invoices, page, "issued_at", "invoice_id"))


async def _run(db: Connection, period: str, _page: Page) -> Shown | None:
    async with schema(db, "invoicing"):
        run = await invoicing.show_run(db, period)
        if run is None:
            return None
        quarantined = await invoicing.show_quarantine(db, period)
    return Shown(run, {"quarantined": quarantined})


def _next(rows: Rows, page: Page, at: str, name: str) -> str | None:
    """The token of the next page, where there may be one."""
    return f"{rows[-1][at].isoformat()}~{rows[-1][name]}" if len(rows) == page.limit else None


_FINDERS: Mapping[str, Finder] = {
    "account": _account,
    "order": _order,
    "resource": _resource,
    "payment": _payment,
    "wallet": _wallet,
    "invoice": _invoice,
    "run": _run,
    "orders": _orders,
    "payments": _payments,
    "invoices": _invoices,
}
_HISTORIES = ("orders", "payments", "invoices")


def show(
    what: Annotated[str, typer.Argument(help=f"Of {', '.join(_FINDERS)}.")],
    id_: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="Its id; for wallet and for histories (plural) the account's; a run's is 2026-11.",
        ),
    ],
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="Rows of a list, at most.")] = 20,
    page: Annotated[
        str | None, typer.Option(help="The next page's token, as the page before showed it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show one thing with all that belongs to it, or a history page by page.

    Example: cloudtill show order ord-1, cloudtill show payments acc-1 --limit 50
    """
    finder = _FINDERS.get(what)
    if finder is None:
        raise Failure(f"nothing is called {what}; there are {', '.join(_FINDERS)}", code=2)
    shown = finish(_find(finder, id_, Page(limit, page)))
    if shown is None:
        raise Failure(f"there is no {what} {id_}")
    if as_json:
        lists = {name.replace(" ", "_"): rows for name, rows in shown.lists.items()}
        print_json({**shown.fields, **lists, "next_page": shown.next_page})
        return
    for name, value in shown.fields.items():
        console.print(f"[dim]{name.replace('_', ' '):>16}[/]  ", end="")
        console.print(readable(value), markup=False)
    for title, rows in shown.lists.items():
        if rows or what in _HISTORIES:
            table(title.capitalize(), [dict(row.items()) for row in rows])
    if shown.next_page:
        console.print(f"more: cloudtill show {what} {id_} --page {shown.next_page}", style="dim")


async def _find(finder: Finder, id_: str, page: Page) -> Shown | None:
    async with database() as db:
        return await finder(db, id_, page)
