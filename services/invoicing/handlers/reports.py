"""Reports of metered use: counted each once, kept for their resource, or set apart (domain 8).

A batch never fails for one of its reports: what can't be counted becomes a message of its own, and
that one a dead letter with the reason.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from services.invoicing.domain.reports import Fault, Limits, Report, find_fault, month_of
from services.invoicing.settings import invoicing_settings
from services.invoicing.store import reports as store
from shared.database import Connection
from shared.messages import Message, NotYet, Refused, Said
from shared.messages.invoicing import UsageReportSetApart
from shared.messages.scheduler import TickDay
from shared.messages.upstream import UsageBatchRecorded, UsageRecorded
from shared.settings import settings
from shared.waiting import may_wait

UsageMessage = UsageRecorded | UsageBatchRecorded | UsageReportSetApart
Told = tuple[Report, UsageMessage]


async def usage_recorded(messages: Sequence[UsageMessage], db: Connection) -> list[Said]:
    """Count what was reported, each report once, on the invoice of its month or, where that is
    issued, on the next (domain 8)."""
    told = sorted(_told(messages), key=lambda one: one[0][:2])
    good, said = _within_limits(told)
    archived = await store.open_months(db, {report.month for report, _ in good})
    if archived:
        late = [one for one in good if one[0].month in archived]
        good = [one for one in good if one[0].month not in archived]
        said += [_answer(*one, "month_archived") for one in late]
    await store.hold_accounts(db, {report.account_id for report, _ in good})
    faults = await store.append_reports(
        db, [report for report, _ in good], settings().billing_time_zone
    )
    waiting: list[Report] = []
    for place, fault in sorted(faults.items()):
        report, message = good[place]
        if fault == "unknown_resource" and _waits(report, message):
            waiting.append(report)
        else:
            said.append(_answer(report, message, fault))
    await store.keep_waiting(db, waiting, invoicing_settings().usage_wait)
    return said


def _told(messages: Sequence[UsageMessage]) -> Iterator[Told]:
    """Every report with the message that brought it; its month is not known yet."""
    for message in messages:
        at = message.time
        match message:
            case UsageBatchRecorded():
                for one in message.reports:
                    yield (
                        Report(
                            one.resource_id,
                            one.report_id,
                            one.account_id,
                            one.meter,
                            one.quantity,
                            one.from_,
                            one.to,
                            "",
                            at,
                        ),
                        message,
                    )
            case UsageRecorded():
                named = f"{message.envelope.source}\n{message.envelope.id}"
                yield _single(message, named, at), message
            case UsageReportSetApart():
                yield _single(message, message.report_id, message.reported_at), message


def _single(one: UsageRecorded | UsageReportSetApart, report_id: str, at: datetime) -> Report:
    return Report(
        one.resource_id,
        report_id,
        one.account_id,
        one.meter,
        one.quantity,
        one.from_,
        one.to,
        "",
        at,
    )


def _within_limits(told: Sequence[Told]) -> tuple[list[Told], list[Said]]:
    """Reports with their months, and answers to those that are too early or too late.

    Many reports are about the same hour: what can be known from the times alone is found once.
    """
    zone = ZoneInfo(settings().billing_time_zone)
    own = invoicing_settings()
    limits = Limits(timedelta(seconds=own.usage_ahead_s), own.usage_months_back)
    known: dict[tuple[datetime, datetime, datetime], tuple[str, Fault | None]] = {}
    good: list[Told] = []
    said: list[Said] = []
    for report, message in told:
        times = (report.used_from, report.used_to, report.reported_at)
        if times not in known:
            month = month_of(report.used_from, report.used_to, zone)
            fault = find_fault(report.used_to, month, report.reported_at, limits, zone)
            known[times] = (str(month), fault)
        named, fault = known[times]
        if fault is None:
            good.append((report._replace(month=named), message))
        else:
            said.append(_answer(report, message, fault))
    return good, said


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
