"""What messages tell of customers."""

from collections.abc import Iterator

from services.portal.domain.facts import Fact
from shared.messages import Message
from shared.messages.billing import AccountSwitched
from shared.messages.invoicing import AccountOverdue, AccountSettled
from shared.messages.upstream import AccountChanged, AccountRegistered, PocGranted


def of_account(message: Message) -> Iterator[Fact]:
    """Who an account is, its user type, and since when it is overdue."""
    match message:
        case AccountRegistered():
            yield (
                (message.account_id,),
                {
                    "account_id": message.account_id,
                    "email": message.email,
                    "name": message.name,
                    "currency": message.currency,
                    "time_zone": message.time_zone,
                    "registered_at": message.time,
                },
            )
        case AccountSwitched():
            yield (
                (message.account_id,),
                {
                    "account_id": message.account_id,
                    "user_type": message.to,
                    "switched_at": message.time,
                },
            )
        case AccountOverdue() | AccountSettled():
            since = message.since if isinstance(message, AccountOverdue) else None
            yield (
                (message.account_id,),
                {
                    "account_id": message.account_id,
                    "overdue_since": since or "",
                    "standing_at": message.time,
                },
            )
        case _:
            return


def of_billing_details(message: Message) -> Iterator[Fact]:
    """Whom documents are made out to from now on."""
    if not isinstance(message, AccountRegistered | AccountChanged):
        return
    details = message.billing_details
    if details is not None:
        event_id = message.envelope.id
        yield (
            (message.account_id, message.time.isoformat(), event_id),
            {
                "account_id": message.account_id,
                "at": message.time,
                "event_id": event_id,
                **details.model_dump(),
            },
        )


def of_poc(message: Message) -> Iterator[Fact]:
    """A proof of concept that Sales granted (domain 9)."""
    if isinstance(message, PocGranted):
        grant_id = message.envelope.id
        yield (
            (message.account_id, grant_id),
            {
                "account_id": message.account_id,
                "grant_id": grant_id,
                "amount": message.amount,
                "ends_at": message.ends_at,
                "granted_by": message.granted_by,
                "at": message.time,
            },
        )
