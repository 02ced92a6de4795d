"""What `cloudtill show` looks up: accounts, orders, resources, payments, wallets, invoices, use and
runs, each from the services that own a part of it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo

from services.billing import store as billing
from services.cli.console import schema, settings
from services.cli.pages import Finder, Page, Rows, Shown, token_of
from services.invoicing import store as invoicing
from services.notifications import store as notifications
from services.provisioning import store as provisioning
from services.registry import SERVICES
from services.wallet import store as wallet
from shared import outbox
from shared.database import Connection

EXPLANATIONS: Final = "explanations"
"""The list of how an invoice's lines are derived."""


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
    lists: dict[str, Rows] = {
        "items": items,
        "refunds": refunds,
        "invoices": invoices,
        "put off": await _put_off(db, order_id, page),
    }
    return Shown(order, lists)


async def _put_off(db: Connection, order_id: str, page: Page) -> Rows:
    """Messages of an order that a service could not handle yet: why, and when it tries again."""
    found: list[dict[str, Any]] = []
    for name in SERVICES:
        async with schema(db, name):
            rows = await outbox.show_put_off(db, order_id, page.limit)
        found += ({"service": name, **row} for row in rows)
    return found


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


def _history(
    title: str, service: str, show: Callable[..., Awaitable[Rows]], at: str, id_: str
) -> Finder:
    """Pages of what an account has of one kind, the latest first.

    Args:
        show: the rows of an account before a place in that order.
        at: which of its columns is the time that it is ordered by.
        id_: which orders what is of the same time.
    """

    async def find(db: Connection, account_id: str, page: Page) -> Shown | None:
        async with schema(db, service):
            found = await show(db, account_id=account_id, before=page.before(), limit=page.one_more)
        rows, following = page.cut(found, token_of(at, id_))
        return Shown(None, {title: rows}, following)

    return find


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


async def explained(db: Connection, invoice_id: str, page: Page) -> Shown | None:
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
    return Shown(shown.row, {**shown.lists, EXPLANATIONS: explanations})


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


FINDERS: Final[Mapping[str, Finder]] = {
    "account": _account,
    "order": _order,
    "resource": _resource,
    "payment": _payment,
    "wallet": _wallet,
    "invoice": _invoice,
    "usage": _usage,
    "run": _run,
    "resources": _resources,
    "orders": _history("orders", "billing", billing.orders.show_orders, "placed_at", "order_id"),
    "payments": _history(
        "payments", "billing", billing.payments.show_payments, "paid_at", "payment_id"
    ),
    "invoices": _history(
        "invoices", "invoicing", invoicing.show_invoices, "issued_at", "invoice_id"
    ),
}
"""What can be shown, and how it is found."""
