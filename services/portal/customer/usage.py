"""Use that is not invoiced yet, as invoicing derives it; and what the month comes to so far."""

import uuid
from datetime import timedelta
from typing import Final

from starlette.responses import Response
from starlette.routing import Route

from services.portal import acts
from services.portal.store import answers, resources
from services.portal.web.files import csv_file
from services.portal.web.pages import render
from services.portal.web.visits import Visit, for_customers
from shared.database import Connection
from shared.messages.invoicing import UsageReportGiven
from shared.messages.upstream import UsageReportRequested
from shared.periods import BillingMonth

_FRESH: Final = timedelta(minutes=2)
"""How old an answer may be before invoicing is asked again."""
_ASKED_A_MINUTE: Final = 30
_MONTHS: Final = 6
_COLUMNS: Final = (
    "resource_id",
    "name",
    "sku",
    "description",
    "quantity",
    "minutes",
    "unit_price",
    "period_from",
    "period_to",
    "month",
    "amount",
    "vat",
)


def this_month(visit: Visit) -> BillingMonth:
    """The billing month that is under way."""
    return BillingMonth.containing(visit.at, visit.billing_zone)


def _months(visit: Visit) -> list[str]:
    return [str(one) for one in reversed(this_month(visit).last(_MONTHS))]


async def report_of(visit: Visit, period: str) -> UsageReportGiven | None:
    """What was used in a month: an answer that is fresh, or else a new one, waited for a little.

    Returns:
        The latest answer that there is; None where there is none yet.
    """
    account_id = visit.mine.account_id
    async with visit.reading() as db:
        known = await answers.find_usage_report(db, account_id, period, visit.at - _FRESH)
    if known is not None:
        return known
    request_id = uuid.uuid4().hex
    question = UsageReportRequested(request_id=request_id, account_id=account_id, period=period)
    await visit.ask(
        lambda db: acts.say(db, question, request_id, request_id, visit.at),
        limit=(f"usage {visit.login.subject}", _ASKED_A_MINUTE),
    )
    latest: UsageReportGiven | None = None

    async def look(db: Connection) -> UsageReportGiven | None:
        nonlocal latest
        latest = await answers.find_usage_report(db, account_id, period)
        return latest if latest and latest.request_id == request_id else None

    await visit.portal.until(look, visit.portal.settings.quote_wait_s)
    return latest


async def show(visit: Visit) -> Response:
    """What was used in a month, resource by resource, line by line."""
    months = _months(visit)
    period = visit.asked("period") if visit.asked("period") in months else months[0]
    report = await report_of(visit, period)
    names = await _names(visit)
    values = {"report": report, "period": period, "months": months, "names": names}
    return render(visit, "customer/usage.html", values)


async def _names(visit: Visit) -> dict[str, str]:
    async with visit.reading() as db:
        found = await resources.find_resources(db, visit.mine.account_id, with_deleted=True)
    return {row["resource_id"]: row["name"] for row in found}


async def table(visit: Visit) -> Response:
    """What was used in a month, as a file."""
    months = _months(visit)
    period = visit.asked("period") if visit.asked("period") in months else months[0]
    report = await report_of(visit, period)
    names = await _names(visit)
    used = report.resources if report else ()
    return csv_file(
        f"usage-{period}",
        _COLUMNS,
        (
            [
                one.resource_id,
                names.get(one.resource_id, ""),
                *(getattr(line, column) for column in _COLUMNS[2:]),
            ]
            for one in used
            for line in one.lines
        ),
    )


ROUTES = [
    Route("/accounts/{account_id}/usage", for_customers(show)),
    Route("/accounts/{account_id}/usage.csv", for_customers(table)),
]
