"""Reports of metered use: counted each once, kept for their resource, or set apart (domain 8).

A batch never fails for one of its reports: what can't be counted becomes a message of its own, and
that one a dead letter with the reason.
"""

from collections.abc import Sequence
from datetime import timedelta

from services.invoicing.domain.reports import Fault, Limits, Report
from services.invoicing.settings import invoicing_settings
from services.invoicing.store import reports as store
from services.invoicing.store.reports import Columns
from shared.database import Connection
from shared.messages import Message, NotYet, Refused, Said
from shared.messages.invoicing import UsageReportSetApart
from shared.messages.scheduler import TickDay
from shared.messages.upstream import UsageBatchRecorded, UsageRecorded
from shared.settings import settings
from shared.waiting import may_wait

UsageMessage = UsageRecorded | UsageBatchRecorded | UsageReportSetApart


async def usage_recorded(messages: Sequence[UsageMessage], db: Connection) -> list[Said]:
    """Count what was reported, each report once, on the invoice of its month or, where that is
    issued, on the next (domain 8)."""
    columns, causes = _told(messages)
    await store.hold_accounts(db, set(columns[2]))
    own = invoicing_settings()
    limits = Limits(
        settings().billing_time_zone, timedelta(seconds=own.usage_ahead_s), own.usage_months_back
    )
    said: list[Said] = []
    waiting: list[Report] = []
    for place, fault in await store.append_reports(db, columns, limits):
        report = Report(*(column[place] for column in columns))
        message = causes[place]
        if fault == "unknown_resource" and _waits(report, message):
            waiting.append(report)
        else:
            said.append(_answer(report, message, fault))
    await store.keep_waiting(db, waiting, own.usage_wait)
    return said


def _told(messages: Sequence[UsageMessage]) -> tuple[Columns, list[UsageMessage]]:
    """Every report, field by field, and the message that brought it."""
    batches = [one for one in messages if isinstance(one, UsageBatchRecorded)]
    singles = [one for one in messages if not isinstance(one, UsageBatchRecorded)]
    reports = [report for batch in batches for report in batch.reports]
    columns = store.columns_of([_single(one) for one in singles])
    columns[0] += [one.resource_id for one in reports]
    columns[1] += [one.report_id for one in reports]
    columns[2] += [one.account_id for one in reports]
    columns[3] += [one.meter for one in reports]
    columns[4] += [one.quantity for one in reports]
    columns[5] += [one.from_ for one in reports]
    columns[6] += [one.to for one in reports]
    causes: list[UsageMessage] = [*singles]
    for batch in batches:
        columns[7] += [batch.time] * len(batch.reports)
        causes += [batch] * len(batch.reports)
    return columns, causes


def _single(one: UsageRecorded | UsageReportSetApart) -> Report:
    if isinstance(one, UsageRecorded):
        report_id, at = f"{one.envelope.source}\n{one.envelope.id}", one.time
    else:
        report_id, at = one.report_id, one.reported_at
    return Report(
        one.resource_id,
        report_id,
        one.account_id,
        one.meter,
        one.quantity,
        one.from_,
        one.to,
        at,
    )


def _waits(report: Report, message: UsageMessage) -> bool:
    """Whether a report may wait, or wait on, for its resource."""
    return message.time < report.reported_at + invoicing_settings().usage_wait


def _answer(report: Report, message: UsageMessage, fault: Fault) -> Said:
    """What becomes of a report that can't be counted."""
    if isinstance(message, UsageBatchRecorded):
        return set_apart(report, message)
    if fault == "unknown_meter" and may_wait(message):
        return NotYet(message, fault)
    detail = f"{report.meter} of {report.resource_id} until {report.used_to.isoformat()}"
    return Refused(message, fault, detail)


def set_apart(report: Report, cause: Message) -> UsageReportSetApart:
    """A report as a message of its own."""
    return UsageReportSetApart.model_validate(
        {
            "account_id": report.account_id,
            "resource_id": report.resource_id,
            "report_id": report.report_id,
            "meter": report.meter,
            "quantity": report.quantity,
            "from": report.used_from,
            "to": report.used_to,
            "reported_at": report.reported_at,
        }
    ).because(cause, key="\n".join(map(str, report)))


async def take_up(causes: dict[str, Message], db: Connection) -> list[Said]:
    """Set apart what waited for resources, which are known now."""
    if not causes:
        return []
    waited = await store.take_waiting(db, causes)
    return [set_apart(report, causes[report.resource_id]) for report in waited]


async def look_again(ticks: Sequence[TickDay], db: Connection) -> list[Said]:
    """Set apart what has waited long enough, and what waits though its resource is known."""
    last = max(ticks, key=lambda tick: tick.time)
    return [set_apart(report, last) for report in await store.take_waited(db, last.time)]
