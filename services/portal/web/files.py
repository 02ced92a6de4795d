"""Tables as files that spreadsheets open."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from starlette.responses import Response

_MARK: Final = "\ufeff"
"""By which spreadsheets know that a file is UTF-8."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def csv_file(name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """A table as CSV: amounts in smallest units, times in RFC 3339.

    Text that a spreadsheet would run as a formula is marked as text.
    """
    written = io.StringIO()
    written.write(_MARK)
    table = csv.writer(written)
    table.writerow(columns)
    table.writerows([[_cell(value) for value in row] for row in rows])
    return Response(
        written.getvalue(),
        media_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{name}.csv"',
            "Cache-Control": "no-store",
        },
    )


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return value.isoformat()
        case Decimal():
            return f"{value:f}"
        case str() if value.startswith(_FORMULA):
            return f"'{value}"
        case _:
            return str(value)
