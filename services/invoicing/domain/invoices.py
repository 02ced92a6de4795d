"""Invoices that are paid before they are issued (domain 2.4), and what numbers look like."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from shared.ids import derived_id
from shared.messages.invoicing import INVOICES_IN_A_MESSAGE
from shared.messages.items import PricedItem
from shared.messages.provisioning import (
    ResourceEvent,
    ResourceProvisioned,
    ResourceRecovered,
    ResourceRenewed,
    ResourceResized,
)

MESSAGE_CHARACTERS: Final = 500_000
"""A message of invoices is no longer than this, unless it has only one."""


@dataclass(frozen=True, slots=True)
class PaidInvoice:
    """An invoice for an item that was paid when it was ordered; it has no number yet."""

    invoice_id: str
    account_id: str
    resource_id: str
    order_id: str
    payment_id: str | None
    item: PricedItem
    period_from: datetime
    period_to: datetime
    issued_at: datetime


def find_paid_invoice(event: ResourceEvent, ended_at: datetime | None) -> PaidInvoice | None:
    """The invoice for what was bought and is now provided, if the event tells of such a thing.

    Its period is what was bought: from the end until then for a renewal, else from when the
    resource was provided (domain 6). What a POC wallet pays for is never invoiced (domain 9).

    Args:
        event: something happened to a resource.
        ended_at: when the resource would have ended before that.
    """
    item = event.item
    if item is None or item.user_type != "prepaid" or event.order_id is None:
        return None
    if item.poc is not None:
        return None
    match event:
        case ResourceProvisioned():
            start = event.starts_at
        case ResourceRenewed():
            start = item.starts_at or ended_at or event.at
        case ResourceResized() | ResourceRecovered():
            start = event.at
        case _:
            return None
    return PaidInvoice(
        invoice_id=derived_id("invoice", event.order_id, item.item_id),
        account_id=event.account_id,
        resource_id=event.resource_id,
        order_id=event.order_id,
        payment_id=event.payment_id,
        item=item,
        period_from=start,
        period_to=max(start, event.ends_at or start),
        issued_at=event.time,
    )


def adds_up(item: PricedItem) -> bool:
    """Whether an item is the sum of its lines, and its gross that of net and VAT (domain 6)."""
    lines = sum(line.amount + (0 if line.vat_included else line.vat) for line in item.lines)
    return lines - item.discount == item.amount == item.net + item.vat


def series_name(year: int, place: int) -> str:
    """The name of a year's series of invoice numbers: 2026A … 2026Z, 2026AA …"""
    letters = ""
    place += 1
    while place:
        place, letter = divmod(place - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"{year}{letters}"


def numbered(series: str, number: int) -> str:
    """An invoice's number as people see it: `2026A-0000001`."""
    return f"{series}-{number:07d}"


def in_messages(written: Iterable[str]) -> Iterator[list[str]]:
    """Divide written invoices among messages: as many in each as it may have, in their order."""
    some: list[str] = []
    characters = 0
    for one in written:
        if some and (
            len(some) == INVOICES_IN_A_MESSAGE or characters + len(one) > MESSAGE_CHARACTERS
        ):
            yield some
            some, characters = [], 0
        some.append(one)
        characters += len(one)
    if some:
        yield some
