"""What happens to resources: paid invoices for prepaid ones, use of postpaid ones."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from services.invoicing.domain.invoices import PaidInvoice, adds_up, find_paid_invoice, numbered
from services.invoicing.domain.usage import Account, Adjustment, Resource, Segment, follow, in_order
from services.invoicing.handlers import holds
from services.invoicing.handlers.giving_back import give_back
from services.invoicing.handlers.reports import take_up
from services.invoicing.store import catalogue, invoices, month, usage
from services.invoicing.store.invoices import Numbers
from services.invoicing.store.month import FIRST_TIME, Stretch
from shared.database import Connection
from shared.messages import NotYet, Refused, Said
from shared.messages.invoicing import InvoiceIssued
from shared.messages.provisioning import ResourceConverted, ResourceEvent
from shared.periods import BillingMonth
from shared.settings import settings


@dataclass(slots=True)
class _Changes:
    """What the events of a group change, gathered to be saved at once."""

    resources: dict[str, Resource] = field(default_factory=dict)
    ended: list[Segment] = field(default_factory=list)
    begun: dict[tuple[str, int], Segment] = field(default_factory=dict)
    adjustments: list[Adjustment] = field(default_factory=list)
    applied: list[ResourceEvent] = field(default_factory=list)
    paid: list[tuple[ResourceEvent, PaidInvoice]] = field(default_factory=list)
    switched: list[tuple[ResourceEvent, datetime]] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)


async def resource_changed(events: Sequence[ResourceEvent], db: Connection) -> list[Said]:
    """Follow each resource's events in their order: issue the paid invoice for what was bought,
    and keep the use of what is paid later, with the credit that is held for it."""
    zone = ZoneInfo(settings().billing_time_zone)
    accounts = await _accounts(events, db)
    resources = await usage.lock_resources(db, {event.resource_id for event in events})
    changes = _follow(events, accounts, resources, zone)
    if changes.resources:
        await usage.save_resources(db, changes.resources.values())
    await usage.end_segments(db, changes.ended)
    await usage.append_segments(db, list(changes.begun.values()))
    await usage.append_adjustments(db, changes.adjustments)
    new = {one.resource_id: one for one in events if one.resource_id in changes.resources}
    return [
        *changes.said,
        *await take_up({key: new[key] for key in new if key not in resources}, db),
        *await holds.follow(changes.applied, db),
        *await _issue_paid(changes.paid, zone, db),
        *await _issue_final(changes.switched, accounts, zone, db),
    ]


async def _accounts(events: Sequence[ResourceEvent], db: Connection) -> dict[str, Account]:
    """The accounts of events; those whose use may change are held against the month's run."""
    touched = {
        event.account_id
        for event in events
        if event.user_type == "postpaid" or isinstance(event, ResourceConverted)
    }
    others = {event.account_id for event in events} - touched
    held = await catalogue.lock_accounts(db, touched) if touched else {}
    return held | (await catalogue.find_accounts(db, others) if others else {})


def _follow(
    events: Sequence[ResourceEvent],
    accounts: dict[str, Account],
    resources: dict[str, Resource],
    zone: ZoneInfo,
) -> _Changes:
    changes = _Changes()
    for event in in_order(events):
        resource = changes.resources.get(event.resource_id) or resources.get(event.resource_id)
        if resource is not None and event.version <= resource.version:
            continue
        if answer := _not_applicable(event, resource, accounts):
            changes.said.append(answer)
            continue
        step = follow(resource, event, accounts[event.account_id], zone)
        changes.resources[event.resource_id] = step.resource
        changes.applied.append(event)
        changes.adjustments += step.adjustments
        if step.ended:
            key = (step.ended.resource_id, step.ended.version)
            if key in changes.begun:
                changes.begun[key] = step.ended
            else:
                changes.ended.append(step.ended)
        if step.begun:
            changes.begun[step.begun.resource_id, step.begun.version] = step.begun
        if isinstance(event, ResourceConverted) and event.user_type == "prepaid" and step.ended:
            changes.switched.append((event, step.ended.ended_at or event.at))
        if paid := find_paid_invoice(event, resource.ends_at if resource else None):
            changes.paid.append((event, paid))
    return changes


