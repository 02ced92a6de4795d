"""Webhooks: which events an account's systems are told, as what, and when again.

A receiver gets the event as the contract has it, a CloudEvent in JSON; so what is promised of
messages is promised of webhooks.
"""

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from services.portal.domain.facts import Row
from shared.messages import Message
from shared.messages import billing as b
from shared.messages import gateways as g
from shared.messages import invoicing as i
from shared.messages import provisioning as p
from shared.messages import wallet as w

PUBLIC: Final[tuple[type[Message], ...]] = (
    b.OrderRejected,
    b.OrderConfirmed,
    b.PaymentRequested,
    b.PaymentConfirmed,
    b.PaymentFailed,
    b.RefundToCredit,
    b.AccountSwitched,
    g.PaymentLinkReady,
    g.TopUpFailed,
    p.ResourceProvisioned,
    p.ResourceResized,
    p.ResourceRenewed,
    p.ResourceRecovered,
    p.ResourceStopped,
    p.ResourceStarted,
    p.ResourceSuspended,
    p.ResourceDeleted,
    p.ResourceReleased,
    p.ResourceConverted,
    p.ProvisioningFailed,
    w.WalletCredited,
    w.WalletDebited,
    w.WalletHeld,
    w.WalletReleased,
    w.WalletDeclined,
    i.InvoiceIssued,
    i.InvoicePaid,
    i.InvoicePartiallyPaid,
    i.InvoiceCredited,
    i.AccountOverdue,
    i.AccountSettled,
)
"""What is told outside: facts about the account, no command and no question."""

PUBLIC_TYPES: Final = tuple(sorted(message.type for message in PUBLIC))
_GROWS_BY: Final = 3


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An event as it goes to an account's systems. `event_id` is theirs to recognise it by."""

    account_id: str
    event_id: str
    type: str
    body: str


def outgoing(event: Row) -> Outgoing:
    """A public event of an account, from its row in `event`."""
    told = {
        "specversion": "1.0",
        "id": event["event_id"],
        "source": event["source"],
        "type": event["type"],
        "subject": event["account_id"],
        "time": event["time"].isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        **({"correlationid": event["correlation_id"]} if event["correlation_id"] else {}),
        "data": json.loads(event["payload"]),
    }
    body = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    known = f"{event['source']} {event['event_id']}"
    event_id = f"evt_{sha256(known.encode()).hexdigest()[:32]}"
    return Outgoing(event["account_id"], event_id, event["type"], body)


def is_public(event: Row) -> bool:
    """Whether an event is told outside."""
    return event["type"] in PUBLIC_TYPES


def pause_s(failures: int, first_s: float, longest_s: float) -> float:
    """How long to wait after so many failures in a row: three times as long each time.

    Args:
        failures: 1 or more.
        first_s: after the first.
        longest_s: no pause is longer.
    """
    pause = first_s
    for _ in range(failures - 1):
        pause *= _GROWS_BY
        if pause >= longest_s:
            return longest_s
    return min(pause, longest_s)
