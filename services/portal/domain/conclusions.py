"""How an act ended, read from the events that belong to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

GOOD: Final[Mapping[str, frozenset[str]]] = {
    "register": frozenset({"account.registered"}),
    "top_up": frozenset({"wallet.credited"}),
    "pay_invoice": frozenset({"invoice.paid", "invoice.partially_paid"}),
    "auto_renew": frozenset({"resource.auto_renew_set"}),
    "details": frozenset({"account.changed"}),
    "notifications": frozenset({"notification.preferences_set"}),
}
"""Events that conclude an act well, by its kind; orders end with their resources."""
ORDERED: Final = frozenset(
    {
        "resource.provisioned",
        "resource.resized",
        "resource.renewed",
        "resource.recovered",
        "resource.deleted",
        "resource.stopped",
        "resource.started",
        "resource.suspended",
    }
)
"""What concludes an order: what goes through the trash is suspended, as a stopped POC is."""
_BAD: Final = frozenset(
    {
        "order.rejected",
        "payment.failed",
        "provisioning.failed",
        "top_up.failed",
        "account.switch_refused",
    }
)


@dataclass(frozen=True, slots=True)
class Conclusion:
    """How it ended, why where it failed, what was given back (smallest units), and what to look at
    now: an address among the account's pages."""

    outcome: Literal["good", "bad", "open"] = "open"
    reason: str | None = None
    given_back: int = 0
    link: str | None = None


def concluded(kind: str, events: Sequence[tuple[str, Mapping[str, Any]]]) -> Conclusion:
    """What the events of an act, as (type, data), come to; what failed goes before what worked."""
    good = GOOD.get(kind, ORDERED)
    reason: str | None = None
    link: str | None = None
    given_back = 0
    outcome: Literal["good", "bad", "open"] = "open"
    for type_, data in events:
        if type_ in _BAD:
            outcome, reason = "bad", data.get("reason")
        elif type_ in good and outcome == "open":
            outcome = "good"
        if type_ in ORDERED and "resource_id" in data:
            link = f"/resources/{data['resource_id']}"
        elif type_ in ("invoice.paid", "invoice.partially_paid"):
            link = link or f"/invoices/{data['invoice_id']}"
        elif type_ == "wallet.credited" and kind == "top_up":
            link = "/wallet"
        elif type_ == "account.changed":
            link = "/details"
        elif type_ == "notification.preferences_set":
            link = "/notifications"
        elif type_ == "refund.to_credit":
            given_back += data["amount"]
    return Conclusion(outcome, reason, given_back, link)
