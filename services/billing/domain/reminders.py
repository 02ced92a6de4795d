"""Reminders that a prepaid resource ends soon, or has ended (domain 7)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from services.billing.domain.catalogue import ProductVersion
from services.billing.domain.purchases import GRACE
from shared.messages.model import PocState

POC_TRASH_DAYS: Final = 7
"""How long an ended proof of concept is kept where its product has no trash (domain 9)."""
Facts = dict[str, str | int | None]


@dataclass(frozen=True, slots=True)
class Ending:
    """A prepaid resource that ends within a week, or that ended and is not released."""

    account_id: str
    resource_id: str
    product: str
    name: str
    state: str
    ends_at: datetime
    auto_renew_months: int | None
    poc: PocState | None = None


def reminder(ending: Ending, product: ProductVersion | None, at: datetime) -> tuple[str, Facts]:
    """The template of a reminder at a time, and what fills it in.

    Args:
        ending: what is about to end, or has ended.
        product: the policy in force at its end.
        at: when it is reminded of.
    """
    facts: Facts = {
        "resource_id": ending.resource_id,
        "product": ending.product,
        "name": ending.name,
        "state": ending.state,
        "ends_at": ending.ends_at.isoformat(),
    }
    if at < ending.ends_at:
        left = -((at - ending.ends_at) // timedelta(days=1))
        return "resource_ends_soon", {
            **facts,
            "days_left": left,
            "auto_renew_months": ending.auto_renew_months,
        }
    released_at = ending.ends_at + _kept(ending, product)
    return "resource_release_soon", {**facts, "released_at": released_at.isoformat()}


def _kept(ending: Ending, product: ProductVersion | None) -> timedelta:
    """How long after its end a resource is kept."""
    if ending.poc == "ended":
        return timedelta(days=(product.trash_days if product else 0) or POC_TRASH_DAYS)
    by_trash = product is not None and product.expiry_policy == "trash"
    return timedelta(days=product.trash_days) if product is not None and by_trash else GRACE
