"""What programs read of an account."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, TypeVar

from services.portal.api.bodies import (
    EntryQuery,
    InvoiceQuery,
    OrderQuery,
    Paging,
    PaymentQuery,
    ResourceQuery,
)
from services.portal.api.calls import Call
from services.portal.api.cursors import cursor_at, place_of
from services.portal.api.models import (
    AccountShown,
    CreditNoteShown,
    EntryShown,
    InvoicePaymentShown,
    InvoiceShown,
    InvoiceSummary,
    OrderedItem,
    OrderShown,
    PageOf,
    PaymentShown,
    PreferencesShown,
    PriceShown,
    Products,
    ProductShown,
    ResourceShown,
    Wallets,
    WalletShown,
    shown,
)
from services.portal.api.problems import not_there
from services.portal.store import accounts, invoices, listings, notifications, resources, wallets
from shared.database import Connection, Row
from shared.messages.model import Model

M = TypeVar("M", bound=Model)


async def get_account(call: Call) -> AccountShown:
    """The account: who it is, its user type, and whether it is overdue."""
    async with call.reading() as db:
        account = await accounts.get_account(db, call.account_id)
        details = await accounts.find_billing_details(db, call.account_id, call.at)
    return AccountShown.model_validate({**asdict(account), "billing_details": details})


async def get_notification_preferences(call: Call) -> PreferencesShown:
    """What the account is told by e-mail, and who gets copies, as it was said last."""
    async with call.reading() as db:
        preferences = await notifications.get_preferences(db, call.account_id)
        recipients = await notifications.find_recipients(db, call.account_id, call.at)
    return PreferencesShown.model_validate(
        {
            "muted": preferences.muted,
            "language": preferences.language,
            "recipients": [asdict(one) for one in recipients],
        }
    )


async def list_products(call: Call) -> Products:
    """What is sold now, and what it costs in the account's currency before discounts and coupons.

    What an order comes to is asked by a quote.
    """
    async with call.reading() as db:
        account = await accounts.find_account(db, call.account_id)
        currency = account.currency if account else "VND"
        products = await listings.list_rows(db, "list_products", call.at)
        prices = await listings.list_rows(db, "list_prices", call.at, currency)
    of_product: dict[str, list[PriceShown]] = {}
    for price in prices:
        of_product.setdefault(price["product"], []).append(shown(PriceShown, price))
    return Products(
        items=tuple(
            shown(ProductShown, one, prices=of_product.get(one["product"], [])) for one in products
        )
    )


async def list_wallets(call: Call) -> Wallets:
    """The account's wallets: what is in them, what is held, what can be spent."""
    async with call.reading() as db:
        account = await accounts.find_account(db, call.account_id)
        found = await wallets.find_wallets(db, call.account_id)
    currency = account.currency if account else "VND"
    made = [shown(WalletShown, row, currency=currency) for _, row in sorted(found.items())]
    return Wallets(items=tuple(made))


async def list_entries(call: Call) -> PageOf[EntryShown]:
    """A wallet's history, newest first."""
    query = call.asked(EntryQuery)
    wallet = call.named("wallet")
    if wallet not in ("credit", "poc"):
        raise not_there("wallet")
    async with call.reading() as db:
        rows = await listings.list_rows(
            db,
            "list_entries",
            call.account_id,
            wallet,
            query.since,
            query.until,
            *place_of(query.cursor, (datetime, int, str)),
            query.limit + 1,
        )
    return page_of(rows, query, ("at", "place", "entry_id"), lambda row: shown(EntryShown, row))


async def list_resources(call: Call) -> PageOf[ResourceShown]:
    """The account's resources in the order of their ids, also those that are gone."""
    query = call.asked(ResourceQuery)
    async with call.reading() as db:
        rows = await listings.list_rows(
            db,
            "list_resources",
            call.account_id,
            query.state,
            query.product,
            *place_of(query.cursor, (str,)),
            query.limit + 1,
        )
    return page_of(rows, query, ("resource_id",), _resource)


async def get_resource(call: Call) -> ResourceShown:
    """A resource as of its newest event."""
    async with call.reading() as db:
        row = await resources.find_resource(db, call.account_id, call.named("resource_id"))
    if row is None:
        raise not_there("resource")
    return _resource(row)


def _resource(row: Row) -> ResourceShown:
    return shown(ResourceShown, row, components=json.loads(row["components"]))