def _not_applicable(
    event: ResourceEvent, resource: Resource | None, accounts: dict[str, Account]
) -> Said | None:
    if event.account_id not in accounts:
        return NotYet(event, "unknown_account")
    if event.version != (resource.version if resource else 0) + 1:
        return NotYet(event, "earlier_event_missing")
    if resource is not None and resource.account_id != event.account_id:
        return Refused(
            event, "wrong_account", f"{event.resource_id} belongs to {resource.account_id}"
        )
    item = event.item
    if item is not None and item.user_type == "prepaid":
        if event.order_id is None:
            return Refused(event, "item_without_order", f"item {item.item_id} has no order")
        if not adds_up(item):
            return Refused(
                event, "item_does_not_add_up", f"item {item.item_id} is not the sum of its lines"
            )
        if item.currency != accounts[event.account_id].currency:
            return Refused(event, "wrong_currency", f"item {item.item_id} is in {item.currency}")
    return None


async def _issue_paid(
    paid: Sequence[tuple[ResourceEvent, PaidInvoice]], zone: ZoneInfo, db: Connection
) -> list[Said]:
    """Issue invoices that are paid already, one an item (domain 2.4)."""
    by_year: defaultdict[int, list[tuple[ResourceEvent, PaidInvoice]]] = defaultdict(list)
    for event, invoice in paid:
        by_year[BillingMonth.containing(invoice.issued_at, zone).year].append((event, invoice))
    said: list[Said] = []
    for year, of_year in sorted(by_year.items()):
        numbers = await invoices.append_paid_invoices(db, [invoice for _, invoice in of_year], year)
        for number, (event, invoice) in enumerate(of_year, start=numbers.first):
            said.append(_told(invoice, numbered(numbers.series, number)).because(event))
    return said


def _told(invoice: PaidInvoice, number: str) -> InvoiceIssued:
    item = invoice.item
    return InvoiceIssued(
        invoice_id=invoice.invoice_id,
        number=number,
        account_id=invoice.account_id,
        resource_id=invoice.resource_id,
        order_id=invoice.order_id,
        kind="prepaid",
        status="paid",
        period_from=invoice.period_from,
        period_to=invoice.period_to,
        lines=item.lines,
        discount=item.discount,
        net=item.net,
        vat=item.vat,
        gross=item.amount,
        currency=item.currency,
    )


async def _issue_final(
    switched: Sequence[tuple[ResourceEvent, datetime]],
    accounts: dict[str, Account],
    zone: ZoneInfo,
    db: Connection,
) -> list[Said]:
    """Invoice at once the use of resources that became prepaid (domain 10).

    What can't be invoiced, for want of a price, is left to the month's run, which reports it.
    """
    together: defaultdict[tuple[str, datetime, datetime], list[ResourceEvent]] = defaultdict(list)
    for event, at in switched:
        together[event.account_id, at, event.time].append(event)
    said: list[Said] = []
    for (account_id, at, issued_at), events in sorted(together.items(), key=lambda one: one[0]):
        closed_until = accounts[account_id].closed_until
        corrections_of = str(BillingMonth.containing(closed_until or FIRST_TIME, zone))
        issued = await month.issue_invoices(
            db,
            Stretch(
                kind="final",
                first_account=account_id,
                next_account=f"{account_id} ",
                start=FIRST_TIME,
                end=at,
                corrections_of=corrections_of,
                resource_ids=[event.resource_id for event in events],
            ),
            BillingMonth.containing(issued_at, zone).year,
            issued_at,
            issued_at + timedelta(days=settings().invoice_due_days),
        )
        await month.conclude_final_invoices(db, issued.numbers, corrections_of)
        said += await _tell_final(issued.numbers, {one.resource_id: one for one in events}, db)
    return said


async def _tell_final(
    numbers: Numbers, events: dict[str, ResourceEvent], db: Connection
) -> list[Said]:
    said: list[Said] = []
    for written in await invoices.write_invoices(db, numbers):
        invoice = InvoiceIssued.model_validate_json(written)
        said.append(invoice.because(events[invoice.resource_id], key=invoice.invoice_id))
    return said + await give_back(numbers, next(iter(events.values())), db)
