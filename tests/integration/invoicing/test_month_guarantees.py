"""What an invoice, its lines and its state refer to is there and stays, by the schema; the close
report of a month grows with what is invoiced after it."""

import asyncpg
import pytest

from services.invoicing import store
from shared.messages.invoicing import InvoiceRunAccountRequested, InvoiceRunCompleted
from tests.builders import said
from tests.integration.invoicing.house import (
    Invoicing,
    hanoi,
    month_over,
    of_type,
    price,
    product,
    provisioned,
    registered,
)

NOVEMBER, TICK = hanoi("2026-11-01 00:00"), hanoi("2026-12-01 00:05")
_ANOTHER_INVOICE = """
    insert into invoice (invoice_id, series, number, account_id, resource_id, kind, period_from,
                         period_to, currency, net, vat, gross, issued_at, due_at)
    select 'planted', {series}, 9, {account}, {resource}, 'final', period_from, period_to, currency,
           0, 0, 0, issued_at, due_at from invoice
"""


async def _closed_month(invoicing: Invoicing) -> None:
    await invoicing.hear(registered(), registered("acc-2"), product(), price(300_000))
    await invoicing.hear(provisioned(NOVEMBER))
    await invoicing.settle(month_over("2026-11", TICK))


@pytest.mark.parametrize(
    ("series", "account", "resource"),
    [
        ("'1999A'", "account_id", "resource_id"),
        ("series", "'nobody'", "resource_id"),
        ("series", "'acc-2'", "resource_id"),
        ("series", "account_id", "'nothing'"),
    ],
)
async def test_no_invoice_is_of_what_does_not_exist(
    invoicing: Invoicing, series: str, account: str, resource: str
) -> None:
    await _closed_month(invoicing)
    statement = _ANOTHER_INVOICE.format(series=series, account=account, resource=resource)
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await invoicing.rows(statement)


@pytest.mark.parametrize(
    "statement",
    [
        """insert into invoice_line (account_id, invoice_id, position, sku, description, quantity,
                                     unit_price, amount, vat, vat_rate, vat_included)
           values ('acc-1', 'nothing', 1, 'cpu', 'cpu', 1, 0, 0, 0, 0, true)""",
        """insert into invoice_line (account_id, invoice_id, position, sku, description, quantity,
                                     unit_price, amount, vat, vat_rate, vat_included)
           select 'acc-2', invoice_id, 9, 'cpu', 'cpu', 1, gross, gross, vat, 0.1, true
           from invoice""",
        """insert into invoice_state (invoice_id, account_id, gross, paid, issued_at)
           values ('nothing', 'acc-1', 0, 0, now())""",
    ],
)
async def test_no_line_and_no_state_is_of_no_invoice(invoicing: Invoicing, statement: str) -> None:
    await _closed_month(invoicing)
    with pytest.raises(asyncpg.CheckViolationError):
        await invoicing.rows(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "delete from resource",
        "update resource set resource_id = 'another'",
        "update resource set account_id = 'acc-2'",
        "delete from account",
        "update account set account_id = 'another'",
        "delete from invoice_series",
        "update invoice_series set series = '1999A'",
        "delete from invoice",
        "update run_total set gross = gross",
        "delete from run_report_total",
        "update run_report set checksum = 0",
    ],
)
async def test_what_invoices_refer_to_stays(invoicing: Invoicing, statement: str) -> None:
    await _closed_month(invoicing)
    with pytest.raises(asyncpg.RestrictViolationError):
        await invoicing.rows(statement)


async def test_an_account_that_is_run_again_alone_is_in_the_next_close_report(
    invoicing: Invoicing,
) -> None:
    await invoicing.hear(registered("a"), registered("b"), product(), price(300_000))
    await invoicing.hear(
        provisioned(NOVEMBER, "res-a", account_id="a"),
        provisioned(NOVEMBER, "res-b", account_id="b", components=[("gpu", 1)]),
    )
    await invoicing.settle(month_over("2026-11", TICK))
    async with invoicing.open_database("invoicing") as db:
        first = await store.show_report(db, "2026-11")
    assert first is not None
    assert (first["revision"], first["invoices"], first["quarantined"]) == (1, 1, 1)
    await invoicing.hear(price(90_000, sku="gpu"))
    again = InvoiceRunAccountRequested(
        period="2026-11", account_id="b", requested_by="operator", reason="price published"
    )
    answers = await invoicing.settle(said(again, at=TICK))
    assert of_type(answers, InvoiceRunCompleted) == []
    async with invoicing.open_database("invoicing") as db:
        second = await store.show_report(db, "2026-11")
    assert second is not None
    assert (second["revision"], second["resources"], second["invoices"]) == (2, 2, 2)
    assert second["totals"]["VND"]["gross"] == 390_000
    assert second["checksum"] != first["checksum"]


async def test_a_run_over_missed_months_counts_each_resource_once(invoicing: Invoicing) -> None:
    await invoicing.hear(registered(), product(), price(300_000))
    await invoicing.hear(provisioned(hanoi("2026-09-11 00:00")))
    await invoicing.settle(month_over("2026-11", TICK))
    async with invoicing.open_database("invoicing") as db:
        report = await store.show_report(db, "2026-11")
    assert report is not None
    assert (report["resources"], report["invoices"], report["adjustments"]) == (1, 3, 0)
