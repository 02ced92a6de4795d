"""What an account used in a month and is not invoiced yet, for pages that ask."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from services.invoicing.store import catalogue, invoices, month
from services.invoicing.store.month import Issued, Stretch
from shared.database import Connection
from shared.messages import Said
from shared.messages.invoicing import (
    INVOICES_IN_A_MESSAGE,
    Invoice,
    ResourceUsage,
    UsageReportGiven,
)
from shared.messages.upstream import UsageReportRequested
from shared.periods import BillingMonth, to_minute
from shared.settings import settings

_UNBILLABLE: Final = "no_price"


class _TakenBack(Exception):
    """Ends a savepoint: what was derived is known, and nothing of it stays."""

    def __init__(self, issued: Issued, written: Sequence[str]) -> None:
        super().__init__()
        self.issued = issued
        self.written = written


async def usage_report_requested(
    questions: Sequence[UsageReportRequested], db: Connection
) -> list[Said]:
    """Derive what each account used so far, by the very statement that invoices it.

    It is invoiced in a savepoint that is taken back, so that a report can't differ from the
    invoice that follows, and nothing is kept.
    """
    zone = ZoneInfo(settings().billing_time_zone)
    accounts = await catalogue.find_accounts(db, {one.account_id for one in questions})
    said: list[Said] = []
    for question in questions:
        due = BillingMonth.parse(question.period)
        until = min(to_minute(question.time), due.end(zone))
        if question.account_id not in accounts:
            said.append(_given(question, until, reason="unknown_account"))
        elif until <= due.start(zone):
            said.append(_given(question, until))
        else:
            issued, told = await _derived(question, due, until, zone, db)
            reason = _UNBILLABLE if issued.unbillable else None
            said.append(_given(question, until, told, reason))
    return said


async def _derived(
    question: UsageReportRequested,
    due: BillingMonth,
    until: datetime,
    zone: ZoneInfo,
    db: Connection,
) -> tuple[Issued, list[Invoice]]:
    """What would be invoiced were the month to end now."""
    try:
        async with db.transaction():
            issued = await month.issue_invoices(
                db,
                Stretch(
                    kind="usage",
                    first_account=question.account_id,
                    next_account=f"{question.account_id} ",
                    start=due.start(zone),
                    end=until,
                    corrections_of=str(due),
                    period=str(due),
                ),
                BillingMonth.containing(until, zone).year,
                until,
                until,
            )
            raise _TakenBack(issued, await invoices.write_invoices(db, issued.numbers))
    except _TakenBack as derived:
        return derived.issued, [Invoice.model_validate_json(one) for one in derived.written]


def _given(
    question: UsageReportRequested,
    until: datetime,
    used: Sequence[Invoice] = (),
    reason: str | None = None,
) -> UsageReportGiven:
    return UsageReportGiven(
        request_id=question.request_id,
        account_id=question.account_id,
        period=question.period,
        until=until,
        currency=used[0].currency if used else None,
        resources=tuple(
            ResourceUsage(
                resource_id=one.resource_id,
                lines=one.lines,
                net=one.net,
                vat=one.vat,
                gross=one.gross,
            )
            for one in used[:INVOICES_IN_A_MESSAGE]
        ),
        net=sum(one.net for one in used),
        vat=sum(one.vat for one in used),
        gross=sum(one.gross for one in used),
        reason=reason,
    ).because(question)
