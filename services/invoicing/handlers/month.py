"""The month's end: a run, cut into ranges of accounts that all workers share (domain 3.3)."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Final
from zoneinfo import ZoneInfo

from services.invoicing.domain.invoices import in_messages
from services.invoicing.domain.usage import months_to_close
from services.invoicing.handlers.captures import collect_from_holds
from services.invoicing.handlers.giving_back import give_back
from services.invoicing.store import invoices, month, runs
from services.invoicing.store.month import Issued, Stretch
from services.invoicing.store.runs import Begun, LeftOut, Range, RangeKey
from shared.database import Connection
from shared.messages import Message, NotYet, Refused, Said
from shared.messages.invoicing import (
    InvoiceRunAccountQuarantined,
    InvoiceRunAccountRequested,
    InvoiceRunAccountResolved,
    InvoiceRunBegan,
    InvoiceRunCompleted,
    InvoiceRunProgressed,
    MonthRangeClosed,
    MonthRangeDue,
    WrittenInvoicesIssued,
)
from shared.messages.scheduler import TickMonth
from shared.periods import BillingMonth
from shared.settings import settings

RANGES_AT_ONCE: Final = 1
"""Of a group's ranges, those that are worked on in its transaction. The others are passed on: to
whichever worker is free, and so that nothing else in the queue waits behind them."""


def _zone() -> ZoneInfo:
    return ZoneInfo(settings().billing_time_zone)


async def tick_month(ticks: Sequence[TickMonth], db: Connection) -> list[Said]:
    """Begin the run of a month that is over; a second tick for it changes nothing.

    As many ranges are handed out as may be in hand at once. Whoever is done with one hands out the
    next, so that a run's messages in the queue are few however many ranges it has.
    """
    said: list[Said] = []
    for tick in sorted(ticks, key=lambda one: one.period):
        if tick.time < BillingMonth.parse(tick.period).end(_zone()):
            said.append(Refused(tick, "month_not_over", f"{tick.period} is not over yet"))
        elif await runs.save_run(db, tick.period, tick.time):
            begun = await runs.find_runs(db, [tick.period])
            began = InvoiceRunBegan(period=tick.period, ranges=begun[tick.period].ranges)
            said.append(began.because(tick, key=tick.period))
            said += await _hand_out(tick.period, settings().run_width, tick, db)
    return said


async def _hand_out(period: str, at_most: int, cause: Message, db: Connection) -> list[Message]:
    return [
        MonthRangeDue(
            period=period,
            range_number=one.key.range_number,
            first_account=one.first_account,
            next_account=one.next_account,
        ).because(cause, key=str(one.key.range_number))
        for one in await runs.hand_out_ranges(db, period, at_most)
    ]


async def month_range_due(messages: Sequence[MonthRangeDue], db: Connection) -> list[Said]:
    """Invoice a range of accounts and hand out the next one; pass on the others of the group.

    A range that the run does not have yet is one of accounts that are run again by themselves, as
    releases before `invoice_run.account_requested` asked for it.
    One that ends as a dead letter is in hand until it is replayed, and the others go on without
    it; once as many lie there as may be in hand, the run waits for the operator.
    """
    due = {
        RangeKey(one.period, one.range_number): one
        for one in sorted(messages, key=lambda one: (one.period, one.range_number))
    }
    now = dict(list(due.items())[:RANGES_AT_ONCE])
    said: list[Said] = [
        MonthRangeDue(**one.model_dump()).because(one, key="passed on")
        for key, one in due.items()
        if key not in now
    ]
    begun = await runs.find_runs(db, {key.period for key in now})
    known = await runs.lock_ranges(db, now)
    for key, message in now.items():
        if key.period not in begun:
            said.append(NotYet(message, "unknown_run"))
            continue
        one = known.get(key)
        if one is None:
            one = Range(
                key,
                message.first_account,
                message.next_account,
                begun[key.period].tick_at,
                done=False,
            )
            await runs.append_range(db, one)
        if not one.done:
            said += await _invoice_range(one, begun[key.period], message, db)
            if key in known:
                said += await _hand_out(key.period, 1, message, db)
    return said


async def invoice_run_account_requested(
    requests: Sequence[InvoiceRunAccountRequested], db: Connection
) -> list[Said]:
    """Run months again for accounts alone: each is one more range of its month's run."""
    begun = await runs.find_runs(db, {one.period for one in requests})
    said: list[Said] = []
    for request in sorted(requests, key=lambda one: (one.period, one.account_id)):
        run = begun.get(request.period)
        if run is None:
            detail = f"{request.period} was never run"
            said.append(Refused(request, "unknown_run", detail))
            continue
        one = await runs.append_account_range(db, request.period, request.account_id, run)
        said += await _invoice_range(one, run, request, db, alone=request.account_id)
    return said


