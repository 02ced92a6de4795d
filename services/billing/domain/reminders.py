"""Reminders that a prepaid resource ends soon, or has ended (domain 7)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.billing.domain.catalogue import ProductVersion
from services.billing.domain.purchases import GRACE

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
    by_trash = product is not None and product.expiry_policy == "trash"
    kept = timedelta(days=product.trash_days) if product is not None and by_trash else GRACE
    return "resource_release_soon", {**facts, "released_at": (ending.ends_at + kept).isoformat()}
