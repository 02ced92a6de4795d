"""`cloudtill usage`: what was reported of metered use."""

from typing import Annotated

import typer

from services.cli.console import Failure, console, database, finish, schema
from services.invoicing.store import reports
from shared.periods import BillingMonth

app = typer.Typer(help="Reports of metered use.", no_args_is_help=True, name="usage")


@app.callback()
def usage() -> None:
    """Reports of metered use."""


@app.command()
def archive(
    period: Annotated[str, typer.Argument(help="The billing month, such as 2025-11.")],
) -> None:
    """Set the reports of a billing month aside, once all of them are on invoices.

    Its table is detached, to be dumped and dropped; reports that still come for that month are
    refused from then on, and lines of its metered use can't be derived again. May be run again at
    any time: what is archived stays so.

    Example: cloudtill usage archive 2025-11
    """
    try:
        month = str(BillingMonth.parse(period))
    except ValueError as error:
        raise Failure(str(error), code=2) from None
    console.print(finish(_archive(month)), markup=False, soft_wrap=True)


async def _archive(month: str) -> str:
    async with database() as db, schema(db, "invoicing"):
        table = await reports.archive_month(db, month)
        if table is not None:
            return (
                f"{month} is archived: its reports are in invoicing.{table}, which may be dropped"
            )
        standing = await reports.find_month_standing(db, month)
    if standing is None:
        return f"nothing was reported of {month}: there is nothing to archive"
    if standing.is_archived:
        return f"{month} is archived already"
    raise Failure(f"{month} can't be archived yet: {standing.missing}")
