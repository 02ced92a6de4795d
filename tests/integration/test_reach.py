"""Which statements reach the rows of all accounts, and why (docs/capacity.md).

A new one fails here until it is named with its reason, or says which accounts it means.
"""

import re
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from pathlib import Path

import pytest

from services.cli.citus import find_tables
from services.registry import SCHEMAS
from shared.database import Connection, connect
from tests.integration.reach import Reach, reach_of
from tests.integration.test_statements import statements_of

DOCUMENT = (Path(__file__).parents[2] / "docs" / "capacity.md").read_text()

IDS = "a group of messages is of many accounts, and its ids are looked up at once"
MONTH = "the month's run goes by ranges of accounts and by runs of numbers"
DUE = "ticks look for whatever is due"
ARCHIVE = "a month is archived for all accounts"
PORTAL = "the portal follows, sends, forgets and searches for all"
PEOPLE = "people have an id and not its account"

REACH_ALL: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    IDS: {
        "billing": (
            "holds.sql: find_held",
            "holds.sql: find_holds",
            "holds.sql: find_orders_of",
            "holds.sql: lock_states",
            "orders.sql: begin_provisioning",
            "orders.sql: cancel_orders",
            "orders.sql: find_fingerprints",
            "orders.sql: find_items",
            "orders.sql: find_ordered_resources",
            "orders.sql: lock_orders",
            "payments.sql: find_credit_notes",
            "payments.sql: find_payments",
            "payments.sql: find_receipts",
            "payments.sql: find_topped_up",
            "payments.sql: get_payments",
            "payments.sql: lock_charged_payments",
            "payments.sql: lock_payments",
            "renewals.sql: conclude_attempts",
            "resources.sql: end_busy",
            "resources.sql: find_pieces",
            "resources.sql: find_resources",
            "resources.sql: keep_busy",
            "resources.sql: lock_resources",
        ),
        "wallet": (
            "queries.sql: find_decided_charges",
            "queries.sql: find_hold_changes",
            "queries.sql: find_transfers",
            "queries.sql: lock_holds",
        ),
        "provisioning": (
            "queries.sql: find_ordered",
            "queries.sql: find_requests",
            "queries.sql: lock_resources",
            "queries.sql: lock_resources_of_requests",
        ),
        "invoicing": (
            "holds.sql: find_costs",
            "holds.sql: lock_holds",
            "holds.sql: lock_holds_of_payments",
            "payments.sql: conclude_collections",
            "payments.sql: find_collections",
            "payments.sql: find_credit_notes",
            "payments.sql: find_payments",
            "payments.sql: lock_balances",
            "reports.sql: append_reports",
            "reports.sql: take_waiting",
            "usage.sql: lock_resources",
        ),
    },
    MONTH: {
        "invoicing": (
            "invoices.sql: find_owed_to_customers",
            "invoices.sql: write_invoices",
            "month.sql: conclude_final_invoices",
            "month.sql: find_earliest_open_use",
            "month.sql: issue_invoices",
            "month.sql: lock_accounts_of_range",
            "runs.sql: append_ranges",
            "runs.sql: append_reports",
            "runs.sql: append_totals",
            "runs.sql: find_quarantined",
        ),
    },
    DUE: {
        "billing": (
            "payments.sql: find_overdue_requests",
            "poc.sql: take_reminders",
            "renewals.sql: expire_renewals",
            "renewals.sql: lapse_attempts",
            "renewals.sql: take_reminders",
        ),
        "provisioning": (
            "queries.sql: find_overdue_requests",
            "queries.sql: lock_due_resources",
        ),
        "invoicing": (
            "holds.sql: cut_accounts",
            "holds.sql: find_invoices_to_pay",
            "holds.sql: find_open_holds",
            "holds.sql: open_missing_holds",
            "payments.sql: begin_day",
            "payments.sql: cut_open_accounts",
            "payments.sql: find_settled",
            "reports.sql: take_waited",
        ),
    },
    ARCHIVE: {
        "invoicing": (
            "reports.sql: close_usage_month",
            "reports.sql: find_month_standing",
            "reports.sql: forget_keys",
        ),
    },
    PORTAL: {
        "portal": (
            "accounts.sql: search_accounts",
            "api_keys.sql: find_key",
            "api_keys.sql: forget_answers",
            "events.sql: find_news",
            "events.sql: get_position",
            "finding.sql: find_by_words",
            "finding.sql: find_recorded_transfer",
            "saving.sql: forget_quotes",
            "webhooks.sql: claim_deliveries",
            "webhooks.sql: forget_deliveries",
        ),
    },
    PEOPLE: {
        "billing": (
            "orders.sql: show_items",
            "orders.sql: show_order",
            "payments.sql: show_payment",
            "payments.sql: show_refunds",
            "renewals.sql: show_attempts",
            "resources.sql: show_pieces",
            "resources.sql: show_resource",
        ),
        "wallet": ("queries.sql: show_hold_changes",),
        "provisioning": ("queries.sql: show_requests", "queries.sql: show_resource"),
        "invoicing": (
            "explaining.sql: find_tariffs",
            "holds.sql: show_hold",
            "show.sql: find_gaps",
            "show.sql: show_credit_notes",
            "show.sql: show_invoice",
            "show.sql: show_invoice_payments",
            "show.sql: show_invoices_of_order",
            "show.sql: show_invoices_of_resource",
            "show.sql: show_lines",
            "show.sql: show_quarantine",
            "show.sql: show_run",
            "show.sql: show_segments",
        ),
    },
}
"""Statements by the reason why they can't name accounts."""