async def list_orders(call: Call) -> PageOf[OrderShown]:
    """The account's orders, the latest first, with what became of their items."""
    query = call.asked(OrderQuery)
    async with call.reading() as db:
        rows = await listings.list_rows(
            db,
            "list_orders",
            call.account_id,
            query.state,
            query.action,
            query.since,
            query.until,
            *place_of(query.cursor, (datetime, str)),
            query.limit + 1,
        )
        items = await listings.items_of(db, call.account_id, [row["order_id"] for row in rows])
    return page_of(
        rows, query, ("first_at", "order_id"), lambda row: _order(row, items[row["order_id"]])
    )


async def get_order(call: Call) -> OrderShown:
    """An order: how far it is, and what became of its items."""
    async with call.reading() as db:
        found = await find_order(db, call.account_id, call.named("order_id"))
    if found is None:
        raise not_there("order")
    return found


async def find_order(db: Connection, account_id: str, order_id: str) -> OrderShown | None:
    """An order as programs see it."""
    row = await listings.find_row(db, "find_order", account_id, order_id)
    if row is None:
        return None
    return _order(row, (await listings.items_of(db, account_id, [order_id]))[order_id])


def _order(row: Row, items: Sequence[Row]) -> OrderShown:
    made = [
        shown(OrderedItem, item, priced=item["priced"] and json.loads(item["priced"]))
        for item in items
    ]
    return shown(OrderShown, row, items=made)


async def list_payments(call: Call) -> PageOf[PaymentShown]:
    """The account's payments and top-ups, the latest first."""
    query = call.asked(PaymentQuery)
    async with call.reading() as db:
        rows = await listings.list_rows(
            db,
            "list_payments",
            call.account_id,
            query.state,
            query.order_id,
            query.invoice_id,
            query.since,
            query.until,
            *place_of(query.cursor, (datetime, str)),
            query.limit + 1,
        )
    return page_of(rows, query, ("first_at", "payment_id"), lambda row: shown(PaymentShown, row))


async def get_payment(call: Call) -> PaymentShown:
    """A payment or a top-up; its `url` is where it can be made."""
    async with call.reading() as db:
        found = await find_payment(db, call.account_id, call.named("payment_id"))
    if found is None:
        raise not_there("payment")
    return found


async def find_payment(db: Connection, account_id: str, payment_id: str) -> PaymentShown | None:
    """A payment as programs see it."""
    row = await listings.find_row(db, "find_payment", account_id, payment_id)
    return shown(PaymentShown, row) if row is not None else None


async def list_invoices(call: Call) -> PageOf[InvoiceSummary]:
    """The account's invoices, the latest first."""
    query = call.asked(InvoiceQuery)
    async with call.reading() as db:
        rows = await listings.list_rows(
            db,
            "list_invoices",
            call.account_id,
            query.status,
            query.resource_id,
            query.period,
            query.since,
            query.until,
            *place_of(query.cursor, (datetime, str)),
            query.limit + 1,
        )
    return page_of(rows, query, ("issued_at", "invoice_id"), lambda row: shown(InvoiceSummary, row))


async def get_invoice(call: Call) -> InvoiceShown:
    """An invoice with its lines, what was paid of it, and what corrects it."""
    account_id, invoice_id = call.account_id, call.named("invoice_id")
    async with call.reading() as db:
        row = await listings.find_row(db, "find_invoice", account_id, invoice_id)
        if row is None:
            raise not_there("invoice")
        payments = await invoices.find_payments_of(db, account_id, invoice_id)
        notes = await listings.list_rows(db, "find_credit_notes", account_id, invoice_id)
    return shown(
        InvoiceShown,
        row,
        lines=json.loads(row["lines"]),
        payments=[shown(InvoicePaymentShown, one) for one in payments if one["payment_id"]],
        credit_notes=[shown(CreditNoteShown, one) for one in notes],
    )


def page_of(
    rows: Sequence[Row], query: Paging, columns: Sequence[str], show: Callable[[Row], M]
) -> PageOf[Any]:
    """A page of rows, of which one more was read than are shown: it says whether there are more."""
    here = rows[: query.limit]
    more = cursor_at(here[-1], columns) if len(rows) > query.limit else None
    return PageOf(items=tuple(show(row) for row in here), next=more)
