"""`cloudtill citus`: the SQL that spreads the tables over many Postgres servers (docs/capacity.md).

Made from the schema itself: a table whose primary key begins with `account_id` is spread by it,
beside the others of its service. What else there is stands on every server, or on one only; a test
fails where a new table is neither.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import typer

from services.cli.console import database, finish
from services.registry import SCHEMAS
from shared.database import Connection
from shared.sql import Statements

sql = Statements("services.cli", "citus.sql")

Place = Literal["spread", "everywhere", "one server"]

NOT_SPREAD: Final = frozenset({"gateways", "notifications", "scheduler"})
"""Services whose tables are queues in real time, from which workers take across all accounts, and
what is written about these: each has one server, and its own address in the settings."""

EVERYWHERE: Final[Mapping[str, frozenset[str]]] = {
    "billing": frozenset({"product_version", "price", "coupon"}),
    "provisioning": frozenset({"product_version"}),
    "invoicing": frozenset({"product_version", "price", "usage_month"}),
    "portal": frozenset({"product", "price"}),
}
"""The catalogue: small, and joined with everything."""

ONE_SERVER: Final[Mapping[str, frozenset[str]]] = {
    "invoicing": frozenset(
        {"invoice_series", "run", "run_range", "run_total", "run_report", "run_report_total"}
    ),
    "portal": frozenset(
        {
            "act",
            "allowance",
            "event_month",
            "member",
            "month_quarantine",
            "month_range",
            "month_run",
            "reported_letter",
            "session",
        }
    ),
}
"""Of all accounts together, or of people instead: invoice numbers, runs, logins, acts."""

_MESSAGING: Final = frozenset(
    {"dead_letter", "inbox", "inbox_day", "migration", "outbox", "suspect"}
)

SEEN_BY_AUDIT: Final[Mapping[str, str]] = {
    "invoicing.invoice_adds_up": "invoices_add_up",
    "invoicing.invoice_is_of_a_series": "invoice_numbers",
    "invoicing.invoice_refers": "use_is_invoiced_once",
    "invoicing.invoice_state_agrees": "invoices_paid_once",
    "wallet.holds_add_up": "wallet_holds",
    "wallet.new_holds_add_up": "wallet_holds",
    "wallet.transfers_continue": "ledger_continues",
    "wallet.wallets_stand": "wallet_balances",
}
"""Triggers that look at all rows of a statement together with a table; a server with a part of
that can not. The check of `cloudtill audit` beside each sees what it would have refused."""

_OF_EARLIER_RELEASE: Final = "_of_earlier_release"
"""How triggers end that only serve workers which know no account yet."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a service. `leans_on` are those that its foreign keys refer to."""

    service: str
    name: str
    key: tuple[str, ...]
    leans_on: frozenset[str]

    @property
    def place(self) -> Place | None:
        """Where its rows lie; None where nobody has said so yet."""
        if self.service in NOT_SPREAD or self.name in _MESSAGING:
            return "one server"
        if self.name in EVERYWHERE.get(self.service, ()):
            return "everywhere"
        if self.name in ONE_SERVER.get(self.service, ()):
            return "one server"
        return "spread" if self.key[:1] == ("account_id",) else None


async def find_tables(db: Connection) -> list[Table]:
    """All tables of all services, those first that others lean on."""
    rows = await db.fetch(sql.find_tables, [service.name for service in SCHEMAS])
    return _in_order(
        Table(row["service"], row["name"], tuple(row["key"]), frozenset(row["leans_on"]))
        for row in rows
    )


def _in_order(tables: Iterable[Table]) -> list[Table]:
    """Tables after those that they lean on; where two lean on each other, by name."""
    left = sorted(tables, key=lambda table: (table.service, table.name))
    ordered: list[Table] = []
    while left:
        waiting = {(table.service, table.name) for table in left}
        free = [
            table
            for table in left
            if not any((table.service, name) in waiting for name in table.leans_on - {table.name})
        ]
        ordered += free or left[:1]
        left = [table for table in left if table not in ordered]
    return ordered


def citus() -> None:
    """Print the SQL that spreads the tables by account over a cluster of Postgres with Citus.

    To be run once, by the owner of the database, after `cloudtill migrate`, with no worker at work.

    Example: cloudtill citus | psql -v ON_ERROR_STOP=1 $CLOUDTILL_DATABASE_URL
    """
    typer.echo(finish(_printed()))


async def _printed() -> str:
    async with database() as db:
        return "\n".join(await statements(db))


async def statements(db: Connection) -> list[str]:
    """What spreads the tables of all services, a statement a line."""
    tables = await find_tables(db)
    said = [
        "create extension if not exists citus;",
        "set citus.enable_unsafe_triggers = on; -- each looks at rows of its own account only",
    ]
    for service in sorted({table.service for table in tables if table.place == "spread"}):
        said += ["", f"-- {service}"]
        said += await _of_service(db, service, [one for one in tables if one.service == service])
    return said


async def _of_service(db: Connection, service: str, tables: Sequence[Table]) -> list[str]:
    spread = [table.name for table in tables if table.place == "spread"]
    said: list[str] = []
    for row in await db.fetch(sql.find_triggers_that_look_around, service, spread):
        trigger = f"{service}.{row['name']}"
        if row["name"].endswith(_OF_EARLIER_RELEASE):
            said.append(f"drop trigger {row['name']} on {service}.{row['table']};")
        elif trigger in SEEN_BY_AUDIT:
            said.append(
                f"drop trigger {row['name']} on {service}.{row['table']};"
                f" -- the audit sees it: {SEEN_BY_AUDIT[trigger]}"
            )
        else:
            said.append(
                f"alter function {service}.{row['function']}() set search_path = {service};"
            )
    for row in await db.fetch(sql.find_keys_of_all_accounts, service, spread):
        said += [f"{row['dropped']};", f"{row['with_account']};"]
    back = await db.fetch(sql.find_circles, service, spread, [table.name for table in tables])
    said += [f"alter table {service}.{row['table']} drop constraint {row['name']};" for row in back]
    said += [
        f"select create_reference_table('{service}.{table.name}');"
        for table in tables
        if table.place == "everywhere"
    ]
    for number, name in enumerate(spread):
        beside = f"{service}.{spread[0]}" if number else "none"
        said.append(
            f"select create_distributed_table('{service}.{name}', 'account_id',"
            f" colocate_with => '{beside}');"
        )
    said += [
        f"alter table {service}.{row['table']} add constraint {row['name']} {row['definition']};"
        for row in back
    ]
    return said