def named() -> Iterator[tuple[str, str]]:
    """Each statement that is named above, with its reason."""
    for reason, services in REACH_ALL.items():
        for service, statements in services.items():
            for statement in statements:
                yield f"{service} {statement}", reason


@pytest.fixture
async def reaches(database_url: str) -> AsyncIterator[dict[str, Reach]]:
    """What each statement reaches that reads a table which is spread by account."""
    db = await connect(database_url)
    try:
        tables = await find_tables(db)
        found: dict[str, Reach] = {}
        for service in SCHEMAS:
            own = (one for one in tables if one.service == service.name)
            spread = {one.name: one.name for one in own if one.place == "spread"}
            transaction = db.transaction()
            await transaction.start()
            await db.execute(f"set local search_path to {service.name}")
            await _add_partitions(db, spread)
            for name, statement in statements_of(service):
                if _is_planned(statement) and (reach := await reach_of(db, statement, spread)):
                    found[f"{service.name} {name}"] = reach
            await transaction.rollback()
        yield found
    finally:
        await db.close()


async def _add_partitions(db: Connection, spread: dict[str, str]) -> None:
    """Give tables that are made of partitions one, so that they are seen in plans."""
    made_of_parts = await db.fetch(
        "select relname from pg_class where relnamespace = current_schema()::regnamespace"
        " and relkind = 'p' and relname = any ($1)",
        list(spread),
    )
    for (name,) in made_of_parts:
        await db.execute(f"create table {name}_rest partition of {name} default")
        spread[f"{name}_rest"] = name


def _is_planned(statement: str) -> bool:
    return not re.match(r"/\*.*?\*/ set ", statement)


def test_no_statement_is_named_twice() -> None:
    assert len(dict(named())) == len(list(named()))


async def test_what_reaches_all_accounts_is_named_with_its_reason(
    reaches: dict[str, Reach],
) -> None:
    assert {name for name, reach in reaches.items() if reach.everywhere} == dict(named()).keys()


async def test_the_document_counts_them(reaches: dict[str, Reach]) -> None:
    reasons = [reason for _, reason in named()]
    assert f"{len(reasons)} of the {len(reaches)} named statements" in DOCUMENT
    rows = re.findall(r"^\| (\d+) \| (.*) \| (.*) \|$", DOCUMENT, re.MULTILINE)
    assert {why: int(count) for count, _, why in rows} == {
        reason: reasons.count(reason) for reason in REACH_ALL
    }
    for _, examples, why in rows:
        group = [name.rpartition(" ")[2] for name, reason in named() if reason == why]
        for example in re.findall(r"`(\w+)(?:\.\.\.)?`", examples):
            assert any(name.startswith(example) for name in group), f"{example}: not {why}"
    locks = [reach for reach in reaches.values() if reach.locks]
    blind = [reach for reach in locks if reach.everywhere]
    assert f"{len(locks)} statements hold rows" in DOCUMENT
    assert f"{len(blind)} of them don't know the accounts" in DOCUMENT


async def test_a_statement_that_names_its_accounts_is_told_from_one_that_does_not(
    database_url: str,
) -> None:
    spread = {"resource": "resource", "term_piece": "term_piece"}
    from_given = "from unnest($1::text[]) as given (account_id)"
    cases: dict[str, Collection[str] | None] = {
        "select from resource where account_id = $1": set(),
        "select from resource where account_id = any ($1::text[])": set(),
        f"select {from_given} join resource using (account_id)": set(),
        f"select {from_given} join resource using (account_id)"
        " join term_piece using (account_id, resource_id)": set(),
        "select from resource where account_id >= $1": {"resource"},
        "select from resource where resource_id = $1": {"resource"},
        "select from resource join term_piece using (account_id, resource_id)"
        " where resource_id = $1": {"resource", "term_piece"},
        f"select {from_given} join resource using (account_id), term_piece": {"term_piece"},
        "delete from resource": {"resource"},
        "select from price": None,
    }
    db = await connect(database_url)
    try:
        async with db.transaction():
            await db.execute("set local search_path to billing")
            for statement, everywhere in cases.items():
                reach = await reach_of(db, statement, spread)
                assert (None if reach is None else set(reach.everywhere)) == everywhere, statement
            held = await reach_of(db, "select from resource for update", spread)
            assert held
            assert held.locks
    finally:
        await db.close()
