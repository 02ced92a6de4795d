"""What an invoice was made of, for whoever derives its lines again."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.invoicing.domain.derivation import (
    Derived,
    Line,
    Piece,
    Report,
    Sources,
    Tariff,
    Use,
    derive,
)
from services.invoicing.store.show import show_lines
from shared.database import Connection
from shared.sql import Statements

sql = Statements("services.invoicing.store", "explaining.sql")


async def explain_invoice(db: Connection, invoice: Mapping[str, Any]) -> Sequence[Derived]:
    """Each line of an invoice, derived again from what it stands for.

    Args:
        db: sees the schema of invoicing.
        invoice: as `show_invoice` answers.
    """
    lines = [_line(row) for row in await show_lines(db, invoice["invoice_id"])]
    return derive(lines, await _find_sources(db, invoice, lines))


def _line(row: Mapping[str, Any]) -> Line:
    fields = {name: row[name] for name in Line.__dataclass_fields__}
    return Line(**fields | {"discount_rate": row["discount_rate"] or 0})


async def _find_sources(
    db: Connection, invoice: Mapping[str, Any], lines: Sequence[Line]
) -> Sources:
    account_id, resource_id = invoice["account_id"], invoice["resource_id"]
    months = sorted({one.month or invoice["period"] or "" for one in lines})
    uses = await db.fetch(sql.find_uses, account_id, resource_id)
    tariffs = await db.fetch(sql.find_tariffs, resource_id, invoice["currency"])
    reports = await db.fetch(sql.find_reports, account_id, resource_id, months)
    pieces = await db.fetch(sql.find_pieces, account_id, resource_id)
    return Sources(
        kind=invoice["kind"],
        period=invoice["period"],
        subunits=await db.fetchval(sql.find_subunits, account_id),
        uses=[Use(**dict(row)) for row in uses],
        tariffs=[Tariff(**dict(row)) for row in tariffs],
        reports=[Report(**dict(row)) for row in reports],
        pieces=[Piece(**dict(row)) for row in pieces],
    )
