"""What was paid for a prepaid resource's term, and what the rest of it is worth (domain 6)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from services.billing.domain.pricing import vat_of
from shared.messages.items import Component, InvoiceLine
from shared.periods import minutes_between


@dataclass(frozen=True, slots=True)
class TermPiece:
    """A stretch of a term and what was paid for it, VAT included, coupons taken off."""

    order_id: str
    item_id: str
    starts_at: datetime
    ends_at: datetime
    paid: int
    vat_rate: Decimal

    def minutes_left(self, at: datetime) -> int:
        """Minutes of it that have not been used at `at`."""
        return minutes_between(max(at, self.starts_at), self.ends_at)

    def unused_value(self, at: datetime) -> int:
        """What was paid for the minutes that are left, rounded half up (smallest units)."""
        minutes = minutes_between(self.starts_at, self.ends_at)
        return (2 * self.paid * self.minutes_left(at) + minutes) // (2 * minutes) if minutes else 0


def unused_value(pieces: Iterable[TermPiece], at: datetime) -> int:
    """What goes back when a resource is given up at `at`; never more than was paid."""
    return sum(piece.unused_value(at) for piece in pieces)


def credit_lines(
    pieces: Iterable[TermPiece],
    components: tuple[Component, ...],
    name: str,
    at: datetime,
    at_most: int,
) -> tuple[InvoiceLine, ...]:
    """A line below 0 for the unused part of each piece, when a configuration ends early; together
    they come to `at_most` (smallest units)."""
    lines: list[InvoiceLine] = []
    for piece in pieces:
        value = min(piece.unused_value(at), at_most)
        if value <= 0:
            continue
        at_most -= value
        lines.append(
            InvoiceLine(
                sku=components[0].sku,
                description=f"{name}: unused part of the old configuration",
                quantity=Decimal(1),
                minutes=piece.minutes_left(at),
                unit_price=Decimal(value),
                amount=-value,
                vat=-vat_of(value, piece.vat_rate, included=True),
                vat_rate=piece.vat_rate,
                vat_included=True,
            )
        )
    return tuple(lines)