async def _invoice_range(
    one: Range, run: Begun, cause: Message, db: Connection, alone: str | None = None
) -> list[Said]:
    """Close all months of a range that are still open, oldest first, up to the run's, and have
    paid by holds what these are for."""
    zone = _zone()
    accounts = (one.first_account, one.next_account)
    await month.lock_accounts_of_range(db, *accounts)
    before = await runs.find_quarantined(db, *accounts)
    earliest = await month.find_earliest_open_use(db, *accounts, zone.key)
    said: list[Said] = []
    count = 0
    left_out: list[str] = []
    for due in months_to_close(earliest, BillingMonth.parse(one.key.period), zone):
        issued = await _close(due, one, left_out, zone, db)
        count += issued.invoices
        left_out += issued.unbillable
        if issued.invoices:
            await runs.append_totals(db, one.key, str(due), issued.numbers)
            said += await _tell(due, issued, cause, db)
    said += await collect_from_holds(one, cause, db)
    await runs.conclude_range(db, one.key, count, len(left_out))
    if before or left_out:
        after = await runs.find_quarantined(db, *accounts)
        said += _tell_of_quarantine(before, after, set(left_out), cause)
    progressed = InvoiceRunProgressed(
        period=one.key.period,
        ranges=run.ranges,
        range_number=one.key.range_number,
        invoices=count,
        quarantined=len(left_out),
        account_id=alone,
    )
    closed = MonthRangeClosed(period=one.key.period, range_number=one.key.range_number)
    return [*said, progressed.because(cause), closed.because(cause)]


def _tell_of_quarantine(
    before: Mapping[tuple[str, str], LeftOut],
    after: Mapping[tuple[str, str], LeftOut],
    left_out: Collection[str],
    cause: Message,
) -> list[Said]:
    """Say whose month was left out just now, and whose is no longer."""
    said: list[Said] = [
        InvoiceRunAccountQuarantined(
            period=period, account_id=account_id, reason=why.reason, detail=why.detail[:2_000]
        ).because(cause, key=f"{account_id}/{period}")
        for (account_id, period), why in after.items()
        if account_id in left_out
    ]
    return said + [
        InvoiceRunAccountResolved(period=period, account_id=account_id).because(
            cause, key=f"{account_id}/{period}"
        )
        for account_id, period in before
        if (account_id, period) not in after
    ]


async def _close(
    due: BillingMonth, one: Range, left_out: Sequence[str], zone: ZoneInfo, db: Connection
) -> Issued:
    """Invoice one month of a range, at the prices then in force."""
    return await month.issue_invoices(
        db,
        Stretch(
            kind="usage",
            first_account=one.first_account,
            next_account=one.next_account,
            start=due.start(zone),
            end=due.end(zone),
            corrections_of=str(due),
            period=str(due),
            left_out=left_out,
        ),
        BillingMonth.containing(one.tick_at, zone).year,
        one.tick_at,
        one.tick_at + timedelta(days=settings().invoice_due_days),
    )


async def _tell(due: BillingMonth, issued: Issued, cause: Message, db: Connection) -> list[Said]:
    written = await invoices.write_invoices(db, issued.numbers)
    told: list[Said] = [
        WrittenInvoicesIssued.of(str(due), ",".join(some)).because(cause, key=f"{due}/{place}")
        for place, some in enumerate(in_messages(written))
    ]
    return told + await give_back(issued.numbers, cause, db)


async def month_range_closed(messages: Sequence[MonthRangeClosed], db: Connection) -> list[Said]:
    """Complete a run once its last range is done, and say so."""
    causes = {one.period: one for one in messages}
    return [
        InvoiceRunCompleted(
            period=run.period,
            invoices=run.invoices,
            amount=sum(run.amounts.values()),
            quarantined=run.quarantined,
            amounts=run.amounts,
        ).because(causes[run.period], key=run.period)
        for run in await runs.complete_runs(db, causes)
    ]
